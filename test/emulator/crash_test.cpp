#include "faulty_disk.hpp"
#include "local_service.hpp"
#include "temporary_folder.hpp"

#include <boost/json/serialize.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <stdexcept>

namespace data = boost::unit_test::data;
namespace json = boost::json;
using namespace passage::emulator;

namespace {

struct Step
{
    std::string_view method;
    std::string target;
    std::string body;
};

/// Writes of every kind.
std::vector<Step> make_steps()
{
    const std::string admin = "/admin/apps/app/users";
    const std::string users = "/v1/apps/app/users";
    const std::string filling(20'000, 'x'); // of several pages
    return {
        {"POST", admin,
         R"({"id":"ada","email":"ada@x.y","user_metadata":{"n":1},"webauthn_devices":[{"id":"d1","cred_id":"c"},)"
         R"({"id":"d2","cred_id":"c"}],"recent_events":[{"id":"e1"},{"id":"e2"}],)"
         R"("social_connections":{"github":{"provider_id":"1"}}})"},
        {"POST", admin, R"({"id":"bob","phone":"+15005550001"})"},
        {"PATCH", users + "/ada", R"({"email":"ada@lovelace.example","phone":"+15005550002"})"},
        {"PATCH", users + "/bob/activate", ""},
        {"POST", admin + "/bob/devices", R"({"id":"d3","cred_id":"c"})"},
        {"POST", admin, R"({"id":"large","email":"l@x.y","user_metadata":{"x":")" + filling + R"("}})"},
        {"POST", admin + "/ada/events", R"({"id":"e3"})"},
        {"PATCH", users + "/ada", R"({"phone":null,"user_metadata":{"n":2}})"},
        {"DELETE", users + "/ada/devices/d1", ""},
        {"DELETE", users + "/large", ""},
        {"PUT", admin + "/bob/social/apple", R"({"provider_id":"2"})"},
        {"PATCH", users + "/bob/deactivate", ""},
        {"DELETE", users + "/ada", ""},
    };
}

const std::vector<Step> steps = make_steps();

Response act(LocalService& service, const Step& step)
{
    return service.call(step.method, step.target, step.body);
}

/// Without what differs from run to run.
json::value timeless(const json::value& value)
{
    if (const json::array* array = value.if_array()) {
        json::array result;
        for (const json::value& element : *array) {
            result.push_back(timeless(element));
        }
        return result;
    }
    if (const json::object* object = value.if_object()) {
        json::object result;
        for (const auto& [name, member] : *object) {
            if (!name.ends_with("_at")) {
                result[name] = timeless(member);
            }
        }
        return result;
    }
    return value;
}

/// All that the service knows of its users.
std::string state_of(LocalService& service)
{
    const Response page = service.users("GET", "?limit=500&order_by=id:ASC");
    if (page.status != 200) {
        return page.body;
    }
    std::string state;
    const json::value listed = json::parse(page.body);
    for (const json::value& user : listed.at("users").as_array()) {
        const std::string id = user.at("id").as_string().c_str();
        state += json::serialize(timeless(json::parse(service.users("GET", "/" + id).body))) + '\n';
    }
    return state;
}

/// The state after so many steps, for each number of them.
std::vector<std::string> make_states()
{
    LocalService service;
    std::vector<std::string> states{state_of(service)};
    for (const Step& step : steps) {
        if (act(service, step).status >= 300) {
            throw std::logic_error("a step fails without a fault");
        }
        states.push_back(state_of(service));
    }
    return states;
}

/// Works until it is killed; writes a byte for each step that was answered. The file is closed and opened
/// again halfway, so that its log is folded in while there is work to lose.
void work(const std::filesystem::path& file, DiskFault fault, int answers)
{
    const FaultyDisk disk(fault);
    for (const auto& [from, to] :
         {std::pair<std::size_t, std::size_t>{0, steps.size() / 2}, {steps.size() / 2, steps.size()}}) {
        LocalService service(file);
        for (std::size_t i = from; i < to; ++i) {
            if (act(service, steps[i]).status >= 300 || ::write(answers, ".", 1) != 1) {
                _exit(EXIT_FAILURE);
            }
        }
    }
}

struct Death
{
    bool was_killed;
    std::size_t answered; ///< steps
};

/// In a process of its own.
Death work_and_die(const std::filesystem::path& file, DiskFault fault)
{
    int ends[2];
    BOOST_TEST_REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        try {
            work(file, fault, ends[1]);
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s\n", error.what());
            _exit(EXIT_FAILURE);
        }
        _exit(EXIT_SUCCESS);
    }
    close(ends[1]);
    Death death{false, 0};
    for (char byte = 0; read(ends[0], &byte, 1) == 1;) {
        ++death.answered;
    }
    close(ends[0]);
    int status = 0;
    BOOST_TEST_REQUIRE(waitpid(child, &status, 0) == child);
    death.was_killed = WIFSIGNALED(status);
    BOOST_TEST((death.was_killed ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == EXIT_SUCCESS));
    return death;
}

/// Keeps what is logged off the screen.
class Silence
{
public:
    Silence() : screen_(std::clog.rdbuf(log_.rdbuf())) {}
    Silence(const Silence&) = delete;
    Silence& operator=(const Silence&) = delete;
    ~Silence() { std::clog.rdbuf(screen_); }

private:
    std::ostringstream log_;
    std::streambuf* screen_;
};

struct Crash
{
    DiskFault::Kind kind;
    const char* name;

