#include "choice.hpp"
#include "commands.hpp"
#include "complete.hpp"
#include "program.hpp"
#include "transfer/commands.hpp"

#include <CLI/CLI.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <exception>
#include <ios>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace passage::ctl {
namespace {

constexpr const char* description = "passagectl - manages the users of a Passage app";

constexpr const char* notes =
    R"(Settings come from the environment, from the file of --env-file and from options; the last one wins.
PASSAGE_APP_ID, PASSAGE_API_KEY and PASSAGE_BASE_URL are required. No option takes the API key itself.
To try it with the emulator, in two shells:

    passage-emulator --data users.db --seed 100 --env-out passage.env
    passagectl --env-file passage.env users list

Exit status: 0 success; 1 other failure; 2 wrong command line or setting; 3 refused by the server;
4 no such user or device; 5 server unreachable or failing; 6 some items failed; 130 Ctrl-C.
`man passagectl` has the details. `passagectl doctor` looks for what is wrong with a setup.)";

void add_common_options(CLI::App& app, CommonOptions& options)
{
    SettingOptions& settings = options.settings;
    const auto option = [&app](const char* name, auto& value, const char* type, const char* help) {
        return app.add_option(name, value, help)->type_name(type)->group("Options of every command");
    };
    const auto flag = [&app](const char* name, bool& value, const char* help) {
        return app.add_flag(name, value, help)->group("Options of every command");
    };
    flag("--json", options.json, "print JSON objects, one a line");
    flag("-y,--yes", options.yes, "answer questions with yes");
    option("--env-file", settings.env_file, "FILE", "file of NAME=VALUE lines, as passage-emulator --env-out writes");
    option("--api-key-file", settings.api_key_file, "FILE", "file with the API key");
    option("--app-id", settings.app_id, "ID", "id of the app, instead of PASSAGE_APP_ID");
    option("--base-url", settings.base_url, "URL", "URL of the API, instead of PASSAGE_BASE_URL");
    option("--auth-url", settings.auth_url, "URL", "URL of the token keys, instead of PASSAGE_AUTH_URL");
    option("--ca-file", settings.ca_file, "FILE", "certificates to trust (PEM), instead of PASSAGE_CA_FILE");
    option("--client-cert", settings.client_certificate, "FILE", "certificate of the client (PEM)");
    option("--client-key", settings.client_key, "FILE", "private key of --client-cert (PEM)");
    option("--unix-socket", settings.unix_socket, "PATH", "Unix domain socket, instead of PASSAGE_UNIX_SOCKET");
    auto* const proxy = option("--proxy", settings.proxy, "URL", "HTTP proxy, instead of https_proxy");
    proxy->option_text("URL");
    flag("--no-proxy", settings.no_proxy, "use no proxy")->excludes(proxy)->option_text(" ");
    const std::map<std::string, HttpVersion> versions{
        {"auto", HttpVersion::automatic}, {"1.1", HttpVersion::http1}, {"2", HttpVersion::http2}};
    option("--http-version", settings.http_version, "auto|1.1|2", "version of HTTP; auto by default")
        ->transform(choice_of(versions));
    option("--timeout", settings.timeout, "SECONDS", "maximum time of a call, with its retries; 30 by default")
        ->check(CLI::Range(0.001, 86400.0).description(""));
    flag("--allow-plain-http", settings.allow_plain_http,
         "permit http:// to other hosts; the network can read the key");
}

/// What the list of commands is called.
void set_heading(CLI::App& app)
{
    for (CLI::App* const command : app.get_subcommands([](const CLI::App*) { return true; })) {
        command->group("Commands");
        set_heading(*command);
    }
}

/// The words of a command, such as "passagectl users list", for the hint after an error.
std::string command_words(const CLI::App& app)
{
    std::string words = app.get_name();
    for (const CLI::App* command = &app; !command->get_subcommands().empty();) {
        command = command->get_subcommands().front();
        words += ' ' + command->get_name();
    }
    return words;
}

ExitCode run(int argc, char** argv)
{
    Program program;
    CLI::App app{description, "passagectl"};
    app.set_version_flag("--version", "passagectl " PASSAGE_VERSION, "print the version");
    app.require_subcommand(1);
    app.fallthrough();
    app.set_help_flag("-h,--help", "print this text");
    app.get_formatter()->column_width(34);
    app.get_formatter()->label("SUBCOMMAND", "COMMAND");
    app.footer("Options of every command: passagectl --help");
    add_common_options(app, program.options);
    add_users(app, program);
    add_devices(app, program);
    add_tokens(app, program);
    add_magic_links(app, program);
    add_app(app, program);
    add_export(app, program);
    add_import(app, program);
    add_doctor(app, program);
    app.footer(notes);
    set_heading(app);

    if (argc >= 2 && std::string_view{argv[1]} == complete_command) {
        complete(app, {argv + 2, argv + argc}, program.out);
        return ExitCode::ok;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& wanted) { // --help or --version
        app.exit(wanted, program.out, program.err);
        return ExitCode::ok;
    } catch (const CLI::ParseError& error) {
        const std::vector<std::string> unknown = app.remaining(true);
        program.note((unknown.empty() ? error.what() : '"' + unknown.front() + "\" is unknown") + "; see " +
                     command_words(app) + " --help");
        return ExitCode::usage;
    }
    try {
        return program.command();
    } catch (const Failure& failure) {
        program.out.flush();
        if (*failure.what() != '\0')
            program.note(failure.what());
        if (failure.code() == ExitCode::unreachable)
            program.note("`passagectl doctor` looks for the cause");
        return failure.code();
    }
}

/// Opens what is closed of the standard streams, or a file would become one of them, and get what is written to it.
/// Writing still fails.
void occupy_standard_descriptors()
{
    for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (fcntl(descriptor, F_GETFD) < 0)
            open("/dev/null", O_RDONLY); // takes the lowest one that is free
}

} // namespace
} // namespace passage::ctl

int main(int argc, char** argv)
{
    using passage::ctl::ExitCode;

    passage::ctl::occupy_standard_descriptors();
    std::signal(SIGPIPE, SIG_DFL);          // `| head` ends the program, also where the parent ignores the signal
    std::setlocale(LC_CTYPE, "C.UTF-8");    // widths of characters; texts of the API are UTF-8
    std::ios::sync_with_stdio(false);       // output is buffered
    std::cout.exceptions(std::ios::badbit); // a full disk must not go unnoticed
    ExitCode code = ExitCode::failed;
    try {
        code = passage::ctl::run(argc, argv);
        std::cout.flush();
    } catch (const std::ios::failure&) {
        std::cout.exceptions(std::ios::goodbit); // std::cerr flushes it
        std::cerr << "passagectl: standard output cannot be written; its disk may be full\n";
        code = ExitCode::failed;
    } catch (const std::exception& error) {
        std::cout.exceptions(std::ios::goodbit);
        std::cerr << "passagectl: " << error.what() << '\n';
    }
    std::cout.exceptions(std::ios::goodbit);
    return static_cast<int>(code);
}
