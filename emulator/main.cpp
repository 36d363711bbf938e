#include <passage/emulator.hpp>

#include <boost/program_options.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

constexpr const char* usage = R"(passage-emulator - an emulator of the Passage management API

Serves HTTPS with a certificate authority of its own, which it keeps with the data, and prints the
environment variables that a client needs. Clients choose HTTP/2 or HTTP/1.1 by ALPN; without TLS
they may begin with HTTP/2 (prior knowledge). Ctrl-C, SIGTERM or SIGHUP ends it.

)";

constexpr const char* notes = R"(
To run a client against it, in two shells:

    passage-emulator --data users.db --seed 100 --env-out passage.env
    . ./passage.env && your-program

The file of --env-out is created when the emulator is ready, and removed when it ends.

Administrative requests, with the API key of the app, add what clients cannot add. A body has the
form in which the API returns the same object; all members are optional, except where noted:

    POST /admin/apps/APP/users                        a user in any state; needs email or phone
    POST /admin/apps/APP/users/USER/devices           a device
    POST /admin/apps/APP/users/USER/events            an event
    PUT  /admin/apps/APP/users/USER/social/PROVIDER   apple, github or google

Tokens with which users sign in. The body of the first request is a JSON object of claims that
replace the default claims; null omits a claim: {"exp":1600000000} has expired. The signing keys
are kept in the data file, including the private keys, so tokens stay valid after a restart.

    POST   /admin/apps/APP/users/USER/tokens          a token of the user
    POST   /admin/apps/APP/keys                       a new key, which signs all further tokens
    DELETE /admin/apps/APP/keys/KID                   removes a key from the list

    curl --cacert "$PASSAGE_CA_FILE" -H "Authorization: Bearer $PASSAGE_API_KEY" \
        -d '{"friendly_name":"Chrome on Mac"}' \
        "${PASSAGE_BASE_URL%/v1}/admin/apps/$PASSAGE_APP_ID/users/USER/devices"

Faults, to test a program with them. A RATE is the share of requests that have the fault, from 0 to
1; the default is 1. Each run draws the same random numbers. Requests to /admin/ have no faults.

    --fault latency=MS[,jitter=MS]            delay each request by MS, and at random by up to jitter
    --fault error=STATUS[@RATE]               respond with a status from 400 to 599, and do nothing
    --fault close=COUNT                       close connections, unannounced, after so many requests
    --fault reset[@RATE]                      carry out the request, then reset the connection (RST)
    --fault cut=BYTES[@RATE]                  carry out the request, cut the response after so many bytes
    --fault throttle=COUNT/s[,retry-after=S]  respond with 429 beyond this rate; Retry-After is 1 s
    --fault seed=NUMBER                       draw other random numbers

Only over HTTP/2; requests over HTTP/1.1 are not affected:

    --fault refuse[@RATE]                     refuse the stream (REFUSED_STREAM), and do nothing
    --fault goaway=COUNT                      GOAWAY after so many requests; later ones are ignored
    --fault streams=COUNT                     requests of a connection at a time; 0 to 1000

Over HTTP/2, close, reset and cut end the connection with all its requests; cut counts the bytes of
the frames of one response. Delayed requests do not hold up others.

Each fault but seed and streams may end in ",route=METHOD PATH". It then affects only the requests
of that operation. The path is what follows /apps/APP; text in braces stands for any id. close and
goaway end a connection at such a request if it is at least the COUNT-th of its connection.

    passage-emulator --fault error=503@0.1 --fault latency=50,jitter=20 --fault reset@0.01
    passage-emulator --fault 'error=503@0.1,route=GET /users/{id}' --fault 'reset,route=POST /users'
)";

