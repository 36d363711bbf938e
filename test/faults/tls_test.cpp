// Servers that can't be trusted, or whose TLS is wrong: they are told nothing.

#include "driver.hpp"

#include <boost/test/unit_test.hpp>

using namespace passage;
using namespace passage::test;

namespace {

constexpr long day = 24 * 60 * 60;

const std::string answer = answer_with_user("subject");

/// A server's certificate, and whether it is good for https://localhost.
struct Row
{
    const char* name;
    CertificateSpec spec;
    bool good = false;
};

std::size_t bytes_of_requests(const Observed& seen)
{
    std::size_t bytes = 0;
    for (const SeenRequest& request : seen.requests)
        bytes += request.bytes.size();
    return bytes;
}

Case by_name(Driver& driver, std::string name, std::vector<Script> scripts, Expected expected)
{
    return {.name = std::move(name),
            .scripts = std::move(scripts),
            .expected = expected,
            .configure = [&driver](Config& config) { config.base_url = driver.server().url("localhost"); }};
}

/// A failed handshake is final, and the server was sent nothing. The sentinel meets a good server.
void refuse(Driver& driver, const std::string& name, const TlsSettings& settings)
{
    count_case();
    const Observed seen =
        driver.run(by_name(driver, name, {{{steps::failing_tls(settings)}}},
                           {.error = Errc::tls, .stage = Stage::tls, .effect = Effect::none, .attempts = 1}));
    BOOST_TEST(seen.connections == 1u);
    BOOST_TEST(bytes_of_requests(seen) == 0u);
}

void accept(Driver& driver, const std::string& name, const TlsSettings& settings)
{
    count_case();
    driver.run(by_name(driver, name, {{{steps::tls(settings), steps::serve()}, true}}, {.requests = 1, .kept = true}));
}

} // namespace

BOOST_AUTO_TEST_CASE(a_certificate_is_taken_for_the_names_it_has_and_in_its_time_only)
{
    Driver driver;
    const std::vector<Row> rows{
        {"localhost", {}, true},
        {"upper case", {.names = "DNS:LOCALHOST"}, true},
        {"expired", {.valid_from = -2 * day, .valid_until = -day}},
        {"expired a moment ago", {.valid_from = -2 * day, .valid_until = -2}},
        {"not yet valid", {.valid_from = day, .valid_until = 2 * day}},
        {"another host", {.names = "DNS:example.com"}},
        {"a child of the host", {.names = "DNS:api.localhost"}},
        {"the common name only", {.names = ""}},
        {"the common name, and an address", {.names = "IP:127.0.0.1"}},
        {"partial wildcard at the end", {.names = "DNS:local*"}},
        {"partial wildcard at the start", {.names = "DNS:*host"}},
        {"wildcard alone", {.names = "DNS:*"}},
        {"for clients", {.usage = "clientAuth"}},
        {"RSA", {.rsa = true}, true},
    };
    for (const Row& row : rows) {
        const Identity identity = make_identity(row.spec, &driver.server().authority());
        const TlsSettings settings{.identity = &identity};
        if (row.good)
            accept(driver, row.name, settings);
        else
            refuse(driver, row.name, settings);
        // The server keeps a context for the settings, which must not be taken for those of a later certificate.
        driver.server().forget_contexts();
    }
}

BOOST_AUTO_TEST_CASE(an_address_is_matched_with_addresses_only)
{
    Driver driver;
    const std::vector<Row> rows{{"the address", {.names = "IP:127.0.0.1"}, true},
                                {"another address", {.names = "IP:127.0.0.2"}},
                                {"the address as a name", {.names = "DNS:127.0.0.1"}},
                                {"a name", {.names = "DNS:localhost"}}};
    for (const Row& row : rows) {
        count_case();
        const Identity identity = make_identity(row.spec, &driver.server().authority());
        const TlsSettings settings{.identity = &identity};
        const Observed seen =
            driver.run({.name = row.name,
                        .scripts = {row.good ? Script{{steps::tls(settings), steps::serve()}, true}
                                             : Script{{steps::failing_tls(settings)}}},
                        .expected = {.error = row.good ? std::nullopt : std::optional{Errc::tls}, .kept = row.good}});
        BOOST_TEST((bytes_of_requests(seen) > 0) == row.good);
        driver.server().forget_contexts();
    }
}