    friend std::ostream& operator<<(std::ostream& stream, const Crash& crash) { return stream << crash.name; }
};

const std::vector<Crash> crashes{
    {DiskFault::Kind::kill, "killed"},
    {DiskFault::Kind::power_loss, "unsynced writes lost"},
    {DiskFault::Kind::torn_writes, "some unsynced sectors written"},
};

const std::vector<Crash> failures{
    {DiskFault::Kind::io_error, "one error"},
    {DiskFault::Kind::full, "no room"},
    {DiskFault::Kind::read_only, "no more to be written"},
};

} // namespace

BOOST_DATA_TEST_CASE(crash_at_any_change_of_a_file_loses_no_answered_write, data::make(crashes), crash)
{
    const std::vector<std::string> states = make_states();
    int at = 0;
    for (bool was_killed = true; was_killed; ++at) {
        const TemporaryFolder folder;
        const std::filesystem::path file = folder.path() / "users.db";
        const Death death = work_and_die(file, {crash.kind, at});
        was_killed = death.was_killed;
        BOOST_TEST((was_killed || death.answered == steps.size()));

        // Opening checks the file's integrity.
        const FaultyDisk sound;
        LocalService service(file);
        const std::string state = state_of(service);
        const bool is_as_answered = state == states[death.answered];
        const bool has_one_more = death.answered < steps.size() && state == states[death.answered + 1];
        BOOST_TEST((is_as_answered || has_one_more),
                   "at " << at << ", " << death.answered << " steps answered: " << state);
    }
    BOOST_TEST(at > 50, "there were changes to crash at");
    BOOST_TEST_MESSAGE(at << " crashes");
}

BOOST_DATA_TEST_CASE(failure_at_any_change_of_a_file_is_said_and_changes_nothing, data::make(failures), failure)
{
    const Silence silence;
    const std::vector<std::string> states = make_states();
    int failed = 0;
    bool is_over = false;
    for (int at = 0; !is_over; ++at) {
        const TemporaryFolder folder;
        FaultyDisk disk(DiskFault{failure.kind, at});
        std::optional<LocalService> service;
        try {
            service.emplace(folder.path() / "users.db");
        } catch (const std::runtime_error&) {
            disk.repair();
            service.emplace(folder.path() / "users.db");
        }
        for (std::size_t i = 0; i < steps.size(); ++i) {
            Response response = act(*service, steps[i]);
            if (response.status >= 300) {
                ++failed;
                BOOST_TEST((response.status == 503U || response.status == 507U), response.body);
                BOOST_TEST((state_of(*service) == states[i]), "at " << at << ": reads go on, and nothing was changed");
                disk.repair();
                response = act(*service, steps[i]);
            }
            BOOST_TEST_REQUIRE(response.status < 300U, "at " << at << ": " << response.body);
        }
        is_over = disk.changes() <= at;
        BOOST_TEST((state_of(*service) == states.back()));
    }
    BOOST_TEST(failed > 10, "there were changes that failed");
    BOOST_TEST_MESSAGE(failed << " steps failed");
}
