#include "certificates.hpp"
#include "program.hpp"
#include "store.hpp"
#include "temporary_folder.hpp"
#include "tls_client.hpp"

#include <passage/emulator.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/serialize.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>

namespace asio = boost::asio;
namespace data = boost::unit_test::data;
namespace emulator = passage::emulator;
namespace fs = std::filesystem;

namespace {

const std::string users = "/v1/apps/demo/users";

std::string content_of(const fs::path& file)
{
    std::ifstream input(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(input), {}};
}

bool contains(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

std::vector<std::string> command(std::vector<std::string> arguments)
{
    const auto& suite = boost::unit_test::framework::master_test_suite();
    BOOST_REQUIRE(suite.argc == 2);
    arguments.insert(arguments.begin(), suite.argv[1]);
    return arguments;
}

/// The emulator as its users run it.
class RunningProgram
{
public:
    /// `launcher` are the words of a program that runs another one, whose words follow.
    explicit RunningProgram(const std::vector<std::string>& arguments, std::vector<std::string> launcher = {})
        : program_(joined(std::move(launcher), command(with_demo_app(arguments))))
    {
        std::string line = program_.read_line();
        for (; !line.starts_with("# passage-emulator "); line = program_.read_line()) {
            const std::size_t equals = line.find("='");
            if (!line.starts_with("export ") || equals == std::string::npos || !line.ends_with("'")) {
                throw std::runtime_error("it said: " + line + '\n' + program_.read_rest());
            }
            environment_[line.substr(7, equals - 7)] = line.substr(equals + 2, line.size() - equals - 3);
        }
        const std::string& url = environment_.at("PASSAGE_BASE_URL");
        const std::string after_host = url.substr(url.rfind(':') + 1); // //localhost/v1 for a Unix domain socket
        if (!after_host.starts_with('/')) {
            port_ = static_cast<std::uint16_t>(std::stoi(after_host));
        }
    }

    const std::string& operator[](const std::string& variable) const { return environment_.at(variable); }
    std::uint16_t port() const { return port_; }
    TlsClient client() const { return {port_, content_of(environment_.at("PASSAGE_CA_FILE"))}; }
    Program& process() { return program_; }

private:
    static std::vector<std::string> with_demo_app(std::vector<std::string> arguments)
    {
        arguments.insert(arguments.end(), {"--app", "demo", "--api-key", "it's-key"});
        return arguments;
    }

    static std::vector<std::string> joined(std::vector<std::string> words, const std::vector<std::string>& others)
    {
        words.insert(words.end(), others.begin(), others.end());
        return words;
    }

    Program program_;
    std::map<std::string, std::string> environment_;
    std::uint16_t port_ = 0;
};

const std::string key = "it's-key";

struct WithFolder
{
    TemporaryFolder folder;
    std::string data = (folder.path() / "users.db").string();
};

/// What it says when it does not start.
std::string refusal(const std::vector<std::string>& arguments, int status = 1)
{
    Program program(command(arguments));
    std::string said = program.read_line() + '\n';
    if (!said.starts_with("passage-emulator: ")) {
        program.signal(SIGTERM); // it did start
    }
    said += program.read_rest();
    BOOST_TEST(program.wait() == status, said);
    BOOST_TEST(said.starts_with("passage-emulator: "), said);
    return said;
}

unsigned mode_of(const fs::path& file)
{
    struct stat status
    {};
    BOOST_TEST_REQUIRE(stat(file.c_str(), &status) == 0, file);
    return status.st_mode & 0777U;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(starting, WithFolder)

BOOST_AUTO_TEST_CASE(printed_environment_points_a_client_at_it)
{
    RunningProgram emulator({});
    BOOST_TEST(emulator["PASSAGE_APP_ID"] == "demo");
    BOOST_TEST(emulator["PASSAGE_API_KEY"] == "it'\\''s-key", "quoted for a shell");
    BOOST_TEST(emulator.client().call("GET", users, key).status == 200U);
    const std::string& keys = emulator["PASSAGE_AUTH_URL"] + "/apps/demo/.well-known/jwks.json";
    BOOST_TEST(emulator.client().call("GET", keys, {}).status == 200U);
}

BOOST_AUTO_TEST_CASE(printed_environment_names_the_address_that_it_listens_on)
{
    RunningProgram emulator({"--address", "127.0.0.5"});
    const std::string url = "https://127.0.0.5:" + std::to_string(emulator.port()) + "/v1";
    BOOST_TEST(emulator["PASSAGE_BASE_URL"] == url);
    BOOST_TEST(emulator["PASSAGE_AUTH_URL"] == url);
}

BOOST_AUTO_TEST_CASE(http_2_can_be_left_out)
{
    RunningProgram emulator({"--http1"});
    const std::vector<std::string> both{"h2", "http/1.1"};
    TlsClient client(emulator.port(), content_of(emulator["PASSAGE_CA_FILE"]), both);
    BOOST_TEST(client.protocol() == "http/1.1");
    BOOST_TEST(client.call("GET", users, key).status == 200U);
}

/// The status of the answer to one request, without TLS.
template <class Socket>
std::string plain_status(Socket socket)
{
    asio::write(socket, asio::buffer(TlsClient::request("GET", users, key)));
    std::string answer(12, '\0');
    asio::read(socket, asio::buffer(answer));
    return answer.substr(9);
}

BOOST_AUTO_TEST_CASE(tls_can_be_left_out)
{
    RunningProgram emulator({"--plain"});
    BOOST_TEST(emulator["PASSAGE_BASE_URL"] == "http://localhost:" + std::to_string(emulator.port()) + "/v1");
    BOOST_TEST(emulator["PASSAGE_CA_FILE"] == "", "which takes the place of another emulator's");
    BOOST_TEST(emulator["PASSAGE_UNIX_SOCKET"] == "");
    asio::io_context io;
    asio::ip::tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), emulator.port()});
    BOOST_TEST(plain_status(std::move(socket)) == "200");
}

