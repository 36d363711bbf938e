#include "client/shared_reads.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <exception>
#include <new>
#include <utility>

namespace passage::client {
namespace {

Error no_memory()
{
    return Error{Errc::connect, "no memory"};
}

} // namespace

SharedReads::Read SharedReads::join_or_begin(const std::string& id, const Begin& begin)
{
    std::shared_ptr<Flight> flight;
    std::shared_ptr<Result> result;
    Read read;
    {
        const std::lock_guard lock{mutex_};
        Read& current = under_way_[id];
        if (!current.flight.expired())
            return current;
        flight = std::make_shared<Flight>();
        result = std::make_shared<Result>();
        current = read = Read{flight, result};
    }
    start(id, begin, flight, result);
    return read;
}

void SharedReads::start(const std::string& id, const Begin& begin, const std::shared_ptr<Flight>& flight,
                        const std::shared_ptr<Result>& result)
try {
    asio::co_spawn(executor_, begin(),
                   [self = shared_from_this(), id, flight, result](std::exception_ptr error, expected<UserInfo> user) {
                       if (error) // there is but one: no memory
                           user = unexpected{no_memory()};
                       result->emplace(std::move(user));
                       self->end(id, *flight);
                   });
} catch (const std::bad_alloc&) {
    result->emplace(unexpected{no_memory()});
    end(id, *flight);
}

void SharedReads::end(const std::string& id, Flight& flight)
{
    {
        const std::lock_guard lock{mutex_};
        under_way_.erase(id);
    }
    flight.land();
}

asio::awaitable<expected<UserInfo>> SharedReads::read(std::shared_ptr<SharedReads> self, std::string id, Begin begin,
                                                      Flight::Clock::time_point deadline)
{
    const auto began = Flight::Clock::now();
    const auto failure = [&](Errc kind, const char* message) {
        Error error{kind, message};
        error.operation = "get_user";
        error.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(Flight::Clock::now() - began);
        error.retryable = kind == Errc::timeout;
        return unexpected{std::move(error)};
    };
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        co_return failure(Errc::cancelled, "");

    const Read read = self->join_or_begin(id, begin);
    begin = nullptr; // those who wait have no part in the client's connections
    // A setting of the caller's coroutine: cancelling must be a result here, and stay what it was there.
    const bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    const Flight::End end = co_await Flight::landing(read.flight, self->executor_, deadline);
    co_await asio::this_coro::throw_if_cancelled(throws);
    switch (end) {
    case Flight::End::cancelled:
        co_return failure(Errc::cancelled, "");
    case Flight::End::expired:
        co_return failure(Errc::timeout, "the deadline passed");
    case Flight::End::landed:
        break;
    }
    co_return read.result->value();
}

} // namespace passage::client
