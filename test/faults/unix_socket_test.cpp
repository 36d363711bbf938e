// Servers that are reached through a Unix domain socket, and sockets that lead nowhere.

#include "driver.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t longest_path = 107;

struct Folder
{
    Folder()
    {
        std::string name = (fs::temp_directory_path() / "passage-unix-XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(name.data()));
        path = name;
    }
    ~Folder() { fs::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    std::string file(const std::string& name) const { return (path / name).string(); }

    fs::path path;
};

/// A Unix domain socket that is bound, and listens or not.
struct Bound
{
    Bound(const std::string& path, int type, int backlog = -1)
        : descriptor{::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}
    {
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        BOOST_REQUIRE(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        if (backlog >= 0)
            BOOST_REQUIRE(::listen(descriptor, backlog) == 0);
    }
    ~Bound() { ::close(descriptor); }
    Bound(const Bound&) = delete;
    Bound& operator=(const Bound&) = delete;

    sockaddr_un address{};
    int descriptor;
};

/// The rights of root are not looked at, so they are laid down, in all threads.
struct WithoutRights
{
    WithoutRights() : was_root{geteuid() == 0}
    {
        constexpr uid_t nobody = 65'534;
        if (was_root)
            is_possible = seteuid(nobody) == 0;
    }
    ~WithoutRights()
    {
        if (was_root && seteuid(0) != 0)
            std::abort();
    }
    WithoutRights(const WithoutRights&) = delete;
    WithoutRights& operator=(const WithoutRights&) = delete;

    const bool was_root;
    bool is_possible = true; ///< Not in a namespace that has no user but root.
};

/// For a precondition.
boost::test_tools::assertion_result can_be_without_rights(boost::unit_test::test_unit_id)
{
    boost::test_tools::assertion_result result{WithoutRights{}.is_possible};
    result.message() << "there is no user but root";
    return result;
}

struct Fixture
{
    Fixture() { asio::steady_timer{context}; } // so that the context's own descriptors are there from the start

    Result call(const Config& config, Operation operation = Operation::get)
    {
        std::optional<Client> client{std::in_place, context, config};
        std::optional<Result> result;
        asio::co_spawn(context, perform(*client, operation),
                       [&](std::exception_ptr, Result value) { result.emplace(std::move(value)); });
        context.restart();
        context.run();
        client.reset();
        context.restart();
        context.run();
        BOOST_REQUIRE(result);
        return *std::move(result);
    }

    Config config(const std::string& path) const
    {
        Config config;
        config.app_id = "app";
        config.api_key = canary_api_key;
        config.base_url = "http://service.example/v1";
        config.unix_socket = path;
        config.retry.base = 0ms;
        return config;
    }

    Folder folder;
    asio::io_context context{1};
};

struct PeerLog final : Observer, CallObserver
{
    std::shared_ptr<CallObserver> call_started(const CallStarted&) noexcept override
    {
        return {std::shared_ptr<void>{}, static_cast<CallObserver*>(this)};
    }
    void attempt_ended(const AttemptEnded& attempt) noexcept override
    {
        address = attempt.peer_address;
        port = attempt.peer_port;
        timings = attempt.connection;
    }
    std::string address = "?";
    std::uint16_t port = 1;
    ConnectionTimings timings;
};

} // namespace

BOOST_DATA_TEST_CASE_F(Fixture, a_server_is_reached_through_a_socket, boost::unit_test::data::make({false, true}),
                       secure)
{
    const std::string path = folder.file("s");
    ScriptServer server{secure, path};
    for (const Operation operation : {Operation::get, Operation::create, Operation::find, Operation::erase}) {
        count_case();
        count_run();
        server.plan({});
        Config config = this->config(path);
        if (secure)
            config.base_url = "https://localhost/v1";
        config.tls.ca_pem = server.ca_pem();
        const auto log = std::make_shared<PeerLog>();
        config.observer = log;
        const Result result = call(config, operation);
        BOOST_TEST(!result.error);
        BOOST_TEST(log->address == path);
        BOOST_TEST(log->port == 0u);
        BOOST_TEST(log->timings.dns.count() == 0);
        BOOST_TEST(server.finish() == "");
        BOOST_TEST(server.requests().front().bytes.find(secure ? "Host: localhost\r\n" : "Host: service.example\r\n") !=
                   std::string::npos);
    }
}

BOOST_FIXTURE_TEST_CASE(the_servers_name_is_verified_over_a_socket, Fixture)
{
    count_case();
    count_run();
    const std::string path = folder.file("s");
    ScriptServer server{true, path};
    server.plan({{{steps::failing_tls()}}});
    Config config = this->config(path);
    config.base_url = "https://service.example/v1";
    config.tls.ca_pem = server.ca_pem();
    const Result result = call(config);
    BOOST_TEST(result.is(Errc::tls));
    BOOST_TEST(result.error->attempts == 1u);
    BOOST_TEST(server.finish() == "");
    BOOST_TEST(server.requests().empty());
}

BOOST_FIXTURE_TEST_CASE(a_socket_comes_before_a_proxy, Fixture)
{
    count_case();
    count_run();
    const std::string path = folder.file("s");
    ScriptServer server{false, path};
    ScriptServer gone{false, false};
    server.plan({});
    Config config = this->config(path);
    config.proxy.url = "http://127.0.0.1:" + std::to_string(gone.port());
    BOOST_TEST(call(config).id == "subject");
    BOOST_TEST(server.finish() == "");
}

BOOST_FIXTURE_TEST_CASE(a_path_that_leads_nowhere_fails_soon_with_its_cause, Fixture)
{
    struct Row
    {
        std::string path;
        int error;
        unsigned attempts;
    };
    const Bound stale{folder.file("stale"), SOCK_STREAM};
    const Bound datagrams{folder.file("datagrams"), SOCK_DGRAM};
    std::ofstream{folder.file("file")} << "text";
    fs::create_directory(folder.file("folder"));
    fs::create_symlink("loop", folder.file("loop"));
    const std::string folder_path = folder.path.string() + "/";
    const std::vector<Row> rows{
        {folder.file("absent"), ENOENT, 3},
        {folder.file("absent/deeper"), ENOENT, 3},
        {"relative-and-absent", ENOENT, 3},
        {folder.file("stale"), ECONNREFUSED, 3},
        {folder.file("file"), ECONNREFUSED, 3},
        {folder.file("folder"), ECONNREFUSED, 3},
        {folder.file("file/deeper"), ENOTDIR, 1},
        {folder.file("loop"), ELOOP, 1},
        {folder.file("datagrams"), EPROTOTYPE, 1},
        {folder_path + std::string(longest_path - folder_path.size(), 'x'), ENOENT, 3},
        {folder_path + std::string(longest_path + 1 - folder_path.size(), 'x'), ENAMETOOLONG, 1},
        {std::string(100'000, 'x'), ENAMETOOLONG, 1},
    };
    for (const Row& row : rows) {
        count_case();
        count_run();
        const std::size_t descriptors = open_descriptors();
        const Result result = call(config(row.path), Operation::create);
        BOOST_TEST_CONTEXT(row.path.substr(0, 200))
        {
            BOOST_TEST_REQUIRE(result.is(Errc::connect));
            const Error& error = *result.error;
            BOOST_TEST(error.cause == (boost::system::error_code{row.error, boost::system::system_category()}), error);
            BOOST_TEST((error.stage == Stage::connect));
            BOOST_TEST((error.effect == Effect::none));
            BOOST_TEST(error.attempts == row.attempts);
            BOOST_TEST((error.elapsed < 2s));
        }
        BOOST_TEST(open_descriptors() == descriptors);
    }
}

BOOST_FIXTURE_TEST_CASE(a_socket_that_this_process_must_not_use_fails_with_its_cause, Fixture,
                        *boost::unit_test::precondition(can_be_without_rights))
{
    count_case();
    count_run();
    const Bound socket{folder.file("s"), SOCK_STREAM, 1};
    fs::permissions(folder.file("s"), fs::perms::none);
    fs::permissions(folder.path, fs::perms::all);
    const WithoutRights without_rights;
    const Result result = call(config(folder.file("s")));
    BOOST_TEST(result.is(Errc::connect));
    BOOST_TEST((result.error->cause == boost::system::errc::permission_denied));
    BOOST_TEST(result.error->attempts == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_server_that_accepts_no_connection_fails_soon_once_its_queue_is_full, Fixture)
{
    count_case();
    count_run();
    const Bound socket{folder.file("s"), SOCK_STREAM, 0};
    const int first = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); // fills the queue
    BOOST_REQUIRE(::connect(first, reinterpret_cast<const sockaddr*>(&socket.address), sizeof socket.address) == 0);
    const Result result = call(config(folder.file("s")), Operation::create);
    BOOST_TEST(result.is(Errc::connect));
    BOOST_TEST((result.error->cause == boost::system::errc::resource_unavailable_try_again), *result.error);
    BOOST_TEST(result.error->attempts == 3u);
    BOOST_TEST((result.error->elapsed < 2s));
    ::close(first);
}

BOOST_FIXTURE_TEST_CASE(a_server_that_comes_back_is_found_again, Fixture)
{
    count_case();
    count_run();
    const std::string path = folder.file("s");
    Client client{context, config(path)};
    const auto get_once = [&] {
        std::optional<Result> result;
        asio::co_spawn(context, perform(client, Operation::get),
                       [&](std::exception_ptr, Result value) { result.emplace(std::move(value)); });
        context.restart();
        while (!result && context.run_one() > 0) {
        }
        return result.value_or(Result{});
    };
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(get_once().is(Errc::connect));
        {
            ScriptServer server{false, path};
            server.plan({});
            BOOST_TEST(get_once().id == "subject");
        }
        fs::remove(path);
    }
}

BOOST_FIXTURE_TEST_CASE(a_child_makes_no_connection_of_its_parents_client, Fixture)
{
    count_case();
    count_run();
    const std::string path = folder.file("s");
    ScriptServer server{false, path};
    server.plan({});
    {
        Client client{context, config(path)};
        const pid_t child = fork();
        if (child == 0) {
            std::optional<Result> result;
            context.notify_fork(asio::execution_context::fork_child);
            asio::co_spawn(context, perform(client, Operation::get),
                           [&](std::exception_ptr, Result value) { result.emplace(std::move(value)); });
            while (!result && context.run_one() > 0) {
            }
            _exit(result && result->is(Errc::shut_down) ? 0 : 1);
        }
        int status = -1;
        BOOST_REQUIRE(waitpid(child, &status, 0) == child);
        BOOST_TEST(status == 0);
    }
    BOOST_TEST(server.finish() == "");
    BOOST_TEST(server.connections() == 0u);
}

BOOST_FIXTURE_TEST_CASE(keys_of_the_same_server_alone_are_fetched_through_the_socket, Fixture)
{
    count_case();
    count_run();
    const std::string path = folder.file("s");
    ScriptServer server{false, path};
    ScriptServer keys{false};
    server.plan(std::vector(3, Script{{steps::request(), steps::send(response(500))}, true}));
    keys.plan({{{steps::request(), steps::send(response(500))}, true}});
    const auto authenticate = [&](const Config& config) {
        Authenticator authenticator{context, config};
        // Its header names an algorithm and a key, so that keys are fetched.
        const std::string token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJzdWIiOiJ1IiwiZXhwIjo5OTk5OTk5OTk5fQ.AAAA";
        asio::co_spawn(context, authenticator.authenticate(token), [](std::exception_ptr, const auto&) {});
        context.restart();
        context.run();
    };
    Config config = this->config(path);
    config.retry.max_attempts = 1;
    authenticate(config);
    BOOST_TEST(server.requests().size() == 1u);
    BOOST_TEST(keys.requests().empty());
    config.auth_url = keys.url();
    authenticate(config);
    BOOST_TEST(server.requests().size() == 1u);
    BOOST_TEST(keys.requests().size() == 1u);
    // The same server, in other words.
    for (const std::string& url : {config.base_url, std::string{"http://SERVICE.example:80/keys"}}) {
        config.auth_url = url;
        authenticate(config);
    }
    BOOST_TEST(server.requests().size() == 3u);
    BOOST_TEST(keys.requests().size() == 1u);
    BOOST_TEST(server.finish() == "");
    BOOST_TEST(keys.finish() == "");
}
