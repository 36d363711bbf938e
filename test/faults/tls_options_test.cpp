// Certificates of clients, authorities in a folder, revocation and pins; and other settings for a client that is in
// use.

#include "driver.hpp"
#include "support/token_signer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace passage;
using namespace passage::test;

namespace {

namespace fs = std::filesystem;
constexpr long day = 24 * 60 * 60;
const std::string passphrase = "open sesame 5e1f0c9d";

/// A folder of its own, removed at the end.
class Folder
{
public:
    Folder()
    {
        std::string name = (fs::temp_directory_path() / "passage-tls-XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(name.data()));
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder()
    {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }

    const fs::path& path() const noexcept { return path_; }
    std::string write(const std::string& name, std::string_view text) const
    {
        std::ofstream{path_ / name} << text;
        return path_ / name;
    }

private:
    fs::path path_;
};

/// An authority, and what it issued to clients.
struct Clients
{
    Identity authority =
        make_identity({.common_name = "authority of clients", .names = "", .is_authority = true}, nullptr);
    Identity first = issue("first");
    Identity second = issue("second");

    Identity issue(const std::string& name, const Identity* issuer = nullptr) const
    {
        return make_identity({.common_name = name, .names = "", .usage = "clientAuth"}, issuer ? issuer : &authority);
    }
};

void show(TlsOptions& tls, const Identity& identity)
{
    tls.certificate_pem = to_pem(identity);
    tls.key_pem = key_to_pem(identity);
}

Step expect_client(const std::string& name)
{
    return [name](Peer& peer) {
        if (peer.client_name() != name)
            throw ScriptFailure{"the client is " + peer.client_name()};
    };
}

std::string message_of(const Observed& seen)
{
    return seen.result.error ? seen.result.error->message : "";
}

/// A creation at a server. It is made; or its handshake fails with such a refusal of the server's certificate, and not
/// a byte of a request is sent.
void try_server(Driver& driver, const std::string& name, const TlsSettings& settings, const char* refusal,
                const std::function<void(TlsOptions&)>& set)
{
    count_case();
    count_run();
    driver.server().plan(
        {refusal ? Script{{steps::failing_tls(settings)}} : Script{{steps::tls(settings), steps::serve()}, true}});
    Config config = driver.config();
    set(config.tls);
    std::optional<Client> client{std::in_place, driver.context(), config};
    const Result result = driver.run(perform(*client, Operation::create));
    client.reset();
    driver.context().restart();
    driver.context().run();
    BOOST_TEST_CONTEXT(name)
    {
        const Error error = result.error.value_or(Error{});
        BOOST_TEST(error.message == (refusal ? std::string{"the server's certificate is refused: "} + refusal : ""));
        BOOST_TEST(result.is(Errc::tls) == (refusal != nullptr));
        BOOST_TEST((!refusal || (error.stage == Stage::tls && error.effect == Effect::none && error.attempts == 1)));
        BOOST_TEST(driver.server().connections() == 1u);
        BOOST_TEST(driver.server().requests().empty() == (refusal != nullptr));
        BOOST_TEST(driver.server().finish() == "");
    }
    driver.server().forget_contexts();
}

Error creation_error(Driver& driver, const TlsOptions& tls)
{
    Config config = driver.config();
    config.tls = tls;
    const auto client = Client::create(driver.context().get_executor(), config);
    return client ? Error{} : client.error();
}

} // namespace

BOOST_AUTO_TEST_CASE(a_client_shows_its_certificate_to_a_server_that_demands_one)
{
    Driver driver;
    const Clients clients;
    const Identity middle =
        make_identity({.common_name = "middle", .names = "", .is_authority = true}, &clients.authority);
    const Identity below = clients.issue("below", &middle);
    const Identity rsa =
        make_identity({.common_name = "rsa", .names = "", .usage = "clientAuth", .rsa_bits = 2048}, &clients.authority);
    const Folder folder;
    const std::string both = to_pem(clients.first) + key_to_pem(clients.first);

    struct Row
    {
        const char* name;
        std::string shown;
        std::function<void(TlsOptions&)> set;
    };
    const std::vector<Row> rows{
        {"texts", "first", [&](TlsOptions& tls) { show(tls, clients.first); }},
        {"RSA", "rsa", [&](TlsOptions& tls) { show(tls, rsa); }},
        {"files", "first",
         [&](TlsOptions& tls) {
             tls.certificate_file = folder.write("certificate.pem", to_pem(clients.first));
             tls.key_file = folder.write("key.pem", key_to_pem(clients.first));
         }},
        {"a file of both", "first",
         [&](TlsOptions& tls) { tls.key_file = tls.certificate_file = folder.write("both.pem", both); }},
        {"a file of both, the key first", "first",
         [&](TlsOptions& tls) {
             tls.key_file = tls.certificate_file =
                 folder.write("key-first.pem", key_to_pem(clients.first) + to_pem(clients.first));
         }},
        {"an encrypted key", "first",
         [&](TlsOptions& tls) {
             tls.certificate_pem = to_pem(clients.first);
             tls.key_pem = key_to_pem(clients.first, passphrase);
             tls.key_passphrase = passphrase;
         }},
        {"an encrypted key in a file", "first",
         [&](TlsOptions& tls) {
             tls.certificate_pem = to_pem(clients.first);
             tls.key_file = folder.write("encrypted.pem", key_to_pem(clients.first, passphrase));
             tls.key_passphrase = passphrase;
         }},
        {"an encrypted key in the older form", "first",
         [&](TlsOptions& tls) {
             tls.certificate_pem = to_pem(clients.first);
             tls.key_pem = key_to_old_pem(clients.first, passphrase);
             tls.key_passphrase = passphrase;
         }},
        {"an encrypted RSA key in the older form", "rsa",
         [&](TlsOptions& tls) {
             tls.certificate_pem = to_pem(rsa);
             tls.key_pem = key_to_old_pem(rsa, passphrase);
             tls.key_passphrase = passphrase;
         }},
        {"a key in the older form", "first",
         [&](TlsOptions& tls) {
             tls.certificate_pem = to_pem(clients.first);
             tls.key_pem = key_to_old_pem(clients.first);
         }},
        {"a passphrase that the key does not need", "first",
         [&](TlsOptions& tls) {
             show(tls, clients.first);
             tls.key_passphrase = passphrase;
         }},
        {"an intermediate authority", "below",
         [&](TlsOptions& tls) {
             show(tls, below);
             tls.certificate_pem += to_pem(middle);
         }},
    };
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
        for (const Row& row : rows) {
            count_case();
            const TlsSettings settings{.max_version = version, .client_authority = &clients.authority};
            driver.run({.name = row.name,
                        .scripts = {{{steps::tls(settings), expect_client(row.shown), steps::serve()}, true}},
                        .expected = {.requests = 1, .kept = true},
                        .configure = [&](Config& config) { row.set(config.tls); }});
        }
    count_case();
    driver.run({.name = "a server that demands none",
                .scripts = {{{steps::tls(), expect_client(""), steps::serve()}, true}},
                .expected = {.requests = 1, .kept = true},
                .configure = [&](Config& config) { show(config.tls, clients.first); }});
}

BOOST_AUTO_TEST_CASE(a_server_that_refuses_the_client_is_told_apart_from_a_lost_connection)
{
    Driver driver;
    const Clients clients;
    const Identity stranger = make_identity({.common_name = "stranger", .names = "", .usage = "clientAuth"}, nullptr);
    const Identity for_servers = make_identity({.common_name = "for servers", .names = ""}, &clients.authority);
    struct Row
    {
        const char* name;
        const Identity* shown;
        const char* message;
    };
    const std::vector<Row> rows{
        {"none", nullptr, "the server demands a client certificate, and none is configured"},
        {"of another authority", &stranger, "the server refused the client's certificate"},
        {"for servers", &for_servers, "the server refused the client's certificate"},
    };
    std::vector<std::string> protocols{""};
    if (PASSAGE_HTTP2)
        protocols.push_back("h2");
    for (const Row& row : rows)
        for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
            for (const std::string& alpn : protocols)
                for (const Operation operation : {Operation::get, Operation::create})
                    for (const bool resets : {false, true}) {
                        count_case();
                        const TlsSettings settings{
                            .max_version = version, .alpn = alpn, .client_authority = &clients.authority};
                        // A server that closes with something unread resets the connection.
                        Script script{{steps::failing_tls(settings)}};
                        if (!resets)
                            script.steps.push_back(steps::fin());
                        const std::string name = std::string{row.name} +
                                                 (version == TLS1_2_VERSION ? " 1.2 " : " 1.3 ") + alpn +
                                                 (resets ? " reset" : "");
                        const Observed seen = driver.run({.name = name,
                                                          .operation = operation,
                                                          .scripts = {script},
                                                          .expected = {.error = Errc::tls,
                                                                       .stage = Stage::tls,
                                                                       .effect = Effect::none,
                                                                       .requests = 0,
                                                                       .attempts = 1,
                                                                       .kept = false},
                                                          .configure = [&](Config& config) {
                                                              if (row.shown)
                                                                  show(config.tls, *row.shown);
                                                          }});
                        BOOST_TEST(seen.connections == 1u, name);
                        BOOST_TEST(message_of(seen) == row.message, name);
                        BOOST_TEST(!seen.result.error->retryable);
                    }
}

BOOST_AUTO_TEST_CASE(a_refusal_is_read_though_the_request_can_not_be_written)
{
    /// Lets the server end the first connection before a request is sent on it.
    class Delay : public Observer
    {
    public:
        explicit Delay(ScriptServer& server) : server_{server} {}
        void connection_made(const ConnectionMade&) noexcept override
        {
            if (!std::exchange(done_, true))
                server_.await_over();
        }

    private:
        ScriptServer& server_;
        bool done_ = false;
    };
    Driver driver;
    const Clients clients;
    for (const std::string alpn : {"", PASSAGE_HTTP2 ? "h2" : ""}) {
        count_case();
        const TlsSettings settings{.min_version = TLS1_3_VERSION, .alpn = alpn, .client_authority = &clients.authority};
        driver.run({.name = "closed before the request, " + alpn,
                    .scripts = {{{steps::failing_tls(settings)}}},
                    .expected = {.error = Errc::tls,
                                 .stage = Stage::tls,
                                 .effect = Effect::none,
                                 .requests = 0,
                                 .attempts = 1,
                                 .kept = false},
                    .configure = [&](Config& config) { config.observer = std::make_shared<Delay>(driver.server()); },
                    .call = [](Client& client) { return create_large(client, 200'000); }});
    }
}

BOOST_AUTO_TEST_CASE(an_alert_after_an_answer_may_come_after_the_next_request_was_acted_on)
{
    Driver driver;
    const Clients clients;
    count_case();
    const TlsSettings settings{.min_version = TLS1_3_VERSION, .tickets = 0, .client_authority = &clients.authority};
    driver.run({.name = "bad certificate",
                .scripts = {{{steps::tls(settings), steps::request(), steps::answer(), steps::request(),
                              [](Peer& peer) {
                                  peer.send_raw(peer.make_record(21, std::string{"\x02\x2a", 2}));
                              }}}},
                .expected = {.error = Errc::tls, .effect = Effect::unknown, .requests = 2},
                .configure = [&](Config& config) { show(config.tls, clients.first); },
                .call = [](Client& client) -> asio::awaitable<Result> {
                    BOOST_TEST((co_await get(client, "first")).id == "first");
                    co_return co_await perform(client, Operation::create);
                }});
}

BOOST_AUTO_TEST_CASE(settings_that_can_not_be_used_are_refused_with_a_sentence_that_names_them)
{
    Driver driver;
    const Clients clients;
    const Folder folder;
    const Identity expired = make_identity(
        {.common_name = "old", .names = "", .valid_from = -2 * day, .valid_until = -day, .usage = "clientAuth"},
        &clients.authority);
    const Identity early = make_identity(
        {.common_name = "early", .names = "", .valid_from = day, .valid_until = 2 * day, .usage = "clientAuth"},
        &clients.authority);
    const Identity short_key = make_identity(
        {.common_name = "short", .names = "", .usage = "clientAuth", .rsa_bits = 1024}, &clients.authority);
    const std::string directory = folder.path();
    const std::string missing = folder.path() / "missing.pem";
    const std::string empty = folder.write("empty.pem", "");
    const std::string text = folder.write("text.pem", "no PEM at all");
    const std::string good_key = folder.write("key.pem", key_to_pem(clients.first));
    const std::string certificates = folder.write("certificate.pem", to_pem(clients.first));
    const std::string encrypted = folder.write("encrypted.pem", key_to_pem(clients.first, passphrase));
    const std::string crl = make_crl(clients.authority);
    const auto with_crl = [&](const CrlSpec& spec) {
        return [&clients, crl, spec](TlsOptions& tls) { tls.crl_pem = crl + make_crl(clients.authority, spec); };
    };
    const std::string partial = "tls.crl_pem has a delta CRL, an indirect CRL, or one for some reasons only";
    const std::string nonsense = "-----BEGIN CERTIFICATE-----\nno base64!\n-----END CERTIFICATE-----\n";
    const std::string no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::create_directory(folder.path() / "empty");
    fs::create_directory(folder.path() / "bad");
    folder.write("bad/a.pem", no_certificate);
    fs::create_directory(folder.path() / "signed");
    folder.write("signed/a.asc", "-----BEGIN PGP SIGNATURE-----\n\niHUEABYK\n=2mCe\n-----END PGP SIGNATURE-----\n");
    const auto quoted = [](const std::string& path) { return " \"" + path + "\""; };

    struct Row
    {
        std::string message;
        std::function<void(TlsOptions&)> set;
    };
    const auto with_key = [&](auto change) {
        return [&clients, change](TlsOptions& tls) {
            show(tls, clients.first);
            change(tls);
        };
    };
    const auto with_key_file = [&](const std::string& file, const Secret& secret = {}) {
        return [&clients, file, secret](TlsOptions& tls) {
            tls.certificate_pem = to_pem(clients.first);
            tls.key_file = file;
            tls.key_passphrase = secret;
        };
    };
    const std::vector<Row> rows{
        {"tls.key_file or tls.key_pem must be set if a certificate is",
         [&](TlsOptions& tls) { tls.certificate_pem = to_pem(clients.first); }},
        {"tls.certificate_file or tls.certificate_pem must be set if a key is",
         [&](TlsOptions& tls) { tls.key_file = good_key; }},
        {"tls.certificate_file and tls.certificate_pem must not both be set",
         with_key([&](TlsOptions& tls) { tls.certificate_file = certificates; })},
        {"tls.key_file and tls.key_pem must not both be set",
         with_key([&](TlsOptions& tls) { tls.key_file = good_key; })},
        {"tls.key_pem is not the key of tls.certificate_pem",
         with_key([&](TlsOptions& tls) { tls.key_pem = key_to_pem(clients.second); })},
        {"tls.certificate_pem has expired", [&](TlsOptions& tls) { show(tls, expired); }},
        {"tls.certificate_pem is not valid yet", [&](TlsOptions& tls) { show(tls, early); }},
        {"tls.certificate_pem is not accepted by OpenSSL", [&](TlsOptions& tls) { show(tls, short_key); }},
        {"tls.certificate_pem has no PEM certificate",
         with_key([&](TlsOptions& tls) { tls.certificate_pem = key_to_pem(clients.first); })},
        {"tls.certificate_pem has a certificate that can't be read",
         with_key([&](TlsOptions& tls) { tls.certificate_pem = no_certificate; })},
        {"tls.certificate_pem has a PEM block that can't be read",
         with_key([&](TlsOptions& tls) { tls.certificate_pem = nonsense; })},
        {"tls.certificate_file" + quoted(missing) + " can't be read", with_key([&](TlsOptions& tls) {
             tls.certificate_pem.clear();
             tls.certificate_file = missing;
         })},
        {"tls.key_file" + quoted(missing) + " can't be read", with_key_file(missing)},
        {"tls.key_file is a PEM text, and not the path of a file", with_key_file(key_to_pem(clients.first))},
        {"tls.certificate_file is a PEM text, and not the path of a file", with_key([&](TlsOptions& tls) {
             tls.certificate_pem.clear();
             tls.certificate_file = to_pem(clients.first) + key_to_pem(clients.first);
         })},
        {"tls.key_file" + quoted(directory) + " is a folder", with_key_file(directory)},
        {"tls.key_file" + quoted(empty) + " has no PEM private key", with_key_file(empty)},
        {"tls.key_file" + quoted(text) + " has no PEM private key", with_key_file(text)},
        {"tls.key_file" + quoted(certificates) + " has no PEM private key", with_key_file(certificates)},
        {"tls.key_file" + quoted(encrypted) + " is encrypted, and tls.key_passphrase is empty",
         with_key_file(encrypted)},
        {"tls.key_file" + quoted(encrypted) + " can't be decrypted with tls.key_passphrase",
         with_key_file(encrypted, "wrong sesame 77aa10")},
        {"tls.key_pem is encrypted, and tls.key_passphrase is empty",
         with_key([&](TlsOptions& tls) { tls.key_pem = key_to_old_pem(clients.first, passphrase); })},
        {"tls.key_pem can't be decrypted with tls.key_passphrase", with_key([&](TlsOptions& tls) {
             tls.key_pem = key_to_old_pem(clients.first, passphrase);
             tls.key_passphrase = "wrong sesame 77aa10";
         })},
        {"tls.key_pem has a private key that can't be read", with_key([&](TlsOptions& tls) {
             tls.key_pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
         })},
        {"tls.key_passphrase must not exceed 1024 bytes",
         with_key([&](TlsOptions& tls) { tls.key_passphrase = std::string(1025, 'x'); })},
        {"tls.ca_file" + quoted(missing) + " can't be read", [&](TlsOptions& tls) { tls.ca_file = missing; }},
        {"tls.ca_file \"/no\\x0asuch\" can't be read", [](TlsOptions& tls) { tls.ca_file = "/no\nsuch"; }},
        {"tls.ca_file" + quoted(directory) + " is a folder", [&](TlsOptions& tls) { tls.ca_file = directory; }},
        {"tls.ca_file" + quoted(text) + " has no PEM certificate", [&](TlsOptions& tls) { tls.ca_file = text; }},
        {"tls.ca_file \"/dev/zero\" exceeds 67108864 bytes", [&](TlsOptions& tls) { tls.ca_file = "/dev/zero"; }},
        {"tls.ca_pem has no PEM certificate", [&](TlsOptions& tls) { tls.ca_pem = "no PEM at all"; }},
        {"tls.ca_pem has a PEM block that can't be read", [&](TlsOptions& tls) { tls.ca_pem += nonsense; }},
        {"tls.ca_path" + quoted(missing) + " can't be read as a folder",
         [&](TlsOptions& tls) { tls.ca_path = missing; }},
        {"tls.ca_path \"/no\\x0asuch\" can't be read as a folder", [](TlsOptions& tls) { tls.ca_path = "/no\nsuch"; }},
        {"tls.ca_path" + quoted(text) + " can't be read as a folder", [&](TlsOptions& tls) { tls.ca_path = text; }},
        {"tls.ca_path" + quoted(directory + "/empty") + " has no file with a PEM certificate",
         [&](TlsOptions& tls) { tls.ca_path = directory + "/empty"; }},
        {"tls.ca_path" + quoted(directory + "/signed/a.asc") + " has a PEM block that can't be read",
         [&](TlsOptions& tls) { tls.ca_path = directory + "/signed"; }},
        {"tls.ca_path" + quoted(directory + "/bad/a.pem") + " has a certificate that can't be read",
         [&](TlsOptions& tls) { tls.ca_path = directory + "/bad"; }},
        {"tls.crl_file" + quoted(missing) + " can't be read", [&](TlsOptions& tls) { tls.crl_file = missing; }},
        {"tls.crl_file" + quoted(certificates) + " has no PEM CRL",
         [&](TlsOptions& tls) { tls.crl_file = certificates; }},
        {"tls.crl_pem has no PEM CRL", [&](TlsOptions& tls) { tls.crl_pem = "no PEM at all"; }},
        {"tls.crl_pem has a CRL that can't be read",
         [&](TlsOptions& tls) { tls.crl_pem = crl + "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"; }},
        {partial, with_crl({.is_delta = true})},
        {partial, with_crl({.scope = "critical,onlyuser:TRUE", .is_delta = true})},
        {partial, with_crl({.scope = "critical,indirectCRL:TRUE"})},
        {partial, with_crl({.scope = "critical,onlysomereasons:keyCompromise"})},
        {partial, with_crl({.scope = "critical,onlyuser:TRUE,onlyCA:TRUE"})},
        {partial, with_crl({.scope = "critical,DER:0500"})},
        {"tls.pinned_keys must each be sha256/ and 32 bytes in base64, such as "
         "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
         [&](TlsOptions& tls) {
             tls.pinned_keys = {pin_of(clients.first), "sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAA="};
         }},
    };
    for (const Row& row : rows) {
        count_case();
        count_run();
        TlsOptions tls = driver.config().tls;
        row.set(tls);
        const Error error = creation_error(driver, tls);
        BOOST_TEST((error.code == Errc::invalid_argument), row.message << ": " << error);
        BOOST_TEST(error.message == row.message);
        const std::string all = to_string(error);
        BOOST_TEST(all.find("sesame") == all.npos, all);
        BOOST_TEST(all.find("BEGIN") == all.npos, all);
    }
    if (geteuid() != 0) { // whom no permission keeps out
        chmod(good_key.c_str(), 0);
        TlsOptions tls = driver.config().tls;
        with_key_file(good_key)(tls);
        BOOST_TEST((creation_error(driver, tls).cause == boost::system::errc::permission_denied));
    }
    TlsOptions tls = driver.config().tls;
    tls.ca_file = missing;
    BOOST_TEST((creation_error(driver, tls).cause == boost::system::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_CASE(a_key_from_a_pipe_is_read_like_one_from_a_file)
{
    Driver driver;
    const Clients clients;
    count_case();
    count_run();
    std::array<int, 2> ends{};
    BOOST_REQUIRE(pipe(ends.data()) == 0);
    const std::string key = key_to_pem(clients.first);
    BOOST_REQUIRE(write(ends[1], key.data(), key.size()) == static_cast<ssize_t>(key.size()));
    close(ends[1]);
    TlsOptions tls = driver.config().tls;
    tls.certificate_pem = to_pem(clients.first);
    tls.key_file = "/dev/fd/" + std::to_string(ends[0]);
    const Error error = creation_error(driver, tls);
    BOOST_TEST(error.message == "");
    close(ends[0]);
}

BOOST_AUTO_TEST_CASE(authorities_are_read_from_all_files_of_a_folder)
{
    Driver driver;
    const Identity other = make_identity({.common_name = "other", .names = "", .is_authority = true}, nullptr);
    const Identity by_other = make_identity({}, &other);
    const Folder folder;
    folder.write("server.crt", driver.server().ca_pem());
    folder.write("README", "two authorities");
    folder.write("key.pem", key_to_pem(other));
    folder.write(".hidden.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    fs::create_directory(folder.path() / "private");
    folder.write("private/other.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    fs::create_symlink("server.crt", folder.path() / "5f1c0d2e.0");
    fs::create_symlink("nothing", folder.path() / "dangling.pem");
    const auto set = [&](TlsOptions& tls) {
        tls.ca_pem.clear();
        tls.ca_path = folder.path();
    };
    const TlsSettings settings{.identity = &by_other};
    try_server(driver, "one", {}, nullptr, set);
    try_server(driver, "another authority's", settings, "unable to get local issuer certificate", set);
    folder.write("other.pem", to_pem(other));
    try_server(driver, "two", settings, nullptr, set);
    fs::remove(folder.path() / "other.pem");
    try_server(driver, "a folder and a text", settings, nullptr, [&](TlsOptions& tls) {
        set(tls);
        tls.ca_pem = to_pem(other);
    });
}

BOOST_AUTO_TEST_CASE(an_intermediate_authority_is_not_trusted_without_its_root)
{
    Driver driver;
    const Identity middle =
        make_identity({.common_name = "intermediate", .names = "", .is_authority = true}, &driver.server().authority());
    Identity below = make_identity({}, &middle);
    below.chain = {&middle};
    const TlsSettings settings{.identity = &below};
    try_server(driver, "alone", settings, "unable to get issuer certificate",
               [&](TlsOptions& tls) { tls.ca_pem = to_pem(middle); });
    try_server(driver, "and its root", settings, nullptr, [&](TlsOptions& tls) { tls.ca_pem += to_pem(middle); });
}

BOOST_AUTO_TEST_CASE(a_revoked_certificate_is_refused)
{
    Driver driver;
    const Identity& authority = driver.server().authority();
    const Identity good = make_identity({}, &authority);
    const Identity revoked = make_identity({}, &authority);
    const Identity middle =
        make_identity({.common_name = "intermediate", .names = "", .is_authority = true}, &authority);
    Identity below = make_identity({}, &middle);
    below.chain = {&middle};
    const Identity other = make_identity({.common_name = "other", .names = "", .is_authority = true}, nullptr);
    const Identity impostor =
        make_identity({.common_name = "test authority", .names = "", .is_authority = true}, nullptr);
    const auto list = [](const Identity& issuer, const Identity* out = nullptr, long from = -3600, long until = 3600) {
        CrlSpec spec{.valid_from = from, .valid_until = until};
        if (out)
            spec.revoked.push_back(out);
        return make_crl(issuer, spec);
    };
    const auto list_for = [&](const std::string& kind, std::vector<const Identity*> out = {}) {
        return make_crl(authority, {.revoked = std::move(out), .scope = "critical," + kind + ":TRUE"});
    };
    const Folder folder;

    struct Row
    {
        const char* name;
        const Identity* server;
        std::string crls;
        const char* refusal; ///< Null if the server is accepted.
        const char* refusal_if_optional;
    };
    const char* const is_revoked = "certificate revoked";
    const char* const no_crl = "unable to get certificate CRL";
    const char* const other_scope = "different CRL scope";
    const char* const expired = "CRL has expired";
    const std::vector<Row> rows{
        {"an empty list", &good, list(authority), nullptr, nullptr},
        {"another one is revoked", &good, list(authority, &revoked), nullptr, nullptr},
        {"revoked", &revoked, list(authority, &revoked), is_revoked, is_revoked},
        {"no list of its authority", &good, list(other), no_crl, nullptr},
        {"expired", &good, list(authority, nullptr, -2 * day, -day), expired, expired},
        {"not valid yet", &good, list(authority, nullptr, day, 2 * day), "CRL is not yet valid",
         "CRL is not yet valid"},
        {"signed with another key", &good, list(impostor), "CRL signature failure", "CRL signature failure"},
        {"an expired list and a newer one", &good, list(authority, nullptr, -2 * day, -day) + list(authority), nullptr,
         nullptr},
        {"an expired list, and a newer one that revokes", &revoked,
         list(authority, nullptr, -2 * day, -day) + list(authority, &revoked), is_revoked, is_revoked},
        {"below an intermediate authority", &below, list(authority) + list(middle), nullptr, nullptr},
        {"revoked by the intermediate authority", &below, list(authority) + list(middle, &below), is_revoked,
         is_revoked},
        {"the intermediate authority is revoked", &below, list(authority, &middle) + list(middle), is_revoked,
         is_revoked},
        {"a list for servers and one for authorities", &good, list_for("onlyuser") + list_for("onlyCA"), nullptr,
         nullptr},
        {"revoked in a list for servers", &revoked, list_for("onlyuser", {&revoked}) + list_for("onlyCA"), is_revoked,
         is_revoked},
        {"a list for servers alone", &below, list_for("onlyuser") + list(middle), other_scope, other_scope},
        {"no list of the intermediate authority", &below, list(authority), no_crl, nullptr},
        {"no list of the root", &below, list(middle), no_crl, nullptr},
        {"no list of the intermediate authority, which is revoked", &below, list(authority, &middle), no_crl,
         is_revoked},
    };
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
        for (const bool required : {true, false})
            for (const Row& row : rows)
                try_server(driver, row.name + std::string{required ? "" : ", not required"},
                           {.identity = row.server, .max_version = version},
                           required ? row.refusal : row.refusal_if_optional, [&](TlsOptions& tls) {
                               tls.crl_required = required;
                               if (version == TLS1_2_VERSION)
                                   tls.crl_file = folder.write("crl.pem", row.crls);
                               else
                                   tls.crl_pem = row.crls;
                           });
    try_server(driver, "a list in a file and one in a text", {.identity = &below}, nullptr, [&](TlsOptions& tls) {
        tls.crl_file = folder.write("crl.pem", list(authority));
        tls.crl_pem = list(middle);
    });
}

BOOST_AUTO_TEST_CASE(only_a_chain_with_a_pinned_key_is_accepted)
{
    Driver driver;
    const Identity& authority = driver.server().authority();
    const Identity own = make_identity({}, &authority);
    const Identity rsa = make_identity({.rsa_bits = 2048}, &authority);
    const Identity middle =
        make_identity({.common_name = "intermediate", .names = "", .is_authority = true}, &authority);
    Identity below = make_identity({}, &middle);
    below.chain = {&middle};
    const Identity other = make_identity({.common_name = "other", .names = "", .is_authority = true}, nullptr);
    Identity with_surplus = make_identity({}, &authority);
    with_surplus.chain = {&other};
    Identity by_other = make_identity({}, &other);
    const std::string as_curl = "sha256/" + pin_of(own).substr(6);

    struct Row
    {
        const char* name;
        const Identity* server;
        std::vector<std::string> pins;
        const char* refusal; ///< Null if the server is accepted.
    };
    const char* const not_pinned = "none of its chain's keys is pinned";
    const std::vector<Row> rows{
        {"the server's", &own, {pin_of(own)}, nullptr},
        {"the server's, as curl has it", &own, {as_curl}, nullptr},
        {"the server's RSA key", &rsa, {pin_of(rsa)}, nullptr},
        {"the last of several", &own, {pin_of(other), pin_of(middle), pin_of(own)}, nullptr},
        {"the root's", &own, {pin_of(authority)}, nullptr},
        {"the intermediate authority's", &below, {pin_of(middle)}, nullptr},
        {"another server's", &rsa, {pin_of(own)}, not_pinned},
        {"an authority's that is not in the chain", &own, {pin_of(middle)}, not_pinned},
        {"of a certificate that is sent and is not in the chain", &with_surplus, {pin_of(other)}, not_pinned},
        {"of a server that is not trusted", &by_other, {pin_of(by_other)}, "unable to get local issuer certificate"},
    };
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
        for (const Row& row : rows)
            try_server(driver, row.name, {.identity = row.server, .max_version = version}, row.refusal,
                       [&](TlsOptions& tls) { tls.pinned_keys = row.pins; });
}

namespace {

/// Runs the context until something holds.
template <class Condition>
void run_until(Driver& driver, Condition holds)
{
    const auto end = std::chrono::steady_clock::now() + ScriptServer::patience;
    driver.context().restart();
    while (!holds() && std::chrono::steady_clock::now() < end)
        driver.context().run_one_for(std::chrono::milliseconds{10});
    BOOST_TEST_REQUIRE(holds());
}

void start(Driver& driver, asio::awaitable<Result> call, std::optional<Result>& result)
{
    asio::co_spawn(driver.context(), std::move(call), [&](std::exception_ptr error, Result value) {
        if (error)
            std::rethrow_exception(error);
        result.emplace(std::move(value));
    });
}

/// Destroys the client, and checks that the server's scripts were done.
void finish(Driver& driver, std::optional<Client>& client)
{
    client.reset();
    driver.context().restart();
    driver.context().run();
    BOOST_TEST(driver.server().finish() == "");
    driver.server().forget_contexts();
}

} // namespace

BOOST_AUTO_TEST_CASE(a_reload_replaces_the_certificate_and_loses_no_call)
{
    Driver driver;
    const Clients clients;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        count_case();
        count_run();
        const TlsSettings settings{.max_version = version, .client_authority = &clients.authority};
        driver.server().plan({{{steps::tls(settings), expect_client("first"), steps::request(), steps::hold(),
                                steps::answer(), steps::expect_end()}},
                              {{steps::tls(settings), expect_client("second"), steps::serve()}, true}});
        Config config = driver.config();
        show(config.tls, clients.first);
        std::optional<Client> client{std::in_place, driver.context(), config};
        std::optional<Result> held;
        start(driver, get(*client, "held"), held);
        run_until(driver, [&] { return !driver.server().requests().empty(); });

        show(config.tls, clients.second);
        BOOST_TEST(client->reload_tls(config.tls).has_value());
        BOOST_TEST(driver.run(get(*client, "next")).id == "next");
        BOOST_TEST(!held);
        BOOST_TEST(client->stats().connections == 2u);
        driver.server().release();
        run_until(driver, [&] { return held.has_value(); });
        BOOST_TEST(held->id == "held");
        BOOST_TEST(client->stats().connections == 1u); // the former one is closed with its last call
        BOOST_TEST(driver.run(get(*client, "last")).id == "last");
        BOOST_TEST(driver.server().connections() == 2u);
        BOOST_TEST(driver.server().resumed() == 0u);
        finish(driver, client);
    }
}

BOOST_AUTO_TEST_CASE(a_call_after_a_reload_joins_no_read_of_before)
{
    Driver driver;
    const Clients clients;
    count_case();
    count_run();
    const TlsSettings settings{.client_authority = &clients.authority};
    driver.server().plan({{{steps::tls(settings), expect_client("first"), steps::request(), steps::hold(),
                            steps::answer(), steps::expect_end()}},
                          {{steps::tls(settings), expect_client("second"), steps::serve()}, true}});
    Config config = driver.config();
    show(config.tls, clients.first);
    std::optional<Client> client{std::in_place, driver.context(), config};
    std::vector<std::string> former;
    const auto read = [&] {
        client->coalesced_get_user("u", [&](const expected<UserInfo>& user) { former.push_back(user.value().id); });
    };
    read();
    run_until(driver, [&] { return !driver.server().requests().empty(); });
    TlsOptions wrong = config.tls;
    wrong.key_pem = key_to_pem(clients.second);
    BOOST_TEST(!client->reload_tls(wrong));
    read();
    driver.context().poll();

    show(config.tls, clients.second);
    BOOST_TEST(client->reload_tls(config.tls).has_value());
    std::optional<expected<UserInfo>> later;
    client->coalesced_get_user("u", [&](expected<UserInfo> user) { later.emplace(std::move(user)); });
    run_until(driver, [&] { return later.has_value(); });
    BOOST_TEST(later->value().id == "u");
    BOOST_TEST(former.empty());
    driver.server().release();
    run_until(driver, [&] { return former.size() == 2; });
    BOOST_TEST(former == (std::vector<std::string>{"u", "u"}), boost::test_tools::per_element());
    BOOST_TEST(driver.server().requests().size() == 2u);
    finish(driver, client);
}

BOOST_AUTO_TEST_CASE(a_reload_that_fails_changes_nothing)
{
    Driver driver;
    const Clients clients;
    count_case();
    count_run();
    const TlsSettings settings{.client_authority = &clients.authority};
    driver.server().plan({{{steps::tls(settings), expect_client("first"), steps::serve()}, true}});
    Config config = driver.config();
    show(config.tls, clients.first);
    std::optional<Client> client{std::in_place, driver.context(), config};
    BOOST_TEST(driver.run(get(*client, "one")).id == "one");
    TlsOptions wrong = config.tls;
    wrong.key_pem = key_to_pem(clients.second);
    const auto reloaded = client->reload_tls(wrong);
    BOOST_TEST_REQUIRE(!reloaded);
    BOOST_TEST((reloaded.error().code == Errc::invalid_argument));
    BOOST_TEST(reloaded.error().message == "tls.key_pem is not the key of tls.certificate_pem");
    BOOST_TEST(driver.run(get(*client, "two")).id == "two");
    BOOST_TEST(driver.server().connections() == 1u);

    Client moved_to{std::move(*client)};
    BOOST_TEST((client->reload_tls(config.tls).error().code == Errc::shut_down));
    moved_to.close();
    BOOST_TEST(moved_to.reload_tls(config.tls).has_value());
    finish(driver, client);
}

BOOST_AUTO_TEST_CASE(a_reload_closes_idle_connections_and_forgets_their_sessions)
{
    Driver driver;
    const Identity revoked = make_identity({}, &driver.server().authority());
    const TlsOptions former = driver.config().tls;
    struct Row
    {
        const char* name;
        std::function<void(TlsOptions&)> change;
        bool good;
    };
    const std::vector<Row> rows{
        {"the same settings", [](TlsOptions&) {}, true},
        {"a CRL",
         [&](TlsOptions& tls) { tls.crl_pem = make_crl(driver.server().authority(), {.revoked = {&revoked}}); }, false},
        {"a pin", [&](TlsOptions& tls) { tls.pinned_keys = {pin_of(revoked)}; }, true},
        {"a pin of another key", [&](TlsOptions& tls) { tls.pinned_keys = {"sha256/" + std::string(43, 'A') + "="}; },
         false},
        {"another authority",
         [&](TlsOptions& tls) { tls.ca_pem = to_pem(make_identity({.is_authority = true}, nullptr)); }, false},
    };
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
        for (const Row& row : rows)
            BOOST_TEST_CONTEXT(row.name)
            {
                count_case();
                count_run();
                const TlsSettings settings{.identity = &revoked, .max_version = version};
                driver.server().plan({{{steps::tls(settings), steps::request(), steps::answer(), steps::expect_end()}},
                                      row.good ? Script{{steps::tls(settings), steps::serve()}, true}
                                               : Script{{steps::failing_tls(settings)}}});
                std::optional<Client> client{std::in_place, driver.context(), driver.config()};
                BOOST_TEST(driver.run(get(*client, "one")).id == "one");
                BOOST_TEST(client->stats().idle_connections == 1u);
                TlsOptions changed = former;
                row.change(changed);
                BOOST_TEST(client->reload_tls(changed).has_value());
                run_until(driver, [&] { return client->stats().connections == 0; });
                const Result result = driver.run(get(*client, "two"));
                BOOST_TEST((result.id == "two") == row.good);
                BOOST_TEST(result.is(Errc::tls) == !row.good);
                BOOST_TEST(driver.server().connections() == 2u);
                BOOST_TEST(driver.server().resumed() == 0u);
                finish(driver, client);
            }
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_being_made_is_made_anew_after_a_reload)
{
    Driver driver;
    const Clients clients;
    const TlsSettings settings{.client_authority = &clients.authority};
    count_case();
    bool ended = false;
    std::size_t steps_taken = 0;
    for (; !ended; ++steps_taken) {
        count_run();
        std::mutex mutex;
        std::vector<std::string> names(4);
        const Script script{{steps::tls(settings),
                             [&](Peer& peer) {
                                 const std::lock_guard lock{mutex};
                                 names.at(peer.number()) = peer.client_name();
                             },
                             steps::serve()},
                            true};
        driver.server().plan({script, script, script, script});
        Config config = driver.config();
        show(config.tls, clients.first);
        std::optional<Client> client{std::in_place, driver.context(), config};
        std::optional<Result> before;
        start(driver, get(*client, "before"), before);
        driver.context().restart();
        for (std::size_t i = 0; i < steps_taken && !before; ++i)
            driver.context().run_one();
        ended = before.has_value();
        show(config.tls, clients.second);
        BOOST_TEST_CONTEXT("after " << steps_taken << " steps")
        {
            BOOST_TEST(client->reload_tls(config.tls).has_value());
            BOOST_TEST(driver.run(get(*client, "after")).id == "after");
            run_until(driver, [&] { return before.has_value(); });
            BOOST_TEST(before->id == "before");
            client.reset();
            driver.context().restart();
            driver.context().run();
            driver.server().await_over();
            for (const SeenRequest& request : driver.server().requests())
                if (subject_of(request.bytes) == "after")
                    BOOST_TEST(names.at(request.connection) == "second");
            // Scripts of connections that were given up in the handshake fail.
            driver.server().finish();
        }
    }
    BOOST_TEST(steps_taken > 5u);
}

BOOST_AUTO_TEST_CASE(a_session_with_a_client_certificate_is_resumed)
{
    Driver driver;
    const Clients clients;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        count_case();
        TlsSettings settings{.max_version = version, .client_authority = &clients.authority};
        TlsSettings resumed = settings;
        resumed.needs_resumed = true;
        driver.run({.name = "resumed",
                    .scripts = {{{steps::tls(settings), steps::request(), steps::answer("Connection: close\r\n"),
                                  steps::close_notify(), steps::fin()}},
                                {{steps::tls(resumed), expect_client("first"), steps::serve()}, true}},
                    .expected = {.requests = 2, .kept = true},
                    .configure = [&](Config& config) { show(config.tls, clients.first); },
                    .call = [](Client& client) -> asio::awaitable<Result> {
                        BOOST_TEST((co_await get(client, "first")).id == "first");
                        co_return co_await perform(client, Operation::get);
                    }});
        driver.server().forget_contexts();
    }
}

BOOST_AUTO_TEST_CASE(an_authenticator_fetches_keys_with_the_same_settings)
{
    Driver driver;
    const Clients clients;
    const TokenSigner signer{"k1"};
    const std::string token = signer.sign(R"({"aud":"app","exp":4000000000,"sub":"u"})");
    const std::string keys = response(200, "Content-Type: application/json\r\n", key_set({signer.jwk()}));
    const TlsSettings settings{.client_authority = &clients.authority};
    const auto authenticate = [&](Authenticator& authenticator) {
        std::optional<expected<Claims>> claims;
        authenticator.authenticate(token, [&](expected<Claims> result) { claims.emplace(std::move(result)); });
        run_until(driver, [&] { return claims.has_value(); });
        return *std::move(claims);
    };
    const auto check = [&](Authenticator& authenticator, const std::string& shown) {
        driver.server().plan(
            {{{steps::tls(settings), expect_client(shown), steps::request(), steps::send(keys), steps::expect_end()}}});
        BOOST_TEST(authenticate(authenticator).has_value());
    };
    const auto finish = [&] {
        driver.context().restart();
        driver.context().run();
        BOOST_TEST(driver.server().finish() == "");
    };
    Config config = driver.config();
    const TlsOptions without = config.tls;
    show(config.tls, clients.first);
    {
        count_case();
        count_run();
        Authenticator authenticator{driver.context(), config};
        check(authenticator, "first");
    }
    finish();
    {
        count_case();
        count_run();
        Authenticator authenticator{driver.context(), config};
        show(config.tls, clients.second);
        BOOST_TEST(authenticator.reload_tls(config.tls).has_value());
        check(authenticator, "second");
    }
    finish();
    {
        count_case();
        count_run();
        config.tls = without;
        Authenticator authenticator{driver.context(), config};
        driver.server().plan({{{steps::failing_tls(settings)}}});
        const auto claims = authenticate(authenticator);
        BOOST_TEST_REQUIRE(!claims);
        BOOST_TEST((claims.error().code == Errc::jwks));
        BOOST_TEST(claims.error().message.find("the server demands a client certificate, and none is configured") !=
                       std::string::npos,
                   claims.error());
    }
    finish();
}