BOOST_AUTO_TEST_CASE(unix_socket_takes_the_place_of_a_port_and_is_gone_at_the_end)
{
    const fs::path file = folder.path() / "socket";
    for (const int number : {SIGKILL, SIGTERM}) {
        RunningProgram emulator({"--plain", "--unix-socket", file.string(), "--unix-socket-mode", "620"});
        BOOST_TEST(emulator["PASSAGE_BASE_URL"] == "http://localhost/v1");
        BOOST_TEST(emulator["PASSAGE_UNIX_SOCKET"] == file.string());
        BOOST_TEST(emulator["PASSAGE_AUTH_URL"] == "http://localhost/v1");
        BOOST_TEST(mode_of(file) == 0620U);
        asio::io_context io;
        asio::local::stream_protocol::socket socket(io);
        socket.connect(file.string());
        BOOST_TEST(plain_status(std::move(socket)) == "200");
        emulator.process().signal(number);
        emulator.process().wait();
        BOOST_TEST(fs::exists(file) == (number == SIGKILL), "and the next start replaces what is left");
    }
}

BOOST_AUTO_TEST_CASE(certificates_of_clients_are_demanded_if_wished)
{
    const fs::path authority = folder.path() / "clients.pem";
    std::ofstream(authority) << emulator::to_pem(*emulator::make_authority().certificate);
    RunningProgram emulator({"--client-ca", authority.string()});
    BOOST_CHECK_THROW(emulator.client().call("GET", users, key), boost::system::system_error);
}

