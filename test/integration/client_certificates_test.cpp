// The library against nginx that demands certificates of clients.

#include "support/certificates.hpp"
#include "support/error_of.hpp"
#include "support/foreign_server.hpp"

#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

using namespace passage;
using namespace passage::test;
namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

/// nginx, which lets in the clients of an authority. It answers for the user "second" only the client "second".
struct Fixture
{
    static constexpr const char* second_user =
        R"({"user":{"id":"second","email":"jane@example.com","status":"active"}})";

    explicit Fixture(std::string_view tls_options = "", const std::string& directives = {})
        : server{ForeignServer::nginx(tls_options, "ssl_client_certificate " + write("ca.pem", to_pem(authority)) +
                                                       ";\nssl_verify_client on;\nkeepalive_requests 1000000;\n" +
                                                       directives +
                                                       "\nlocation /v1/apps/app/users/second {\n"
                                                       "if ($ssl_client_s_dn != \"CN=second\") { return 403; }\n"
                                                       "return 200 '" +
                                                       second_user + "';\n}")}
    {}
    ~Fixture()
    {
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }

    static fs::path make_folder()
    {
        std::string name = (fs::temp_directory_path() / "passage-clients-XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(name.data()));
        return name;
    }

    std::string write(const std::string& name, std::string_view text) const
    {
        std::ofstream{folder / name} << text;
        return folder / name;
    }

    Identity issue(const std::string& name) const
    {
        return make_identity({.common_name = name, .names = "", .usage = "clientAuth"}, &authority);
    }

    Config config(const Identity* identity) const
    {
        Config config;
        config.app_id = "app";
        config.api_key = "key";
        config.base_url = server.base_url();
        config.tls.ca_pem = server.ca_pem();
        if (identity) {
            config.tls.certificate_pem = to_pem(*identity);
            config.tls.key_pem = key_to_pem(*identity);
        }
        return config;
    }

    expected<UserInfo> get(Client& client, std::string_view id)
    {
        std::optional<expected<UserInfo>> result;
        client.get_user(id, [&](expected<UserInfo> user) { result.emplace(std::move(user)); });
        context.restart();
        while (!result && context.run_one() > 0) {
        }
        return *std::move(result);
    }

    fs::path folder = make_folder();
    Identity authority =
        make_identity({.common_name = "authority of clients", .names = "", .is_authority = true}, nullptr);
    Identity first = issue("first");
    Identity second = issue("second");
    ForeignServer server;
    asio::io_context context;
};

const std::vector<std::string> kinds{"", PASSAGE_HTTP2 ? " http2" : ""};

} // namespace

BOOST_AUTO_TEST_SUITE(client_certificates,
                      *boost::unit_test::precondition([](auto) { return ForeignServer::are_installed({"nginx"}); }))

BOOST_AUTO_TEST_CASE(nginx_lets_in_a_client_with_a_certificate)
{
    for (const std::string& kind : kinds)
        for (const char* version : {"TLSv1.2", "TLSv1.3"}) {
            Fixture f{kind, std::string{"ssl_protocols "} + version + ";"};
            const Config config = f.config(&f.second);
            for (int clients = 0; clients < 2; ++clients) {
                Client client{f.context.get_executor(), config};
                const auto user = f.get(client, "second");
                BOOST_TEST_REQUIRE(user.has_value(), error_of(user));
                BOOST_TEST(user->id == "second");
            }
        }
}

BOOST_AUTO_TEST_CASE(a_refusal_by_nginx_is_an_error_of_http)
{
    // nginx ends the handshake, whatever the client shows, and then answers requests with 400.
    for (const std::string& kind : kinds) {
        Fixture f{kind};
        const Identity stranger = make_identity({.common_name = "second", .names = "", .usage = "clientAuth"}, nullptr);
        for (const Identity* identity : {static_cast<const Identity*>(nullptr), &stranger}) {
            Client client{f.context.get_executor(), f.config(identity)};
            const auto user = f.get(client, "second");
            BOOST_TEST_REQUIRE(!user);
            BOOST_TEST((user.error().code == Errc::api), user.error());
            BOOST_TEST(user.error().http_status == 400);
            BOOST_TEST((user.error().effect == Effect::none));
        }
    }
}

BOOST_AUTO_TEST_CASE(reloads_lose_no_call)
{
    constexpr std::size_t total = 3'000;
    for (const std::string& kind : kinds) {
        Fixture f{kind};
        Client client{f.context.get_executor(), f.config(&f.first)};
        BOOST_TEST(f.get(client, "second").error().http_status == 403);
        std::size_t begun = 0;
        std::size_t succeeded = 0;
        const auto caller = [&]() -> asio::awaitable<void> {
            while (begun < total) {
                if (++begun % 100 == 0) {
                    const Identity& identity = begun % 200 == 0 ? f.second : f.first;
                    BOOST_TEST(client.reload_tls(f.config(&identity).tls).has_value());
                }
                const auto user = co_await client.get_user("u1");
                if (user && user->id == "u1")
                    ++succeeded;
                else
                    BOOST_TEST_MESSAGE(user.error());
            }
        };
        for (int i = 0; i < 16; ++i)
            asio::co_spawn(f.context, caller(), [](std::exception_ptr error) {
                if (error)
                    std::rethrow_exception(error);
            });
        f.context.restart();
        f.context.run();
        BOOST_TEST(succeeded == begun);
        BOOST_TEST(client.stats().connections_made > 30u);
        const auto user = f.get(client, "second"); // the last reload was to this one
        BOOST_TEST(user.has_value(), error_of(user));
    }
}

BOOST_AUTO_TEST_SUITE_END()
