#pragma once

#include "exit_code.hpp"
#include "settings.hpp"

#include <passage/client.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace passage::ctl {

namespace asio = boost::asio;

/// The options that every command has.
struct CommonOptions
{
    SettingOptions settings;
    bool json = false; ///< Results are JSON objects, one a line.
    bool yes = false;  ///< Questions are answered with yes.
};

/// What the commands share. Parsing the command line sets `options` and `command`; then `command` is called.
class Program
{
public:
    CommonOptions options;
    /// The command that the command line names.
    std::function<ExitCode()> command;

    /// Results go here. A write that fails throws, and `main` reports it.
    std::ostream& out = std::cout;
    /// Messages for people go here.
    std::ostream& err = std::cerr;

    asio::io_context& context() noexcept { return context_; }

    /// Returns the configuration, which is read at the first call. Throws `Failure`.
    const Config& config();

    /// Returns the client, which is made at the first call. Throws `Failure`.
    Client& client();

    /// Runs a coroutine to its end, and returns its result. Throws what it throws.
    ///
    /// SIGINT and SIGTERM cancel it: operations that it awaits end with `Errc::cancelled`, and a further `co_await`
    /// throws. The result is then 128 and the number of the signal. A second signal ends the program immediately.
    ExitCode run(asio::awaitable<ExitCode> coroutine);

    /// Asks whether to go on where something is lost. Returns if the answer is yes, or with `--yes`.
    ///
    /// Throws `Failure` if the answer is no, and with `ExitCode::usage` if there is no terminal to ask at. Not to be
    /// called within `run`, because it waits for the answer.
    void confirm(const std::string& question);

    /// Prints a line about what happens, for people, to `err`. Characters that a terminal would obey are escaped.
    void note(const std::string& text);

private:
    asio::io_context context_;
    std::optional<Config> config_;
    std::optional<Client> client_;
};

/// Returns the result of an operation. Throws `Failure` if it is an error.
template <class T>
T value_or_throw(expected<T> result)
{
    if (!result)
        throw Failure{result.error()};
    if constexpr (!std::is_void_v<T>)
        return *std::move(result);
}

} // namespace passage::ctl
