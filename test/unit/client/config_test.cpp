#include "freed_memory.hpp"
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
        for (const char* name : {"PASSAGE_APP_ID", "PASSAGE_API_KEY", "PASSAGE_BASE_URL", "PASSAGE_AUTH_URL",
                                 "PASSAGE_CA_FILE", "PASSAGE_UNIX_SOCKET", "https_proxy", "HTTPS_PROXY", "http_proxy",
                                 "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
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
    BOOST_TEST(config->unix_socket == "");
}

BOOST_AUTO_TEST_CASE(all_that_is_set_is_taken)
{
    const Environment environment{{{"PASSAGE_APP_ID", "app"},
                                   {"PASSAGE_API_KEY", "key"},
                                   {"PASSAGE_BASE_URL", "https://localhost:8443/v1"},
                                   {"PASSAGE_AUTH_URL", "https://localhost:8444/v1"},
                                   {"PASSAGE_CA_FILE", "/ca.pem"},
                                   {"PASSAGE_UNIX_SOCKET", "/run/passage"}}};
    const auto config = Config::from_environment();
    BOOST_TEST_REQUIRE(config.has_value(), passage::test::error_of(config));
    BOOST_TEST(config->base_url == "https://localhost:8443/v1");
    BOOST_TEST(config->auth_url == "https://localhost:8444/v1");
    BOOST_TEST(config->tls.ca_file == "/ca.pem");
    BOOST_TEST(config->unix_socket == "/run/passage");
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

using Variables = std::vector<std::pair<const char*, const char*>>;

Variables with_server(Variables more)
{
    more.insert(
        more.begin(),
        {{"PASSAGE_APP_ID", "app"}, {"PASSAGE_API_KEY", "key"}, {"PASSAGE_BASE_URL", "https://api.example.com/v1"}});
    return more;
}

BOOST_AUTO_TEST_CASE(without_its_variables_there_is_no_proxy)
{
    for (const Variables& variables :
         {Variables{}, Variables{{"HTTPS_PROXY", ""}, {"ALL_PROXY", ""}}, Variables{{"NO_PROXY", "!"}},
          Variables{{"HTTP_PROXY", "http://p"}, {"http_proxy", "http://p"}}}) {
        const Environment environment{with_server(variables)};
        const auto config = Config::from_environment();
        BOOST_TEST_REQUIRE(config.has_value(), test::error_of(config));
        BOOST_TEST(config->proxy.url == "");
        BOOST_TEST(config->proxy.no_proxy == "");
    }
}

BOOST_AUTO_TEST_CASE(the_proxy_is_the_first_that_is_set_lower_case_before_upper_case)
{
    struct Case
    {
        Variables variables;
        const char* url;
    };
    const std::vector<Case> cases{
        {{{"HTTPS_PROXY", "http://b"}}, "http://b"},
        {{{"https_proxy", "http://a"}, {"HTTPS_PROXY", "http://b"}}, "http://a"},
        {{{"https_proxy", ""}, {"HTTPS_PROXY", "http://b"}}, "http://b"},
        {{{"all_proxy", "http://c"}, {"HTTPS_PROXY", "http://b"}}, "http://b"},
        {{{"all_proxy", "http://c"}, {"ALL_PROXY", "http://d"}}, "http://c"},
        {{{"ALL_PROXY", "d:3128"}}, "d:3128"},
    };
    for (const Case& c : cases) {
        const Environment environment{with_server(c.variables)};
        const auto config = Config::from_environment();
        BOOST_TEST_REQUIRE(config.has_value(), test::error_of(config));
        BOOST_TEST(config->proxy.url == c.url);
    }
}

BOOST_AUTO_TEST_CASE(what_is_reached_without_a_proxy_is_listed_with_loopback_added)
{
    const auto list = [](Variables variables) {
        variables.push_back({"https_proxy", "http://p"});
        const Environment environment{with_server(std::move(variables))};
        return Config::from_environment().value().proxy.no_proxy;
    };
    BOOST_TEST(list({}) == "localhost,127.0.0.0/8,::1,");
    BOOST_TEST(list({{"NO_PROXY", "a.example"}}) == "localhost,127.0.0.0/8,::1,a.example");
    BOOST_TEST(list({{"NO_PROXY", "a.example"}, {"no_proxy", "b"}}) == "localhost,127.0.0.0/8,::1,b");
    BOOST_TEST(list({{"NO_PROXY", "a.example"}, {"no_proxy", ""}}) == "localhost,127.0.0.0/8,::1,a.example");
    BOOST_TEST(list({{"NO_PROXY", "*"}}) == "localhost,127.0.0.0/8,::1,*");
}

BOOST_AUTO_TEST_CASE(credentials_of_a_proxy_are_kept_apart)
{
    const Environment environment{with_server({{"https_proxy", "https://us%40er:pa%3Ass@p:8443"}})};
    const auto config = Config::from_environment();
    BOOST_TEST_REQUIRE(config.has_value(), test::error_of(config));
    BOOST_TEST(config->proxy.url == "https://p:8443");
    BOOST_TEST(config->proxy.credentials.reveal() == "us@er:pa:ss");
}

BOOST_AUTO_TEST_CASE(a_proxys_variable_that_is_wrong_is_named)
{
    const auto message = [](const Variables& variables) {
        const Environment environment{with_server(variables)};
        const Error error = Config::from_environment().error();
        BOOST_TEST((error.code == Errc::invalid_argument));
        BOOST_TEST(error.message.find("canary") == std::string::npos, error.message);
        return error.message;
    };
    BOOST_TEST(message({{"HTTPS_PROXY", "socks5://canary:canary@p"}}).starts_with("HTTPS_PROXY is not of the form "));
    BOOST_TEST(message({{"https_proxy", "http://canary:can/ary@p"}}).starts_with("https_proxy is not of the form "));
    BOOST_TEST(message({{"all_proxy", "canary:canary"}}).starts_with("all_proxy is not of the form "));
    BOOST_TEST(message({{"ALL_PROXY", "http://p:0"}}).starts_with("ALL_PROXY is not of the form "));
    BOOST_TEST(message({{"all_proxy", "p"}, {"NO_PROXY", "10.0.0.0/40"}}).starts_with("NO_PROXY has an entry that "));
    // A list that is a proxy's URL.
    BOOST_TEST(message({{"all_proxy", "p"}, {"no_proxy", "http://canary:can,ary@p"}}).ends_with(" nor a network"));
    BOOST_TEST(message({{"all_proxy", "p"}, {"no_proxy", "a,http://canary:canary@p"}}).ends_with(" nor a network"));
    BOOST_TEST(message({{"all_proxy", "p"}, {"no_proxy", "a,b:c"}, {"NO_PROXY", "*"}}).starts_with("no_proxy has "));
}

BOOST_AUTO_TEST_CASE(no_copy_is_left_of_a_proxys_credentials)
{
    constexpr std::string_view password = "canary-7Qz0Xw4Lr9Ht2Vb6Nm";
    const std::string url = "http://user:" + std::string{password} + "@proxy-with-a-rather-long-name.example:3128";
    const Environment environment{with_server({{"https_proxy", url.c_str()}})};
    const test::FreedMemory freed{password};
    {
        const auto config = Config::from_environment();
        BOOST_TEST(config->proxy.credentials.reveal().ends_with(password));
    }
    BOOST_TEST(freed.blocks() > 1u);
    BOOST_TEST(freed.showing() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