BOOST_AUTO_TEST_CASE(only_a_chain_to_a_trusted_authority_is_taken)
{
    Driver driver;
    const Identity& authority = driver.server().authority();
    const Identity middle =
        make_identity({.common_name = "intermediate", .names = "", .is_authority = true}, &authority);
    const Identity old_middle = make_identity({.common_name = "expired intermediate",
                                               .names = "",
                                               .valid_from = -2 * day,
                                               .valid_until = -day,
                                               .is_authority = true},
                                              &authority);
    const Identity no_authority = make_identity({.common_name = "no authority"}, &authority);
    const Identity other =
        make_identity({.common_name = "other authority", .names = "", .is_authority = true}, nullptr);
    const Identity same_name =
        make_identity({.common_name = "test authority", .names = "", .is_authority = true}, nullptr);

    const auto with = [](const Identity* issuer, std::vector<const Identity*> chain) {
        Identity identity = make_identity({}, issuer);
        identity.chain = std::move(chain);
        return identity;
    };
    const auto try_one = [&](const char* name, const Identity& identity, bool good) {
        if (good)
            accept(driver, name, {.identity = &identity});
        else
            refuse(driver, name, {.identity = &identity});
        driver.server().forget_contexts();
    };
    try_one("self-signed", with(nullptr, {}), false);
    try_one("unknown authority", with(&other, {}), false);
    try_one("unknown authority, sent along", with(&other, {&other}), false);
    try_one("an authority of the same name", with(&same_name, {}), false);
    try_one("no intermediate", with(&middle, {}), false);
    try_one("intermediate", with(&middle, {&middle}), true);
    try_one("a surplus one first", with(&middle, {&other, &middle}), true);
    try_one("an expired intermediate", with(&old_middle, {&old_middle}), false);
    try_one("signed by a certificate that may not", with(&no_authority, {&no_authority}), false);
}

BOOST_AUTO_TEST_CASE(only_tls_1_2_and_1_3_with_modern_ciphers_are_spoken)
{
    Driver driver;
    accept(driver, "TLS 1.2", {.max_version = TLS1_2_VERSION});
    accept(driver, "TLS 1.3", {.min_version = TLS1_3_VERSION});
    refuse(driver, "TLS 1.1", {.min_version = TLS1_1_VERSION, .max_version = TLS1_1_VERSION});
    refuse(driver, "TLS 1.0", {.min_version = TLS1_VERSION, .max_version = TLS1_VERSION});

    const Identity rsa = make_identity({.rsa = true}, &driver.server().authority());
    for (const char* ciphers : {"AES128-GCM-SHA256", "AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA256",
                                "DHE-RSA-AES128-GCM-SHA256"})
        refuse(driver, ciphers, {.identity = &rsa, .max_version = TLS1_2_VERSION, .ciphers = ciphers});
    accept(driver, "ECDHE-RSA-AES128-GCM-SHA256",
           {.identity = &rsa, .max_version = TLS1_2_VERSION, .ciphers = "ECDHE-RSA-AES128-GCM-SHA256"});

    accept(driver, "ALPN http/1.1", {.alpn = "http/1.1"});
    refuse(driver, "ALPN h2, which was not offered", {.alpn = "h2"});
}

BOOST_AUTO_TEST_CASE(what_is_no_tls_is_refused)
{
    Driver driver;
    for (const auto& [name, bytes] : std::vector<std::pair<const char*, std::string>>{
             {"plain HTTP", response(400)},
             {"an answer in plain HTTP", answer},
             {"garbage", std::string(64, '\x7f')},
             {"a record of an alert", std::string{"\x15\x03\x03\x00\x02\x02\x28", 7}},
             {"an endless record", std::string{"\x16\x03\x03\xff\xff", 5} + std::string(100, 'x')}}) {
        count_case();
        const Observed seen = driver.run(
            by_name(driver, name, {{{[](Peer& peer) { peer.await_input(); }, steps::send_raw(bytes), steps::fin()}}},
                    {.error = Errc::tls, .stage = Stage::tls, .effect = Effect::none, .attempts = 1}));
        BOOST_TEST(seen.connections == 1u);
    }
}

