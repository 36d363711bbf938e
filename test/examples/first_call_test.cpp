#include "emulator/program.hpp"
#include "support/canary.hpp"

#include <passage/emulator.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

using namespace passage;

namespace {

/// What the program printed, and how it ended.
struct Ended
{
    std::string printed;
    int status;
};

Ended run_example()
{
    Program program{{boost::unit_test::framework::master_test_suite().argv[1]}};
    Ended ended{program.read_rest(), 0};
    ended.status = program.wait();
    return ended;
}

constexpr const char* variables[] = {"PASSAGE_APP_ID", "PASSAGE_API_KEY", "PASSAGE_BASE_URL"};

/// An emulator that nobody has used, and the environment of its clients.
class Started
{
public:
    Started()
    {
        const std::string ca_file = (folder_.path() / "ca.pem").string();
        std::ofstream{ca_file} << emulator.ca_pem();
        setenv("PASSAGE_APP_ID", emulator.app_id().c_str(), 1);
        setenv("PASSAGE_API_KEY", test::canary_api_key, 1);
        setenv("PASSAGE_BASE_URL", emulator.base_url().c_str(), 1);
        setenv("PASSAGE_CA_FILE", ca_file.c_str(), 1);
    }

    Emulator emulator{EmulatorOptions{}.api_key(test::canary_api_key)};

private:
    TemporaryFolder folder_;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(it_creates_the_user_and_finds_it_the_next_time, Started)
{
    const Ended first = run_example();
    BOOST_TEST(first.status == 0, first.printed);
    BOOST_TEST(first.printed.ends_with(" jane.doe@example.com\n"), first.printed);
    const Ended second = run_example();
    BOOST_TEST(second.status == 0, second.printed);
    BOOST_TEST(second.printed == first.printed);
}

BOOST_FIXTURE_TEST_CASE(it_says_which_variable_is_not_set, Started)
{
    for (const char* variable : variables) {
        const std::string value = std::getenv(variable);
        unsetenv(variable);
        const Ended ended = run_example();
        BOOST_TEST(ended.status == 2, variable);
        BOOST_TEST(ended.printed ==
                   std::string{"invalid_argument: the environment variable "} + variable + " is not set\n");
        setenv(variable, value.c_str(), 1);
    }
}

BOOST_FIXTURE_TEST_CASE(it_says_what_is_wrong_with_a_setting, Started)
{
    setenv("PASSAGE_BASE_URL", "https://localhost:84493/v1", 1);
    const Ended ended = run_example();
    BOOST_TEST(ended.status == 2);
    BOOST_TEST(ended.printed.starts_with("base_url \"https://localhost:84493/v1\": the port must be 1 to 65535"),
               ended.printed);
    BOOST_TEST(std::ranges::count(ended.printed, '\n') == 1, ended.printed);
}