po::options_description describe_options()
{
    po::options_description options("Options");
    auto add = options.add_options();
    add("address", po::value<std::string>()->default_value("localhost"),
        "IP address to listen on, or localhost for 127.0.0.1 and ::1");
    add("port", po::value<long>()->default_value(0), "port; 0 takes any free one");
    add("unix-socket", po::value<std::string>(),
        "path of a Unix domain socket to listen on instead of a port; a socket that no process listens on is "
        "replaced, and the file is removed at the end. Clients need PASSAGE_UNIX_SOCKET besides the URL");
    add("unix-socket-mode", po::value<std::string>()->default_value("600"),
        "permissions of the socket, octal; processes that may write to it may connect");
    add("plain", "serve HTTP without TLS: keys and users are not encrypted, so use addresses other than loopback "
                 "only in a network that you trust");
    add("data", po::value<std::string>(),
        "SQLite file for users and the private keys of tokens and of the CA; only its owner can read it: "
        "an existing file loses the permissions of everybody else. The default is memory");
    add("app", po::value<std::string>(), "id of the app; the default is the first app of the data file, or a new id");
    add("api-key", po::value<std::string>(), "API key of the app; the default is a new key at each start");
    add("seed", po::value<long>()->default_value(0),
        "number of users to generate, the same ones each time; each is generated once for a data file: a user "
        "that a client changed or deleted stays so");
    add("ca-out", po::value<std::string>(),
        "file for the CA certificate, written only if its content differs; the default is a file in a "
        "temporary folder, which is removed at the end");
    add("ca-cert", po::value<std::string>(),
        "certificate (PEM) of the authority to use; the default is created at the first start and kept in the "
        "data file; it is valid for 396 days, and a start in its last 30 days replaces it");
    add("ca-key", po::value<std::string>(), "private key (PEM) of --ca-cert, without a passphrase");
    add("client-ca", po::value<std::string>(),
        "certificates (PEM) of authorities; clients need a certificate that one of them has signed");
    add("env-out", po::value<std::string>(), "file for the environment variables; only its owner can read it");
    add("threads", po::value<long>()->default_value(1), "threads that serve connections");
    add("http1", "serve only HTTP/1.1");
    add("fault", po::value<std::vector<std::string>>(), "inject a fault, see below; may be given several times");
    add("verbose", "log a line for each request to standard error");
    add("version", "print the version");
    add("help", "print this text");
    return options;
}

template <class Number>
Number number_of(const po::variables_map& given, const std::string& name, Number least, Number most)
{
    const long value = given[name].as<long>();
    if (!std::in_range<Number>(value) || static_cast<Number>(value) < least || static_cast<Number>(value) > most) {
        throw po::error("--" + name + " must be a number from " + std::to_string(least) + " to " +
                        std::to_string(most));
    }
    return static_cast<Number>(value);
}

bool is_fault_of_http2(const std::string& text)
{
    const std::string kind = text.substr(0, text.find_first_of("=@,"));
    return kind == "refuse" || kind == "goaway" || kind == "streams";
}

passage::Faults faults_of(const po::variables_map& given)
{
    passage::Faults faults;
    if (given.count("fault") != 0) {
        for (const std::string& text : given["fault"].as<std::vector<std::string>>()) {
            faults.add(text);
            if (given.count("http1") != 0 && is_fault_of_http2(text)) {
                throw po::error("the fault \"" + text + "\" needs HTTP/2: leave out --http1");
            }
        }
    }
    return faults;
}

std::filesystem::perms permissions_of(const po::variables_map& given, const char* name)
{
    const std::string text = given[name].as<std::string>();
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits, 8);
    if (error != std::errc{} || end != text.data() + text.size() || bits > 0777) {
        throw po::error("--" + std::string{name} + " must be an octal number from 0 to 777");
    }
    return static_cast<std::filesystem::perms>(bits);
}

/// Throws if one of these options is empty, which the library would take for its default.
void refuse_empty(const po::variables_map& given, std::initializer_list<const char*> names)
{
    for (const char* name : names) {
        if (given.count(name) != 0 && given[name].as<std::string>().empty()) {
            throw po::error("--" + std::string{name} + " must not be empty");
        }
    }
}

bool is_given(const po::variables_map& given, const char* name)
{
    return given.count(name) != 0 && !given[name].defaulted();
}

/// Throws if the option `name` is combined with one of the others.
void refuse_together(const po::variables_map& given, const char* name, std::initializer_list<const char*> others)
{
    for (const char* other : others) {
        if (is_given(given, name) && is_given(given, other)) {
            throw po::error("--" + std::string{name} + " and --" + other + " exclude each other");
        }
    }
}