BOOST_DATA_TEST_CASE_F(WithFolder, environment_file_appears_when_ready_and_goes_at_the_end,
                       data::make({SIGINT, SIGTERM, SIGHUP}), number)
{
    const fs::path file = folder.path() / "passage.env";
    std::ofstream(file) << "stale";
    RunningProgram emulator({"--env-out", file.string()});
    const std::string environment = content_of(file);
    BOOST_TEST(contains(environment, "export PASSAGE_BASE_URL='" + emulator["PASSAGE_BASE_URL"] + "'\n"));
    struct stat status
    {};
    BOOST_REQUIRE(stat(file.c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 0777U) == 0600U, "it holds the key");
    emulator.process().signal(number);
    BOOST_TEST(emulator.process().wait() == 0);
    BOOST_TEST(!fs::exists(file));
}

BOOST_AUTO_TEST_CASE(environment_file_of_another_emulator_stays)
{
    const std::string file = (folder.path() / "passage.env").string();
    RunningProgram first({"--env-out", file});
    RunningProgram second({"--env-out", file});
    first.process().signal(SIGTERM);
    BOOST_TEST(first.process().wait() == 0);
    BOOST_TEST(contains(content_of(file), second["PASSAGE_BASE_URL"]));
    second.process().signal(SIGTERM);
    BOOST_TEST(second.process().wait() == 0);
    BOOST_TEST(!fs::exists(file));
}

BOOST_AUTO_TEST_CASE(certificate_is_written_where_told)
{
    const fs::path file = folder.path() / "ca.pem";
    RunningProgram emulator({"--ca-out", file.string()});
    BOOST_TEST(emulator["PASSAGE_CA_FILE"] == file.string());
    BOOST_TEST(content_of(file).starts_with("-----BEGIN CERTIFICATE-----"));
}

BOOST_AUTO_TEST_CASE(seeded_users_are_there_when_it_is_ready)
{
    RunningProgram emulator({"--seed", "120"});
    const Reply page = emulator.client().call("GET", users + "?limit=1", key);
    BOOST_TEST(page.json().at("total_users").as_int64() == 120);
}

BOOST_AUTO_TEST_CASE(users_are_invented_once_for_a_data_file)
{
    const auto seeded = [&](const char* count) { return std::vector<std::string>{"--data", data, "--seed", count}; };
    const auto page_of = [](RunningProgram& emulator) {
        return emulator.client().call("GET", users + "?order_by=created_at:ASC", key).json();
    };
    const auto ids_of = [](const boost::json::value& page) {
        std::vector<std::string> ids;
        for (const boost::json::value& user : page.at("users").as_array()) {
            ids.emplace_back(user.at("id").as_string().c_str());
        }
        return ids;
    };
    std::vector<std::string> left;
    {
        RunningProgram emulator(seeded("6"));
        const boost::json::value page = page_of(emulator);
        left = ids_of(page);
        BOOST_TEST_REQUIRE(left.size() == 6U);
        for (int i = 0; i < 2; ++i) {
            BOOST_TEST(emulator.client().call("DELETE", users + "/" + left.front(), key).status == 200U);
            left.erase(left.begin());
        }
        // The address of one of them gets another owner.
        const boost::json::object gone = page.at("users").at(0).as_object();
        const Reply created = emulator.client().call(
            "POST", users, key,
            boost::json::serialize(boost::json::object{{"email", gone.at("email")}, {"phone", gone.at("phone")}}));
        BOOST_TEST_REQUIRE(created.status == 201U, created.body);
        left.emplace_back(created.json().at("user").at("id").as_string().c_str());
        emulator.process().signal(SIGTERM);
        BOOST_TEST(emulator.process().wait() == 0);
    }
    for (const char* count : {"6", "3"}) {
        RunningProgram emulator(seeded(count));
        BOOST_TEST(ids_of(page_of(emulator)) == left, boost::test_tools::per_element());
        emulator.process().signal(SIGTERM);
        BOOST_TEST(emulator.process().wait() == 0);
    }
    RunningProgram emulator(seeded("9"));
    BOOST_TEST(page_of(emulator).at("total_users").as_int64() == 8, "three more");
}

