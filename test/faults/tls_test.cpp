// Servers that can't be trusted, or whose TLS is wrong: they are told nothing.

#include "driver.hpp"
#include "support/system_calls.hpp"

#include <boost/algorithm/string/case_conv.hpp>
#include <boost/test/unit_test.hpp>

#include <openssl/err.h>
#include <openssl/sslerr.h>

using namespace passage;
using namespace passage::test;

namespace {

constexpr long day = 24 * 60 * 60;

const std::string answer = answer_with_user("subject");

/// A server's certificate, and whether it is good for the host.
struct Row
{
    const char* name;
    CertificateSpec spec;
    bool good = false;
    std::string host = "localhost";
};

std::size_t bytes_of_requests(const Observed& seen)
{
    std::size_t bytes = 0;
    for (const SeenRequest& request : seen.requests)
        bytes += request.bytes.size();
    return bytes;
}

Case by_name(Driver& driver, std::string name, std::vector<Script> scripts, Expected expected,
             std::string host = "localhost")
{
    return {.name = std::move(name),
            .scripts = std::move(scripts),
            .expected = expected,
            .configure = [&driver, host = std::move(host)](Config& config) {
                config.base_url = driver.server().url(host);
            }};
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

/// Resolves the row's host to 127.0.0.1. A call to a server with a good certificate follows.
void try_row(Driver& driver, const Row& row)
{
    count_case();
    const ScriptedName host{boost::algorithm::to_lower_copy(row.host.substr(0, row.host.find_last_not_of('.') + 1))};
    const Identity identity = make_identity(row.spec, &driver.server().authority());
    const Identity good = make_identity({.names = "DNS:" + row.host}, &driver.server().authority());
    const TlsSettings settings{.identity = &identity};
    const Script after{{steps::tls({.identity = &good}), steps::serve()}, true};
    const Case accepted = by_name(driver, row.name, {{{steps::tls(settings), steps::serve()}, true}},
                                  {.requests = 1, .kept = true}, row.host);
    const Case refused =
        by_name(driver, row.name, {{{steps::failing_tls(settings)}}, after},
                {.error = Errc::tls, .stage = Stage::tls, .effect = Effect::none, .attempts = 1}, row.host);
    const Observed seen = driver.run(row.good ? accepted : refused);
    BOOST_TEST(seen.connections == 1u);
    BOOST_TEST((bytes_of_requests(seen) > 0) == row.good);
    // The server keeps a context for the settings, which must not be taken for those of a later certificate.
    driver.server().forget_contexts();
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
        {"valid from now on", {.valid_from = 0}, true},
        {"valid in a minute", {.valid_from = 60}},
        {"RSA", {.rsa_bits = 2048}, true},
        {"RSA, too short", {.rsa_bits = 1024}},
        {"signed over SHA-384", {.digest = "SHA384"}, true},
        {"signed over SHA-1", {.digest = "SHA1"}},
        {"a critical extension that nobody knows", {.unknown_critical = true}},
    };
    for (const Row& row : rows)
        try_row(driver, row);
}

BOOST_AUTO_TEST_CASE(wildcards_stand_for_one_whole_label_below_two_others)
{
    Driver driver;
    const char* const child = "api.example.com";
    const std::vector<Row> rows{
        {"wildcard", {.names = "DNS:*.example.com"}, true, child},
        {"wildcard, in upper case", {.names = "DNS:*.EXAMPLE.COM"}, true, child},
        {"wildcard for an A-label", {.names = "DNS:*.example.com"}, true, "xn--bcher-kva.example.com"},
        {"wildcard, and a host in upper case", {.names = "DNS:*.example.com"}, true, "API.Example.COM"},
        {"wildcard, and a dot at the host's end", {.names = "DNS:*.example.com"}, true, "api.example.com."},
        {"wildcard for the name itself", {.names = "DNS:*.example.com"}, false, "example.com"},
        {"wildcard for two labels", {.names = "DNS:*.example.com"}, false, "a.b.example.com"},
        {"wildcard of a sibling", {.names = "DNS:*.example.org"}, false, child},
        {"partial, at the end", {.names = "DNS:ap*.example.com"}, false, child},
        {"partial, at the start", {.names = "DNS:*pi.example.com"}, false, child},
        {"partial, in the middle", {.names = "DNS:a*i.example.com"}, false, child},
        {"partial, in an A-label", {.names = "DNS:xn--*.example.com"}, false, "xn--bcher-kva.example.com"},
        {"below one label", {.names = "DNS:*.com"}, false, "example.com"},
        {"alone", {.names = "DNS:*"}, false, child},
        {"alone with a dot", {.names = "DNS:*."}, false, child},
        {"in the second label", {.names = "DNS:api.*.com"}, false, child},
        {"in the last label", {.names = "DNS:api.example.*"}, false, child},
        {"twice", {.names = "DNS:*.*.com"}, false, child},
        {"an A-label", {.names = "DNS:xn--bcher-kva.example"}, true, "xn--bcher-kva.example"},
        {"another A-label", {.names = "DNS:xn--bcher-kva.example"}, false, "xn--bcher-kvb.example"},
        {"a name that begins like it", {.names = "DNS:api.example.co"}, false, child},
        {"a name that it begins like", {.names = "DNS:api.example.com.evil.org"}, false, child},
        {"a name with a NUL", {.names = "DNS:api.example.com\\00.evil.org"}, false, child},
        {"a name that begins with a dot", {.names = "DNS:.example.com"}, false, child},
        {"an e-mail address there", {.names = "email:x@api.example.com"}, false, child},
        {"a URL there", {.names = "URI:https://api.example.com"}, false, child},
        {"the common name, beside another name", {.common_name = child, .names = "DNS:b.example.com"}, false, child},
        {"the last of many names", {.names = "DNS:a.example.com,DNS:b.example.com,DNS:api.example.com"}, true, child},
    };
    for (const Row& row : rows)
        try_row(driver, row);
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

    const Identity lower = make_identity({.common_name = "lower", .names = "", .is_authority = true}, &middle);
    const Identity for_others = make_identity({.common_name = "for others",
                                               .names = "",
                                               .is_authority = true,
                                               .name_constraints = "permitted;DNS:example.com"},
                                              &authority);

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
    try_one("two intermediates", with(&lower, {&lower, &middle}), true);
    try_one("two intermediates, shuffled", with(&lower, {&middle, &lower}), true);
    try_one("two intermediates, and the authority", with(&lower, {&middle, &authority, &lower}), true);
    try_one("one of two intermediates", with(&lower, {&lower}), false);
    try_one("an intermediate for other names", with(&for_others, {&for_others}), false);
    try_one("an expired intermediate", with(&old_middle, {&old_middle}), false);
    try_one("signed by a certificate that may not", with(&no_authority, {&no_authority}), false);
}

BOOST_AUTO_TEST_CASE(an_authority_that_expired_is_trusted_no_more)
{
    Driver driver;
    const Identity old = make_identity({.common_name = "expired authority",
                                        .names = "",
                                        .valid_from = -2 * day,
                                        .valid_until = -day,
                                        .is_authority = true},
                                       nullptr);
    const Identity identity = make_identity({}, &old);
    count_case();
    Case what = by_name(driver, "expired root", {{{steps::failing_tls({.identity = &identity})}}},
                        {.error = Errc::tls, .stage = Stage::tls, .effect = Effect::none, .attempts = 1});
    const auto by_host = what.configure;
    what.configure = [&](Config& config) {
        by_host(config);
        config.tls.ca_pem += to_pem(old);
    };
    BOOST_TEST(bytes_of_requests(driver.run(what)) == 0u);
    driver.server().forget_contexts();
}

BOOST_AUTO_TEST_CASE(only_tls_1_2_and_1_3_with_modern_ciphers_are_spoken)
{
    Driver driver;
    accept(driver, "TLS 1.2", {.max_version = TLS1_2_VERSION});
    accept(driver, "TLS 1.3", {.min_version = TLS1_3_VERSION});
    refuse(driver, "TLS 1.1", {.min_version = TLS1_1_VERSION, .max_version = TLS1_1_VERSION});
    refuse(driver, "TLS 1.0", {.min_version = TLS1_VERSION, .max_version = TLS1_VERSION});

    const Identity rsa = make_identity({.rsa_bits = 2048}, &driver.server().authority());
    for (const char* ciphers : {"AES128-GCM-SHA256", "AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES128-SHA256",
                                "DHE-RSA-AES128-GCM-SHA256"})
        refuse(driver, ciphers, {.identity = &rsa, .max_version = TLS1_2_VERSION, .ciphers = ciphers});
    accept(driver, "ECDHE-RSA-AES128-GCM-SHA256",
           {.identity = &rsa, .max_version = TLS1_2_VERSION, .ciphers = "ECDHE-RSA-AES128-GCM-SHA256"});

    accept(driver, "ALPN http/1.1", {.alpn = "http/1.1"});
    refuse(driver, "ALPN h3, which was not offered", {.alpn = "h3"});
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
    const Identity rsa =
        make_identity({.rsa_bits = 2048}, &driver.server().authority()); // all its signatures are as long
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

BOOST_AUTO_TEST_CASE(a_lost_connection_leaves_no_error_for_other_users_of_openssl)
{
    struct Lost
    {
        const char* name;
        std::vector<Step> steps;
    };
    const std::vector<Lost> all{
        {"before the handshake", {steps::fin()}},
        {"in the handshake", {steps::cut_after(200, false), steps::tls()}},
        {"in the handshake, reset", {steps::cut_after(200, true), steps::tls()}},
        {"before the response", {steps::tls(), steps::request(), steps::fin()}},
        {"before the response, reset", {steps::tls(), steps::request(), steps::rst()}},
    };
    Driver driver;
    for (const Lost& lost : all) {
        count_case();
        count_run();
        driver.plan({{lost.steps}});
        Config config = driver.config();
        config.retry.max_attempts = 1;
        std::optional<Client> client{std::in_place, driver.context(), config};
        ERR_clear_error();
        std::optional<Errc> code;
        client->create_user(CreateUserRequest{}.email("a@example.com"), [&](const expected<UserInfo>& user) {
            BOOST_TEST(ERR_peek_error() == 0u, lost.name);
            code = user ? Errc{} : user.error().code;
        });
        driver.context().restart();
        driver.context().run();
        BOOST_TEST((code == Errc::tls || code == Errc::truncated), lost.name);
        BOOST_TEST(ERR_peek_error() == 0u, lost.name);
        client.reset();
        driver.context().restart();
        driver.context().run();
        driver.server().finish();
    }
}

BOOST_AUTO_TEST_CASE(a_server_hello_that_was_not_asked_for_is_refused)
{
    // Of a record with a ServerHello: header 5, message header 4, version 2, random 32, and a session id.
    constexpr std::size_t version = 9;
    constexpr std::size_t end_of_random = 43;
    const auto after_id = [](const std::string& record) {
        return end_of_random + 1 + static_cast<unsigned char>(record[end_of_random]);
    };
    struct Change
    {
        const char* name;
        int max_version;
        std::function<void(std::string& hello)> change;
        int reason; ///< OpenSSL's.
    };
    const std::vector<Change> changes{
        {"SSL 3.0", TLS1_2_VERSION, [](std::string& hello) { hello[version + 1] = 0; }, SSL_R_UNSUPPORTED_PROTOCOL},
        {"TLS 1.0", TLS1_2_VERSION, [](std::string& hello) { hello[version + 1] = 1; }, SSL_R_UNSUPPORTED_PROTOCOL},
        {"TLS 1.1", TLS1_2_VERSION, [](std::string& hello) { hello[version + 1] = 2; }, SSL_R_UNSUPPORTED_PROTOCOL},
        {"TLS 4.0", TLS1_2_VERSION, [](std::string& hello) { hello[version] = 6; }, SSL_R_UNSUPPORTED_PROTOCOL},
        {"a downgrade from 1.3 to 1.2", TLS1_2_VERSION,
         [](std::string& hello) { hello.replace(end_of_random - 8, 8, "DOWNGRD\x01"); }, SSL_R_INAPPROPRIATE_FALLBACK},
        {"a downgrade from 1.3 to 1.1", TLS1_2_VERSION,
         [](std::string& hello) { hello.replace(end_of_random - 8, 8, "DOWNGRD\0", 8); }, SSL_R_INAPPROPRIATE_FALLBACK},
        {"a suite of TLS 1.2 that was not offered", TLS1_2_VERSION,
         [&](std::string& hello) { hello.replace(after_id(hello), 2, "\xc0\x13"); }, SSL_R_WRONG_CIPHER_RETURNED},
        {"a suite of TLS 1.3 in TLS 1.2", TLS1_2_VERSION,
         [&](std::string& hello) { hello.replace(after_id(hello), 2, "\x13\x01"); }, SSL_R_WRONG_CIPHER_RETURNED},
        {"a suite of TLS 1.2 in TLS 1.3", TLS1_3_VERSION,
         [&](std::string& hello) { hello.replace(after_id(hello), 2, "\xc0\x2f"); }, SSL_R_WRONG_CIPHER_RETURNED},
        {"no encryption", TLS1_2_VERSION, [&](std::string& hello) { hello.replace(after_id(hello), 2, 2, '\0'); },
         SSL_R_UNKNOWN_CIPHER_RETURNED},
        {"compression", TLS1_2_VERSION, [&](std::string& hello) { hello[after_id(hello) + 2] = 1; },
         SSL_R_COMPRESSION_DISABLED},
        {"another session in TLS 1.3", TLS1_3_VERSION, [](std::string& hello) { ++hello[end_of_random + 1]; },
         SSL_R_INVALID_SESSION_ID},
    };
    Driver driver;
    for (const Change& what : changes) {
        count_case();
        TlsSettings settings{.max_version = what.max_version};
        settings.rewrite = [&](std::string record, std::size_t n) {
            if (n == 0)
                what.change(record);
            return record;
        };
        const Observed seen =
            driver.run(by_name(driver, what.name, {{{steps::failing_tls(settings)}}},
                               {.error = Errc::tls, .stage = Stage::tls, .effect = Effect::none, .attempts = 1}));
        BOOST_TEST(seen.connections == 1u);
        BOOST_REQUIRE(seen.result.error);
        const auto reason = ERR_GET_REASON(static_cast<unsigned long>(seen.result.error->cause.value()));
        BOOST_TEST_INFO(what.name << ": " << to_string(*seen.result.error));
        BOOST_TEST(reason == what.reason);
    }
}

BOOST_AUTO_TEST_CASE(a_server_hello_with_any_other_byte_is_refused)
{
    constexpr std::size_t after_headers = 9;
    Driver driver;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        count_case();
        std::size_t size = after_headers + 1;
        for (std::size_t at = after_headers; at < size; ++at) {
            TlsSettings settings{.max_version = version};
            settings.rewrite = [&](std::string record, std::size_t n) {
                if (n == 0) {
                    size = record.size();
                    record[at] = static_cast<char>(record[at] ^ 1);
                }
                return record;
            };
            const Observed seen = driver.run(
                by_name(driver, "byte " + std::to_string(at), {{{steps::failing_tls(settings), steps::expect_end()}}},
                        {.error = Errc::tls, .stage = Stage::tls, .effect = Effect::none, .attempts = 1}));
            BOOST_TEST(bytes_of_requests(seen) == 0u);
        }
        BOOST_TEST(size > 60u);
    }
}

BOOST_AUTO_TEST_CASE(an_alert_in_place_of_any_record_ends_the_handshake)
{
    const std::string alert{"\x15\x03\x03\x00\x02\x02\x28", 7}; // handshake_failure
    Driver driver;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        count_case();
        const auto run_with = [&](const char* name, auto rewrite, const Expected& expected) {
            TlsSettings settings{.max_version = version, .tickets = 0};
            settings.rewrite = rewrite;
            return driver.run(by_name(driver, name, {{{steps::tls(settings), steps::serve()}, true}}, expected));
        };
        std::size_t records = 0;
        run_with("none",
                 [&](std::string record, std::size_t) {
                     ++records;
                     return record;
                 },
                 {});
        for (std::size_t at = 0; at < records; ++at) {
            const Observed seen =
                run_with(std::to_string(at).c_str(),
                         [&](std::string record, std::size_t n) {
                             return n < at ? record : n == at ? alert : std::string{};
                         },
                         {.error = Errc::tls, .stage = Stage::tls, .effect = Effect::none, .attempts = 1});
            BOOST_TEST(bytes_of_requests(seen) == 0u);
        }
        BOOST_TEST(records > 3u);
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
             .scripts = {{{steps::tls(settings), steps::request(), [](Peer& peer) { peer.server().forget_contexts(); },
                           steps::answer("Connection: close\r\n"), steps::close_notify(), steps::fin()}},
                         {{steps::tls({.max_version = version, .tickets = 1}), steps::serve()}, true}},
             .expected = {.requests = 2, .kept = true},
             .call = two_calls});
    }
}