passage::EmulatorOptions emulator_options(const po::variables_map& given)
{
    const auto text = [&](const char* name) {
        return given.count(name) != 0 ? given[name].as<std::string>() : std::string{};
    };
    refuse_empty(given,
                 {"unix-socket", "data", "app", "api-key", "ca-out", "ca-cert", "ca-key", "client-ca", "env-out"});
    if (given.count("ca-cert") != given.count("ca-key")) {
        throw po::error("--ca-cert and --ca-key belong together: give both or neither");
    }
    refuse_together(given, "plain", {"ca-cert", "ca-out", "client-ca"});
    refuse_together(given, "unix-socket", {"address", "port"});
    if (is_given(given, "unix-socket-mode") && given.count("unix-socket") == 0) {
        throw po::error("--unix-socket-mode needs --unix-socket");
    }
    passage::EmulatorOptions options;
    options.address(text("address"))
        .port(number_of<std::uint16_t>(given, "port", 0, 65535))
        .data_file(text("data"))
        .app_id(text("app"))
        .api_key(text("api-key"))
        .seed(number_of<std::size_t>(given, "seed", 0, 1'000'000))
        .authority(text("ca-cert"), text("ca-key"))
        .client_authority(text("client-ca"))
        .plain(given.count("plain") != 0)
        .unix_socket(text("unix-socket"), permissions_of(given, "unix-socket-mode"))
        .threads(number_of<unsigned>(given, "threads", 1, 256))
        .http1(given.count("http1") != 0)
        .faults(faults_of(given))
        .verbose(given.count("verbose") != 0);
    return options;
}

fs::path file_of(const po::variables_map& given, const char* name)
{
    return given.count(name) != 0 ? fs::path{given[name].as<std::string>()} : fs::path{};
}

bool is_same_file(const fs::path& one, const fs::path& other)
{
    std::error_code ignored; // one of them may not exist
    return fs::equivalent(one, other, ignored) ||
           fs::weakly_canonical(one, ignored) == fs::weakly_canonical(other, ignored);
}

/// Throws if a file that is to be written is not a regular file, or is the file of one of the other options.
void check_output(const po::variables_map& given, const char* name, std::initializer_list<const char*> others)
{
    const fs::path file = file_of(given, name);
    if (file.empty()) {
        return;
    }
    std::error_code ignored;
    if (const auto status = fs::status(file, ignored); fs::exists(status) && !fs::is_regular_file(status)) {
        throw po::error("--" + std::string{name} + ": " + file.string() + " is not a regular file");
    }
    for (const char* other : others) {
        if (const fs::path second = file_of(given, other); !second.empty() && is_same_file(file, second)) {
            throw po::error("--" + std::string{name} + " and --" + other + " name the same file");
        }
    }
}

/// Writes a file atomically. If it is private, only its owner can read it.
void write_file(const fs::path& file, const std::string& content, bool is_private)
{
    std::string draft = file.string() + ".XXXXXX";
    const int descriptor = mkstemp(draft.data());
    if (descriptor < 0) {
        throw std::runtime_error("file " + file.string() +
                                 " cannot be written: check that its folder exists and may be "
                                 "written (" +
                                 std::generic_category().message(errno) + ")");
    }
    close(descriptor);
    std::ofstream output(draft);
    output << content;
    output.close();
    if (!output) {
        fs::remove(draft);
        throw std::runtime_error("file " + file.string() +
                                 " cannot be written: make room on its disk, or name another file");
    }
    if (!is_private) {
        fs::permissions(draft, fs::perms::group_read | fs::perms::others_read, fs::perm_options::add);
    }
    fs::rename(draft, file);
}

bool holds(const fs::path& file, const std::string& content)
{
    std::ifstream input(file, std::ios::binary);
    return input && std::string{std::istreambuf_iterator<char>(input), {}} == content;
}

/// A temporary folder. The destructor removes it with its content.
class TemporaryFolder
{
public:
    TemporaryFolder()
    {
        std::string name = (fs::temp_directory_path() / "passage-emulator-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("no temporary folder can be made in " + fs::temp_directory_path().string() +
                                     ": set TMPDIR to a folder that may be written, or give "
                                     "--ca-out");
        }
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder()
    {
        std::error_code ignored; // the system removes it later
        fs::remove_all(path_, ignored);
    }

    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

/// The text quoted for a shell.
std::string quoted(const std::string& text)
{
    std::string word = "'";
    for (const char c : text) {
        word += c == '\'' ? "'\\''" : std::string(1, c);
    }
    return word + "'";
}

/// Shell commands that set these variables. Empty ones are set too, lest the shell keep them of another emulator.
std::string exported(std::initializer_list<std::pair<const char*, std::string>> variables)
{
    std::string lines;
    for (const auto& [name, value] : variables) {
        lines.append("export ").append(name).append("=").append(quoted(value)).append("\n");
    }
    return lines;
}

/// Opens what is closed of the standard streams, or a file or a connection would become one of them, and get what is
/// written to it. Writing still fails.
void occupy_standard_descriptors()
{
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (fcntl(descriptor, F_GETFD) < 0) {
            open("/dev/null", O_RDONLY); // takes the lowest one that is free
        }
    }
}

