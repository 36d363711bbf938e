#include "support/error_of.hpp"

#include <passage/config.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace passage;

namespace {

/// Sets environment variables, unsets the library's others, and restores all on destruction.
class Environment
{
public:
    explicit Environment(const std::vector<std::pair<const char*, const char*>>& variables)
    {
        for (const char* name :
             {"PASSAGE_APP_ID", "PASSAGE_API_KEY", "PASSAGE_BASE_URL", "PASSAGE_AUTH_URL", "PASSAGE_CA_FILE"}) {
            const char* const value = std::getenv(name);
            before_.emplace_back(name, value ? std::optional<std::string>{value} : std::nullopt);
            ::unsetenv(name);
        }
        for (const auto& [name, value] : variables)
            ::setenv(name, value, 1);
    }
    ~Environment()
    {
        for (const auto& [name, value] : before_) {
            if (value)
                ::setenv(name, value->c_str(), 1);
            else
                ::unsetenv(name);
        }
    }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

private:
    std::vector<std::pair<const char*, std::optional<std::string>>> before_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(config_from_environment)

BOOST_AUTO_TEST_CASE(credentials_and_a_server_are_enough)
{
    const Environment environment{
        {{"PASSAGE_APP_ID", "app"}, {"PASSAGE_API_KEY", "key"}, {"PASSAGE_BASE_URL", "https://api.example.com/v1"}}};
    const auto config = Config::from_environment();
    BOOST_TEST_REQUIRE(config.has_value(), passage::test::error_of(config));
    BOOST_TEST(config->app_id == "app");
    BOOST_TEST(config->api_key.reveal() == "key");
    BOOST_TEST(config->base_url == "https://api.example.com/v1");
    BOOST_TEST(config->auth_url == "");
    BOOST_TEST(config->tls.ca_file == "");
}

BOOST_AUTO_TEST_CASE(all_that_is_set_is_taken)
{
    const Environment environment{{{"PASSAGE_APP_ID", "app"},
                                   {"PASSAGE_API_KEY", "key"},
                                   {"PASSAGE_BASE_URL", "https://localhost:8443/v1"},
                                   {"PASSAGE_AUTH_URL", "https://localhost:8444/v1"},
                                   {"PASSAGE_CA_FILE", "/ca.pem"}}};
    const auto config = Config::from_environment();
    BOOST_TEST_REQUIRE(config.has_value(), passage::test::error_of(config));
    BOOST_TEST(config->base_url == "https://localhost:8443/v1");
    BOOST_TEST(config->auth_url == "https://localhost:8444/v1");
    BOOST_TEST(config->tls.ca_file == "/ca.pem");
}

BOOST_AUTO_TEST_CASE(what_is_missing_is_named)
{
    const auto message = [](const std::vector<std::pair<const char*, const char*>>& variables) {
        const Environment environment{variables};
        const Error error = Config::from_environment().error();
        BOOST_TEST((error.code == Errc::invalid_argument));
        return error.message;
    };
    BOOST_TEST(message({}) == "the environment variable PASSAGE_APP_ID is not set");
    BOOST_TEST(message({{"PASSAGE_APP_ID", "app"}}) == "the environment variable PASSAGE_API_KEY is not set");
    BOOST_TEST(message({{"PASSAGE_APP_ID", "app"}, {"PASSAGE_API_KEY", ""}}) ==
               "the environment variable PASSAGE_API_KEY is not set");
    BOOST_TEST(message({{"PASSAGE_APP_ID", "app"}, {"PASSAGE_API_KEY", "key"}}) ==
               "the environment variable PASSAGE_BASE_URL is not set");
}

BOOST_AUTO_TEST_SUITE_END()