BOOST_AUTO_TEST_CASE(invented_user_whose_address_is_taken_is_left_out)
{
    boost::json::value page;
    {
        RunningProgram emulator({"--seed", "5"});
        page = emulator.client().call("GET", users, key).json();
    }
    const boost::json::object third = page.at("users").at(2).as_object();
    {
        RunningProgram emulator({"--data", data, "--seed", "2"});
        emulator.client().call(
            "POST", users, key,
            boost::json::serialize(boost::json::object{{"email", third.at("email")}, {"phone", third.at("phone")}}));
    }
    RunningProgram emulator({"--data", data, "--seed", "5"});
    const Reply all = emulator.client().call("GET", users, key);
    BOOST_TEST(all.json().at("total_users").as_int64() == 5);
    BOOST_TEST(emulator.client().call("GET", users + "/" + third.at("id").as_string().c_str(), key).status == 404U);
}

BOOST_AUTO_TEST_CASE(app_of_the_data_file_is_served_unless_another_is_named)
{
    const auto app_of = [&](const std::string& named) {
        return passage::Emulator(passage::EmulatorOptions{}.data_file(data).app_id(named)).app_id();
    };
    const std::string first = app_of("");
    BOOST_TEST(app_of("") == first);
    BOOST_TEST(app_of("aaa") == "aaa");
    BOOST_TEST(app_of("") == first, "the one that it began with");
}

BOOST_AUTO_TEST_CASE(data_file_is_its_owners_alone)
{
    const mode_t before = umask(0);
    for (const char* start : {"new", "opened by an earlier version"}) {
        BOOST_TEST_CONTEXT(start)
        {
            RunningProgram emulator({"--data", data});
            emulator.client().call("POST", "/admin/apps/demo/keys", key);
            for (const char* part : {"", "-wal", "-shm"}) {
                BOOST_TEST(mode_of(data + part) == 0600U, part);
            }
            // What is left behind is as open as an earlier version has made it.
            emulator.process().signal(SIGKILL);
            emulator.process().wait();
            for (const char* part : {"", "-wal", "-shm"}) {
                fs::permissions(data + part, fs::perms{0644});
            }
        }
    }
    umask(before);
}

BOOST_AUTO_TEST_CASE(certificate_authority_is_kept_with_the_data)
{
    const fs::path ca = folder.path() / "ca.pem";
    const auto arguments = [&](const std::string& port) {
        return std::vector<std::string>{"--data", data, "--ca-out", ca.string(), "--port", port};
    };
    std::string port = "0";
    std::string trusted;
    struct stat written
    {};
    {
        RunningProgram emulator(arguments(port));
        port = std::to_string(emulator.port());
        trusted = content_of(ca);
        BOOST_TEST(stat(ca.c_str(), &written) == 0);
        emulator.process().signal(SIGTERM);
        BOOST_TEST(emulator.process().wait() == 0);
    }
    RunningProgram emulator(arguments(port));
    BOOST_TEST(content_of(ca) == trusted);
    struct stat after
    {};
    BOOST_TEST(stat(ca.c_str(), &after) == 0);
    BOOST_TEST(after.st_ino == written.st_ino, "it is not written again");
    BOOST_TEST(TlsClient(emulator.port(), trusted).call("GET", users, key).status == 200U);
}

BOOST_AUTO_TEST_CASE(certificate_authority_is_renewed_before_it_ends)
{
    const auto ca_pem = [&] { return passage::Emulator(passage::EmulatorOptions{}.data_file(data)).ca_pem(); };
    ca_pem();
    const auto let_it_end_in_days = [&](int days) {
        emulator::Store store(data);
        const emulator::Identity authority = emulator::from_kept(store.authority().value());
        X509* certificate = authority.certificate.get();
        X509_gmtime_adj(X509_getm_notAfter(certificate), days * 24L * 60 * 60);
        X509_sign(certificate, authority.key.get(), EVP_sha256());
        store.put_authority(emulator::to_kept(authority));
        return emulator::to_pem(*certificate);
    };
    const std::string longer = let_it_end_in_days(31);
    BOOST_TEST(ca_pem() == longer);
    const std::string shorter = let_it_end_in_days(29);
    const std::string renewed = ca_pem();
    BOOST_TEST(renewed != shorter);
    BOOST_TEST(ca_pem() == renewed);
}