BOOST_AUTO_TEST_CASE(a_session_is_no_other_clients)
{
    Driver driver;
    const Identity stranger = make_identity({.common_name = "stranger", .names = "", .is_authority = true}, nullptr);
    struct Row
    {
        const char* name;
        std::function<void(Config&)> change;
        bool good = true;
    };
    const std::vector<Row> rows{
        {"the same settings", [](Config&) {}},
        {"another name of the host", [&](Config& config) { config.base_url = driver.server().url("localhost"); }},
        {"one authority more", [&](Config& config) { config.tls.ca_pem += to_pem(stranger); }},
        {"another authority", [&](Config& config) { config.tls.ca_pem = to_pem(stranger); }, false},
    };
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
        for (const Row& row : rows) {
            count_case();
            const Script good{{steps::tls({.max_version = version}), steps::serve()}, true};
            const Script refused{{steps::failing_tls({.max_version = version})}};
            driver.run({.name = row.name,
                        .scripts = {good, row.good ? good : refused},
                        .expected = {.error = row.good ? std::nullopt : std::optional{Errc::tls}},
                        .call = [&](Client& client) -> asio::awaitable<Result> {
                            BOOST_TEST((co_await get(client, "first")).id == "first");
                            Config config = driver.config();
                            row.change(config);
                            Client other{driver.context(), config};
                            co_return co_await perform(other, Operation::get);
                        }});
            BOOST_TEST(driver.server().resumed() == 0u);
            driver.server().forget_contexts();
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
