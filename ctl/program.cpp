#include "program.hpp"

#include "terminal.hpp"
#include "text.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/system/system_error.hpp>

#include <csignal>
#include <exception>

namespace passage::ctl {

const Config& Program::config()
{
    if (!config_) {
        set_environment(options.settings);
        config_ = read_config(options.settings);
    }
    return *config_;
}

Client& Program::client()
{
    if (!client_)
        client_.emplace(value_or_throw(Client::create(context_.get_executor(), config())));
    return *client_;
}

ExitCode Program::run(asio::awaitable<ExitCode> coroutine)
{
    asio::signal_set signals{context_};
    for (const int number : {SIGINT, SIGTERM}) {
        struct sigaction action = {};
        sigaction(number, nullptr, &action);
        if (action.sa_handler != SIG_IGN) // a shell's background jobs ignore SIGINT
            signals.add(number);
    }

    asio::cancellation_signal cancellation;
    std::exception_ptr exception;
    ExitCode result = ExitCode::failed;
    asio::co_spawn(context_, std::move(coroutine),
                   asio::bind_cancellation_slot(cancellation.slot(), [&](std::exception_ptr thrown, ExitCode code) {
                       exception = std::move(thrown);
                       result = code;
                       context_.stop(); // without waiting for the client's timers
                   }));
    int received = 0;
    signals.async_wait([&](const boost::system::error_code& error, int number) {
        if (error)
            return;
        received = number;
        signals.clear();
        cancellation.emit(asio::cancellation_type::terminal);
    });
    context_.restart();
    context_.run();

    const auto interrupted = static_cast<ExitCode>(128 + received);
    try {
        if (exception)
            std::rethrow_exception(exception);
    } catch (const Failure& failure) {
        if (received != 0)
            throw Failure{interrupted, failure.what()};
        throw;
    } catch (const boost::system::system_error& error) {
        if (received == 0 || error.code() != asio::error::operation_aborted)
            throw;
    }
    return received != 0 ? interrupted : result;
}

void Program::confirm(const std::string& question)
{
    if (options.yes)
        return;
    out.flush();
    switch (ask(printable(question))) {
    case Answer::yes:
        return;
    case Answer::no:
        throw Failure{ExitCode::failed, "nothing was done"};
    case Answer::no_terminal:
        throw Failure{ExitCode::usage, "there is no terminal to ask at: \"" + question + "\"; --yes answers it"};
    case Answer::interrupted:
        throw Failure{ExitCode::interrupted, ""};
    }
}

void Program::note(const std::string& text)
{
    err << "passagectl: " << printable(text) << std::endl;
}

} // namespace passage::ctl