BOOST_AUTO_TEST_CASE(help_and_version_are_answers)
{
    Program help(command({"--help"}));
    const std::string text = help.read_rest();
    BOOST_TEST(help.wait() == 0);
    for (const char* part : {"--port", "--data", "--app", "--api-key", "--seed", "--ca-out", "--plain", "--unix-socket",
                             "--client-ca", "--fault", "/admin/apps/"}) {
        BOOST_TEST(contains(text, part), part);
    }
    Program version(command({"--version"}));
    BOOST_TEST(version.read_rest().starts_with("passage-emulator 0."));
    BOOST_TEST(version.wait() == 0);
}

BOOST_AUTO_TEST_CASE(faults_are_there_from_the_start)
{
    RunningProgram emulator({"--fault", "throttle=0.001/s,retry-after=7", "--fault", "error=503"});
    TlsClient client = emulator.client();
    BOOST_TEST(client.call("GET", users, key).status == 503U);
    BOOST_TEST(client.call("GET", users, key).fields["Retry-After"] == "7");
}

BOOST_AUTO_TEST_CASE(requests_are_logged_without_their_secrets_if_wished)
{
    RunningProgram emulator({"--verbose"});
    emulator.client().call("POST", users, key, R"({"email":"body@b.c"})");
    emulator.process().signal(SIGTERM);
    const std::string log = emulator.process().read_rest();
    BOOST_TEST(contains(log, "POST " + users + " 201"), log);
    BOOST_TEST(!contains(log, key));
    BOOST_TEST(!contains(log, "body@b.c"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(refusing_to_start, WithFolder)

BOOST_AUTO_TEST_CASE(port_in_use_says_what_to_do)
{
    const passage::Emulator other;
    const std::string said = refusal({"--port", std::to_string(other.port())});
    BOOST_TEST(contains(said, "another program has this port"), said);
}

BOOST_AUTO_TEST_CASE(unusable_data_file_says_what_to_do)
{
    BOOST_TEST(contains(refusal({"--data", "/nowhere/users.db"}), "check that its folder exists"));
    std::ofstream(data) << std::string(5000, 'x');
    BOOST_TEST(contains(refusal({"--data", data}), "restore it from a copy, or name another file"));
}

BOOST_AUTO_TEST_CASE(data_file_of_a_running_emulator_is_refused)
{
    {
        RunningProgram emulator({"--data", data});
        BOOST_TEST(contains(refusal({"--data", data, "--app", "demo"}), "another program holds it"));
        BOOST_TEST(emulator.client().call("GET", users, key).status == 200U, "the key is as it was");
        emulator.process().signal(SIGKILL);
        emulator.process().wait();
    }
    RunningProgram emulator({"--data", data});
    BOOST_TEST(emulator.client().call("GET", users, key).status == 200U);
}

BOOST_AUTO_TEST_CASE(data_file_of_a_newer_version_stays_untouched)
{
    {
        RunningProgram emulator({"--data", data});
        emulator.process().signal(SIGTERM);
        BOOST_TEST(emulator.process().wait() == 0);
    }
    sqlite3* database = nullptr;
    sqlite3_open(data.c_str(), &database);
    BOOST_REQUIRE(sqlite3_exec(database, "PRAGMA user_version = 1000", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
    const std::string before = content_of(data);
    BOOST_TEST(contains(refusal({"--data", data}), "use that version"));
    BOOST_TEST((content_of(data) == before));
}

BOOST_AUTO_TEST_CASE(output_file_that_cannot_be_written_says_what_to_do)
{
    BOOST_TEST(contains(refusal({"--ca-out", "/nowhere/ca.pem"}), "check that its folder exists"));
    BOOST_TEST(contains(refusal({"--env-out", "/nowhere/env"}), "check that its folder exists"));
}

BOOST_AUTO_TEST_CASE(wrong_options_leave_the_environment_file_alone)
{
    const fs::path file = folder.path() / "passage.env";
    std::ofstream(file) << "precious";
    refusal({"--env-out", file.string(), "--port", "99999"}, 2);
    BOOST_TEST(content_of(file) == "precious");
}

BOOST_AUTO_TEST_CASE(output_files_replace_no_other_files)
{
    const fs::path precious = folder.path() / "precious";
    const fs::path name = folder.path() / "." / "precious";
    for (const char* const out : {"--env-out", "--ca-out"}) {
        for (const char* const other : {"--data", "--ca-key", "--client-ca", "--unix-socket"}) {
            for (const bool exists : {true, false}) {
                fs::remove(precious);
                if (exists) {
                    std::ofstream(precious) << "precious";
                }
                std::vector<std::string> arguments{out, name.string(), other, precious.string()};
                if (other == std::string{"--ca-key"}) {
                    arguments.insert(arguments.end(), {"--ca-cert", "x"});
                }
                BOOST_TEST(contains(refusal(arguments, 2), "name the same file"));
                BOOST_TEST(fs::exists(precious) == exists);
                BOOST_TEST((!exists || content_of(precious) == "precious"));
            }
        }
        const fs::path empty = folder.path() / "empty";
        fs::create_directory(empty);
        const fs::path pipe = folder.path() / "pipe";
        mkfifo(pipe.c_str(), 0600);
        for (const fs::path& special : {empty, pipe}) {
            BOOST_TEST(contains(refusal({out, special.string()}, 2), "is not a regular file"));
            BOOST_TEST(fs::exists(special));
        }
    }
    BOOST_TEST(contains(refusal({"--env-out", name.string(), "--ca-out", precious.string()}, 2), "the same file"));
}

BOOST_AUTO_TEST_CASE(wrong_options_point_to_the_help)
{
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--frobnicate"},
                                                      {"--port", "65536"},
                                                      {"--port", "-1"},
                                                      {"--port", "x"},
                                                      {"--seed", "-1"},
                                                      {"--threads", "0"},
                                                      {"--app", "a/b"},
                                                      {"--api-key", "a b"},
                                                      {"--address", "x"},
                                                      {"--ca-cert", "x"},
                                                      {"--plain", "--client-ca", "x"},
                                                      {"--plain", "--ca-out", "x"},
                                                      {"--unix-socket", ""},
                                                      {"--data", ""},
                                                      {"--app", ""},
                                                      {"--api-key", ""},
                                                      {"--ca-out", ""},
                                                      {"--ca-cert", "", "--ca-key", ""},
                                                      {"--client-ca", ""},
                                                      {"--env-out", ""},
                                                      {"--unix-socket-mode", "660"},
                                                      {"--http1", "--fault", "refuse"},
                                                      {"--http1", "--fault", "goaway=2,route=GET /users"},
                                                      {"--http1", "--fault", "streams=1"},
                                                      {"--unix-socket", "x", "--port", "1"},
                                                      {"--unix-socket", "x", "--unix-socket-mode", "rw"},
                                                      {"--fault", "error=503@2"},
                                                      {"--fault", "error=503,route=GET /user/{id}"},
                                                      {"stray"}}) {
        BOOST_TEST(contains(refusal(arguments, 2), "see --help"));
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(ending, WithFolder)

BOOST_DATA_TEST_CASE_F(WithFolder, signal_ends_it_cleanly, data::make({SIGINT, SIGTERM, SIGHUP}), number)
{
    RunningProgram emulator({"--data", data});
    const std::string ca_file = emulator["PASSAGE_CA_FILE"];
    TlsClient client = emulator.client();
    client.call("POST", users, key, R"({"email":"a@b.c"})");
    emulator.process().signal(number);
    BOOST_TEST(client.is_ended());
    BOOST_TEST(emulator.process().read_rest().empty());
    BOOST_TEST(emulator.process().wait() == 0);
    BOOST_TEST(!fs::exists(fs::path(ca_file).parent_path()));
    BOOST_TEST(!fs::exists(data + "-wal"), "the log is folded in");
}

BOOST_DATA_TEST_CASE_F(WithFolder, signal_ends_it_at_once_while_it_starts, data::make({SIGINT, SIGTERM, SIGHUP}),
                       number)
{
    Program emulator(command({"--data", data, "--seed", "1000000"}));
    while (!fs::exists(data)) {
        std::this_thread::yield();
    }
    emulator.signal(number);
    BOOST_TEST(emulator.wait() == -number);
    BOOST_TEST(emulator.read_rest().empty());
}

BOOST_AUTO_TEST_CASE(hangup_that_is_ignored_does_not_end_it)
{
    RunningProgram emulator({}, {"/usr/bin/nohup"});
    emulator.process().signal(SIGHUP);
    BOOST_TEST(emulator.client().call("GET", users, key).status == 200U);
    emulator.process().signal(SIGTERM);
    BOOST_TEST(emulator.process().wait() == 0);
}

BOOST_AUTO_TEST_CASE(it_serves_and_ends_cleanly_if_nobody_reads_what_it_prints)
{
    const fs::path file = folder.path() / "passage.env";
    Program emulator(command({"--env-out", file.string(), "--verbose"}));
    emulator.close_output();
    while (!fs::exists(file)) {
        std::this_thread::yield();
    }
    emulator.signal(SIGTERM);
    BOOST_TEST(emulator.wait() == 0);
    BOOST_TEST(!fs::exists(file), "it holds the key");
}

BOOST_AUTO_TEST_CASE(request_on_its_way_is_answered_and_kept_when_it_is_told_to_end)
{
    const std::string body = R"({"email":"late@b.c"})";
    const std::string request = TlsClient::request("POST", users, key, body);
    std::string port = "0";
    {
        RunningProgram emulator({"--data", data});
        port = std::to_string(emulator.port());
        TlsClient client = emulator.client();
        // The answer to the first request shows that the beginning of the second has arrived.
        client.send(TlsClient::request("GET", users, key) + request.substr(0, request.size() - body.size()));
        client.receive();
        emulator.process().signal(SIGTERM);
        while (is_listening(emulator.port())) {
            std::this_thread::yield();
        }
        client.send(body);
        BOOST_TEST(client.receive().status == 201U);
        BOOST_TEST(client.is_ended());
        BOOST_TEST(emulator.process().wait() == 0);
    }
    RunningProgram emulator({"--data", data, "--port", port});
    const Reply found = emulator.client().call("GET", users + "?identifier=late@b.c", key);
    BOOST_TEST(found.json().at("total_users").as_int64() == 1);
}

BOOST_AUTO_TEST_CASE(it_starts_again_on_the_same_port_and_data)
{
    std::string port = "0";
    for (int i = 0; i < 3; ++i) {
        RunningProgram emulator({"--data", data, "--port", port});
        port = std::to_string(emulator.port());
        TlsClient client = emulator.client();
        client.call("POST", users, key, R"({"email":")" + std::to_string(i) + R"(@b.c"})");
        BOOST_TEST(client.call("GET", users, key).json().at("total_users").as_int64() == i + 1);
        emulator.process().signal(SIGTERM);
        BOOST_TEST(emulator.process().wait() == 0);
    }
}

BOOST_AUTO_TEST_SUITE_END()

/// Runs a program that finds a disk of a few hundred kilobytes at `folder`, and no other program does.
std::vector<std::string> with_small_disk(const std::string& folder)
{
    return {
        "/usr/bin/unshare", "-rm", "/bin/sh", "-c", R"(mount -t tmpfs -o size=256k tmpfs "$0" && exec "$@")", folder};
}

boost::test_tools::assertion_result may_mount(boost::unit_test::test_unit_id)
{
    const TemporaryFolder folder;
    std::vector<std::string> words = with_small_disk(folder.path().string());
    words.emplace_back("/bin/true");
    Program attempt(words);
    const std::string said = attempt.read_rest();
    boost::test_tools::assertion_result result(attempt.wait() == 0);
    result.message() << "this system lets no user mount: " << said;
    return result;
}

BOOST_FIXTURE_TEST_CASE(full_disk_refuses_writes_and_serves_reads, WithFolder,
                        *boost::unit_test::precondition(may_mount))
{
    RunningProgram emulator({"--data", data}, with_small_disk(folder.path().string()));
    TlsClient client = emulator.client();
    const std::string filling(2'000, 'x');
    const auto create = [&](int number) {
        return client.call("POST", users, key,
                           R"({"email":")" + std::to_string(number) + R"(@b.c","user_metadata":{"x":")" + filling +
                               R"("}})");
    };
    std::vector<std::string> ids;
    Reply reply = create(0);
    while (reply.status == 201) {
        ids.emplace_back(reply.json().at("user").at("id").as_string().c_str());
        reply = create(static_cast<int>(ids.size()));
    }
    BOOST_TEST(reply.status == 507U, reply.body);
    BOOST_TEST(reply.code() == "insufficient_storage");
    BOOST_TEST(ids.size() > 5U);
    BOOST_TEST(create(static_cast<int>(ids.size())).status == 507U);
    for (const std::string& id : ids) {
        BOOST_TEST(client.call("GET", users + "/" + id, key).status == 200U);
    }
    BOOST_TEST(client.call("GET", users + "?limit=1", key).json().at("total_users").to_number<std::size_t>() ==
               ids.size());
    emulator.process().signal(SIGTERM);
    BOOST_TEST(emulator.process().wait() == 0);
}

BOOST_FIXTURE_TEST_CASE(every_answered_write_survives_kill_9, WithFolder)
{
    std::mutex mutex;
    std::map<std::string, std::string> answered; // id, e-mail
    for (int round = 0; round < 6; ++round) {
        RunningProgram emulator({"--data", data, "--threads", "2"});
        std::atomic<int> written{0};
        std::vector<std::thread> writers;
        for (int writer = 0; writer < 3; ++writer) {
            writers.emplace_back([&, writer] {
                try {
                    TlsClient client = emulator.client();
                    for (int i = 0;; ++i) {
                        const std::string email =
                            std::to_string(round) + "." + std::to_string(writer) + "." + std::to_string(i) + "@b.c";
                        const Reply reply = client.call("POST", users, key, R"({"email":")" + email + R"("})");
                        if (reply.status == 201) {
                            const std::scoped_lock lock(mutex);
                            answered.emplace(reply.json().at("user").at("id").as_string().c_str(), email);
                            ++written;
                        }
                    }
                } catch (const boost::system::system_error&) {
                    // The connection died with the program.
                }
            });
        }
        while (written < 20 + 7 * round) {
            std::this_thread::yield();
        }
        emulator.process().signal(SIGKILL);
        BOOST_TEST(emulator.process().wait() == -SIGKILL);
        for (std::thread& writer : writers) {
            writer.join();
        }
    }
    RunningProgram emulator({"--data", data});
    TlsClient client = emulator.client();
    for (const auto& [id, email] : answered) {
        const Reply reply = client.call("GET", users + "/" + id, key);
        BOOST_TEST_REQUIRE(reply.status == 200U, email);
        BOOST_TEST(reply.json().at("user").at("email").as_string() == email);
    }
    BOOST_TEST(answered.size() >= 6U * 20);
}