BOOST_AUTO_TEST_CASE(a_handshake_cut_at_any_byte_is_made_again)
{
    Driver driver;
    const Identity rsa = make_identity({.rsa = true}, &driver.server().authority()); // all its signatures are as long
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const TlsSettings settings{.identity = &rsa, .max_version = version, .tickets = 0};
        std::size_t size = 0;
        driver.run(
            {.name = "whole",
             .scripts = {{{steps::tls(settings), [&](Peer& peer) { size = peer.raw_bytes_sent(); }, steps::serve()},
                          true}},
             .expected = {}});
        BOOST_TEST(size > 500u);
        for (const bool reset : {true, false}) {
            count_case();
            for (std::size_t k = 0; k < size; k += reset ? 1 : 7) {
                const Observed seen = driver.run({.name = std::to_string(k) + (reset ? " RST" : " FIN"),
                                                  .operation = Operation::create,
                                                  .scripts = {{{steps::cut_after(k, reset), steps::tls(settings)}}},
                                                  .expected = {.requests = 1, .kept = true}});
                BOOST_TEST(seen.connections == 2u);
                BOOST_TEST(seen.requests.at(0).connection == 1u);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_session_is_resumed_on_the_next_connection)
{
    Driver driver;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        count_case();
        const TlsSettings settings{.max_version = version};
        TlsSettings resumed = settings;
        resumed.needs_resumed = true;
        const auto two_calls = [](Client& client) -> asio::awaitable<Result> {
            BOOST_TEST((co_await get(client, "first")).id == "first");
            co_return co_await perform(client, Operation::get);
        };
        driver.run({.name = "resumed",
                    .scripts = {{{steps::tls(settings), steps::request(), steps::answer("Connection: close\r\n"),
                                  steps::close_notify(), steps::fin()}},
                                {{steps::tls(resumed), steps::serve()}, true}},
                    .expected = {.requests = 2, .kept = true},
                    .call = two_calls});
        count_case();
        driver.server().forget_contexts();
        driver.run(
            {.name = "ticket refused",
             .scripts = {{{steps::tls(settings), steps::request(), steps::answer("Connection: close\r\n"),
                           steps::close_notify(), steps::fin(), [](Peer& peer) { peer.server().forget_contexts(); }}},
                         {{steps::tls({.max_version = version, .tickets = 1}), steps::serve()}, true}},
             .expected = {.requests = 2, .kept = true},
             .call = two_calls});
    }
}

BOOST_AUTO_TEST_CASE(tls_messages_on_an_idle_connection_are_no_data)
{
    Driver driver;
    count_case();
    driver.run({.name = "many tickets",
                .scripts = {{{steps::tls({.min_version = TLS1_3_VERSION, .tickets = 8}), steps::serve()}, true}},
                .expected = {.requests = 1, .kept = true}});
    count_case();
    driver.run({.name = "a new key",
                .scripts = {{{steps::tls({.min_version = TLS1_3_VERSION}), steps::request(), steps::answer(),
                              [](Peer& peer) { peer.update_key(); }, steps::serve()},
                             true}},
                .expected = {.requests = 1, .kept = true}});
}

BOOST_AUTO_TEST_CASE(renegotiation_is_refused)
{
    Driver driver;
    count_case();
    driver.run({.name = "hello request before the answer",
                .operation = Operation::create,
                .scripts = {{{steps::tls({.max_version = TLS1_2_VERSION}), steps::request(),
                              [](Peer& peer) { peer.renegotiate(); }, steps::expect_end()}}},
                .expected = {.error = Errc::tls, .effect = Effect::unknown, .requests = 1, .kept = false}});
}

BOOST_AUTO_TEST_CASE(a_body_that_only_its_connection_ends_needs_a_close_notify)
{
    Driver driver;
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
    const std::string unframed = head + answer.substr(answer.find("\r\n\r\n") + 4);
    count_case();
    driver.run(
        {.name = "with close_notify",
         .operation = Operation::create,
         .scripts = {{{steps::tls(), steps::request(), steps::send(unframed), steps::close_notify(), steps::fin()}}},
         .expected = {.requests = 1, .kept = false}});
    for (const bool reset : {true, false}) {
        count_case();
        driver.run({.name = "without",
                    .operation = Operation::create,
                    .scripts = {{{steps::tls(), steps::request(), steps::send(unframed),
                                  reset ? steps::rst() : steps::fin()}}},
                    .expected = {.error = Errc::truncated, .effect = Effect::unknown, .requests = 1, .kept = false}});
    }
}
