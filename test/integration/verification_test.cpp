// A client that can't verify its server sends it nothing.

#include "support/certificates.hpp"
#include "support/run.hpp"
#include "support/service.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>

using namespace passage;
using passage::test::run;
namespace asio = boost::asio;

namespace {

struct Fixture
{
    test::Service service;
    asio::io_context context;

    Error failure(const Config& config)
    {
        Client client{context, config};
        return run(context, [](Client& of) -> asio::awaitable<Error> {
            const auto user = co_await of.get_user("nobody");
            BOOST_REQUIRE(!user);
            co_return user.error();
        }(client));
    }

    expected<Client> create(const Config& config) { return Client::create(context.get_executor(), config); }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_client_that_was_told_of_no_authority_refuses_one_that_is_unknown, Fixture)
{
    Config config = service.config();
    config.tls.ca_pem.clear();
    const Error refused = failure(config);
    BOOST_TEST((refused.code == Errc::tls));
    BOOST_TEST((refused.effect == Effect::none));
    BOOST_TEST(refused.attempts == 1u);
    BOOST_TEST(refused.message.find("certificate") != std::string::npos);
    BOOST_TEST(service.emulator.requests_served() == 0u);
}

BOOST_FIXTURE_TEST_CASE(an_authority_of_the_same_name_is_not_the_same_authority, Fixture)
{
    const test::Service other;
    Config config = service.config();
    config.tls.ca_pem = other.emulator.ca_pem();
    BOOST_TEST((failure(config).code == Errc::tls));
    BOOST_TEST(service.emulator.requests_served() == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_server_of_another_name_is_refused, Fixture)
{
    Config config = service.config();
    config.base_url = "https://127.0.0.2:" + std::to_string(service.emulator.port()) + "/v1";
    const Error refused = failure(config);
    BOOST_TEST((refused.code == Errc::tls || refused.code == Errc::connect)); // refused there if nothing listens
    BOOST_TEST(service.emulator.requests_served() == 0u);
}

BOOST_FIXTURE_TEST_CASE(an_address_in_the_certificate_is_verified_as_an_address, Fixture)
{
    Config config = service.config();
    config.base_url = "https://127.0.0.1:" + std::to_string(service.emulator.port()) + "/v1";
    BOOST_TEST(is_not_found(failure(config)));

    asio::ip::tcp::socket probe{context};
    boost::system::error_code no_ipv6;
    probe.open(asio::ip::tcp::v6(), no_ipv6);
    if (!no_ipv6)
        probe.bind({asio::ip::address_v6::loopback(), 0}, no_ipv6);
    if (no_ipv6) {
        BOOST_TEST_MESSAGE("not by IPv6: " << no_ipv6.message());
        return;
    }
    config.base_url = "https://[::1]:" + std::to_string(service.emulator.port()) + "/v1";
    BOOST_TEST(is_not_found(failure(config)));
}

BOOST_FIXTURE_TEST_CASE(an_authority_is_read_from_a_file, Fixture)
{
    std::string folder = (std::filesystem::temp_directory_path() / "passage-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(folder.data()));
    const std::string file = folder + "/ca.pem";
    std::ofstream{file} << service.emulator.ca_pem();
    Config config = service.config();
    config.tls.ca_pem.clear();
    config.tls.ca_file = file;
    BOOST_TEST(is_not_found(failure(config)));

    std::ofstream{file, std::ios::trunc} << "";
    BOOST_TEST((create(config).error().code == Errc::invalid_argument));
    std::ofstream{file, std::ios::trunc} << "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";
    BOOST_TEST((create(config).error().code == Errc::invalid_argument));
    std::filesystem::remove_all(folder);
    const Error missing = create(config).error();
    BOOST_TEST((missing.code == Errc::invalid_argument));
    BOOST_TEST((missing.cause == boost::system::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_CASE(the_emulator_lets_in_only_clients_of_its_authority)
{
    std::string folder = (std::filesystem::temp_directory_path() / "passage-XXXXXX").string();
    BOOST_REQUIRE(mkdtemp(folder.data()));
    const std::string file = folder + "/clients.pem";
    const auto authority = test::make_identity({.common_name = "clients", .names = "", .is_authority = true}, nullptr);
    const auto other = test::make_identity({.common_name = "others", .names = "", .is_authority = true}, nullptr);
    const auto issue = [](const test::Identity& issuer) {
        return test::make_identity({.common_name = "client", .names = "", .usage = "clientAuth"}, &issuer);
    };
    std::ofstream{file} << test::to_pem(authority);
    EmulatorOptions options;
    options.client_authority(file);
    const test::Service service{options};
    std::filesystem::remove_all(folder);

    asio::io_context context;
    const auto failure = [&](const Config& config) {
        Client client{context, config};
        const auto user = run(context, client.get_user("nobody"));
        BOOST_REQUIRE(!user);
        return user.error();
    };
    Config config = service.config();
    BOOST_TEST((failure(config).code == Errc::tls));
    for (const auto* issuer : {&other, &authority}) {
        const test::Identity client = issue(*issuer);
        config.tls.certificate_pem = test::to_pem(client);
        config.tls.key_pem = test::key_to_pem(client, "passphrase");
        config.tls.key_passphrase = "passphrase";
        const Error error = failure(config);
        BOOST_TEST((issuer == &other ? error.code == Errc::tls : is_not_found(error)), error);
    }
    BOOST_TEST(service.emulator.requests_served() == 1u);
}

BOOST_FIXTURE_TEST_CASE(settings_that_cannot_be_right_are_refused_at_construction, Fixture)
{
    const auto refuse = [&](auto change) {
        Config config = service.config();
        change(config);
        const auto refused = create(config);
        BOOST_REQUIRE(!refused);
        BOOST_TEST((refused.error().code == Errc::invalid_argument));
        BOOST_TEST(!refused.error().message.empty());
        BOOST_CHECK_THROW((Client{context, config}), boost::system::system_error);
    };
    refuse([](Config& config) { config.app_id = ""; });
    refuse([](Config& config) { config.app_id = ".."; });
    refuse([](Config& config) { config.api_key = ""; });
    refuse([](Config& config) { config.api_key = "key\r\nHost: other"; });
    refuse([](Config& config) { config.base_url = "http://api.example.com/v1"; });
    refuse([](Config& config) { config.base_url = "ftp://api.example.com/v1"; });
    refuse([](Config& config) { config.base_url = "https://.example.com/v1"; });
    refuse([](Config& config) { config.base_url = "https://user:password@example.com/v1"; });
    refuse([](Config& config) { config.pool.max_connections = 0; });
    refuse([](Config& config) { config.timeouts.total = std::chrono::milliseconds{0}; });
    refuse([](Config& config) { config.retry.max_attempts = 0; });
}
