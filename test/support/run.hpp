#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace passage::test {

namespace asio = boost::asio;

/// Runs a coroutine on a context until nothing is left to do, and returns what it returned.
template <class T>
T run(asio::io_context& context, asio::awaitable<T> coroutine)
{
    std::optional<T> result;
    asio::co_spawn(context, std::move(coroutine), [&](std::exception_ptr error, T value) {
        if (error)
            std::rethrow_exception(error);
        result.emplace(std::move(value));
    });
    context.restart();
    context.run();
    return std::move(result).value();
}

inline void run(asio::io_context& context, asio::awaitable<void> coroutine)
{
    bool ended = false;
    asio::co_spawn(context, std::move(coroutine), [&](std::exception_ptr error) {
        if (error)
            std::rethrow_exception(error);
        ended = true;
    });
    context.restart();
    context.run();
    if (!ended)
        throw std::logic_error{"the coroutine never ended"};
}

} // namespace passage::test