void raise_descriptor_limit()
{
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

sigset_t ending_signals()
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    struct sigaction action
    {};
    sigaction(SIGHUP, nullptr, &action);
    if (action.sa_handler != SIG_IGN) { // nohup ignores it
        sigaddset(&signals, SIGHUP);
    }
    return signals;
}

void run(const po::variables_map& given)
{
    std::signal(SIGPIPE, SIG_IGN); // its output may be closed
    raise_descriptor_limit();

    const passage::EmulatorOptions options = emulator_options(given);
    check_output(given, "env-out", {"data", "ca-out", "ca-cert", "ca-key", "client-ca", "unix-socket"});
    check_output(given, "ca-out", {"data", "ca-key", "client-ca", "unix-socket"});
    const fs::path env_file = file_of(given, "env-out");
    if (!env_file.empty()) {
        fs::remove(env_file); // a file of an earlier run would signal readiness too early
    }
    passage::Emulator emulator(options);

    // Before, a signal ends the program at once: there is nothing to clean up but a socket file, which the next start
    // replaces. From here on sigwait() receives it.
    const sigset_t endings = ending_signals();
    pthread_sigmask(SIG_BLOCK, &endings, nullptr);

    std::optional<TemporaryFolder> folder;
    fs::path ca_file = file_of(given, "ca-out");
    if (const std::string pem = emulator.ca_pem(); !pem.empty()) {
        if (ca_file.empty()) {
            ca_file = folder.emplace().path() / "ca.pem";
        }
        ca_file = fs::absolute(ca_file);
        if (!holds(ca_file, pem)) {
            write_file(ca_file, pem, false);
        }
    }
    const fs::path socket = file_of(given, "unix-socket");
    const std::string environment =
        exported({{"PASSAGE_APP_ID", emulator.app_id()},
                  {"PASSAGE_API_KEY", emulator.api_key()},
                  {"PASSAGE_BASE_URL", emulator.base_url()},
                  {"PASSAGE_AUTH_URL", emulator.auth_url()},
                  {"PASSAGE_CA_FILE", ca_file.string()},
                  {"PASSAGE_UNIX_SOCKET", socket.empty() ? "" : fs::absolute(socket).string()}});
    if (!env_file.empty()) {
        write_file(env_file, environment, true);
    }
    std::cout << environment << "# passage-emulator " PASSAGE_VERSION " listens; data "
              << (given.count("data") != 0 ? "in " + given["data"].as<std::string>() : "in memory")
              << ". Ctrl-C ends it." << std::endl;

    int signal = 0;
    sigwait(&endings, &signal);
    if (!env_file.empty() && holds(env_file, environment)) { // it may be another emulator's by now
        fs::remove(env_file);
    }
    // A second Ctrl-C ends the program without waiting for requests in flight.
    pthread_sigmask(SIG_UNBLOCK, &endings, nullptr);
    emulator.stop();
}

int report_wrong_option(const std::exception& error)
{
    std::cerr << "passage-emulator: " << error.what() << "; see --help\n";
    return 2;
}

} // namespace

int main(int argc, char** argv)
{
    occupy_standard_descriptors();
    try {
        const po::options_description options = describe_options();
        po::variables_map given;
        po::store(po::command_line_parser(argc, argv).options(options).positional({}).run(), given);
        if (given.count("help") != 0) {
            std::cout << usage << options << notes;
        } else if (given.count("version") != 0) {
            std::cout << "passage-emulator " PASSAGE_VERSION "\n";
        } else {
            run(given);
        }
        return EXIT_SUCCESS;
    } catch (const po::error& error) {
        return report_wrong_option(error);
    } catch (const std::invalid_argument& error) { // the library finds it
        return report_wrong_option(error);
    } catch (const std::exception& error) {
        std::cerr << "passage-emulator: " << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
