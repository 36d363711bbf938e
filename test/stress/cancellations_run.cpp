// Calls on one HTTP/2 connection are cancelled at random moments: it stays, and no byte of its windows is lost.

#include "dice.hpp"
#include "runs.hpp"
#include "watchdog.hpp"

#include <passage/emulator.hpp>
#include <passage/passage.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace passage::stress {
namespace {

namespace asio = boost::asio;

/// The smallest that HTTP/2 has: what a call left behind would be missed soon.
constexpr std::uint32_t window = 65'535;
constexpr std::size_t callers = 64;
constexpr std::size_t users = 64;
/// Most answers take more than one frame, and some the whole window.
constexpr std::size_t user_size = 24'000;

void rethrow(std::exception_ptr error)
{
    if (error)
        std::rethrow_exception(error);
}

class CancellationsRun
{
public:
    explicit CancellationsRun(const Bounds& bounds) : bounds_{bounds}
    {
        for (std::size_t user = 0; user < users; ++user)
            ids_.push_back(emulator_.plant_user(R"({"email":")" + std::to_string(user) +
                                                R"(@example.com","user_metadata":{"text":")" +
                                                std::string(user_size, 'x') + R"("}})"));
    }

    bool operator()()
    {
        const auto begin = Clock::now();
        // If all calls are cancelled while the connection is being established, it is not established.
        asio::co_spawn(context_, connect(), rethrow);
        context_.run();
        context_.restart();
        for (std::size_t i = 0; i < callers; ++i)
            asio::co_spawn(context_, caller(i), rethrow);
        context_.run();
        context_.restart();
        asio::co_spawn(context_, read_much(), rethrow);
        context_.run();
        if (emulator_.connections_accepted() != 1)
            wrong("there were " + std::to_string(emulator_.connections_accepted()) + " connections");
        if (cancelled_ == 0)
            wrong("no call was cancelled");
        std::printf("cancellations, seed %u: %zu calls cancelled and %zu answered on %llu connections in %.1f s, then "
                    "%zu bytes in one answer\n",
                    bounds_.seed, cancelled_, answered_,
                    static_cast<unsigned long long>(emulator_.connections_accepted()),
                    std::chrono::duration<double>{Clock::now() - begin}.count(), read_);
        std::fflush(stdout);
        return good_;
    }

private:
    Config config() const
    {
        Config config;
        config.app_id = emulator_.app_id();
        config.api_key = emulator_.api_key();
        config.base_url = emulator_.base_url();
        config.tls.ca_pem = emulator_.ca_pem();
        config.http_version = HttpVersion::http2;
        config.http2.max_connections = 1;
        config.http2.stream_window = config.http2.connection_window = window;
        config.retry.max_attempts = 1;
        return config;
    }

    void wrong(const std::string& what)
    {
        good_ = false;
        std::printf("  WRONG: %s\n", what.c_str());
    }

    asio::awaitable<void> connect()
    {
        if (const expected<AppInfo> app = co_await client_.get_app(); !app)
            wrong(to_string(app.error()));
    }

    asio::awaitable<void> caller(std::size_t which)
    {
        Dice dice{bounds_.seed, 11, which};
        while (cancelled_ < bounds_.cancellations && Clock::now() < bounds_.end && good_)
            co_await call(dice);
    }

    asio::awaitable<void> call(Dice& dice)
    {
        const std::string& id = ids_[dice.below(users)];
        const auto executor = co_await asio::this_coro::executor;
        asio::cancellation_signal signal;
        asio::steady_timer ended{executor, Clock::time_point::max()};
        std::optional<expected<UserInfo>> user;
        asio::co_spawn(
            executor, client_.get_user(id),
            asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, expected<UserInfo> of) {
                rethrow(error);
                user.emplace(std::move(of));
                ended.cancel();
            }));
        boost::system::error_code ignored;
        asio::steady_timer moment{executor, std::chrono::microseconds{dice.below(most_us_)}};
        co_await moment.async_wait(asio::use_awaitable);
        signal.emit(asio::cancellation_type::terminal);
        if (!user)
            co_await ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if (*user ? (*user)->id != id : !is_cancelled(user->error()))
            wrong(*user ? "another one's answer" : to_string(user->error()));
        // As fast as the machine is: about as many calls end as are cancelled.
        if (*user) {
            ++answered_;
            most_us_ = std::max<std::uint64_t>(most_us_ - most_us_ / 64, 100);
        } else {
            ++cancelled_;
            most_us_ += most_us_ / 64;
        }
        watchdog_.tick();
    }

    /// An answer that takes the window many times.
    asio::awaitable<void> read_much()
    {
        const expected<UserPage> page = co_await client_.list_users(ListUsersRequest{}.limit(users));
        if (!page)
            co_return wrong(to_string(page.error()));
        if (page->users.size() != users)
            wrong("users are missing");
        read_ = page->users.size() * user_size;
    }

    const Bounds& bounds_;
    Emulator emulator_;
    std::vector<std::string> ids_;
    asio::io_context context_{1};
    Client client_{context_, config()};
    std::uint64_t most_us_ = 1'000;
    std::size_t cancelled_ = 0;
    std::size_t answered_ = 0;
    std::size_t read_ = 0;
    bool good_ = true;
    Watchdog watchdog_{[] { std::printf("  of calls that are cancelled on one connection\n"); }};
};

} // namespace

bool run_cancellations(const Bounds& bounds)
{
    return CancellationsRun{bounds}();
}

} // namespace passage::stress
