// Long runs against a server that does a share of its work badly, with the server's own account compared at the end.

#include "ledger_server.hpp"
#include "runs.hpp"
#include "support/canary.hpp"

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
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace passage::stress {
namespace {

namespace asio = boost::asio;

/// A run of calls, each about a number of its own, so that an answer meant for another one is seen.
class Run
{
public:
    Run(const char* name, const Bounds& bounds, const FaultRates& rates)
        : name_{name},
          bounds_{bounds},
          server_{bounds.calls, rates, bounds.seed},
          random_{bounds.seed},
          client_{context_, config()}
    {}

    /// Calls are given up after a random time of at most this; none if it is 0. It becomes what suits the machine.
    std::chrono::microseconds cancel_within{0};
    /// The server is restarted at most so often, each time when some more calls have succeeded.
    std::size_t restarts = 0;
    /// So much fails at once that the retry budget runs out, and calls end before their last attempt.
    bool outruns_the_retry_budget = false;

    bool operator()(std::size_t callers)
    {
        for (std::size_t i = 0; i < callers; ++i)
            asio::co_spawn(context_, caller(), rethrow);
        const auto begin = Clock::now();
        context_.run();
        return report(std::chrono::duration<double>{Clock::now() - begin}.count());
    }

private:
    static void rethrow(std::exception_ptr error)
    {
        if (error)
            std::rethrow_exception(error);
    }

    Config config() const
    {
        Config config;
        config.app_id = "stress";
        config.api_key = test::canary_api_key;
        config.base_url = server_.base_url();
        config.tls.ca_pem = server_.ca_pem();
        config.retry.base = std::chrono::milliseconds{1};
        config.retry.throttled_base = std::chrono::milliseconds{1};
        return config;
    }

    static bool creates(std::size_t number) { return number % 4 == 0; }

    asio::awaitable<void> caller()
    {
        while (next_ < bounds_.calls && Clock::now() < bounds_.end) {
            const std::size_t number = next_++;
            const expected<UserInfo> user = co_await call(number);
            check(number, user);
            ++ended_;
            if (restarted_ < restarts && succeeded_ > restarted_ * bounds_.calls / restarts / 2) {
                ++restarted_;
                server_.restart();
            }
        }
    }

    asio::awaitable<expected<UserInfo>> operation(std::size_t number)
    {
        const std::string text = std::to_string(number);
        return creates(number) ? client_.create_user(CreateUserRequest{}.email(text + "@example.com"))
                               : client_.get_user(text);
    }

    asio::awaitable<expected<UserInfo>> call(std::size_t number)
    {
        if (cancel_within.count() == 0)
            co_return co_await operation(number);

        // The call runs beside this coroutine, which cancels it from outside and then waits for its end.
        const auto executor = co_await asio::this_coro::executor;
        asio::cancellation_signal signal;
        asio::steady_timer ended{executor, Clock::time_point::max()};
        expected<UserInfo> result;
        bool done = false;
        asio::co_spawn(
            executor, operation(number),
            asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, expected<UserInfo> user) {
                rethrow(error);
                result = std::move(user);
                done = true;
                ended.cancel();
            }));
        asio::steady_timer moment{executor, std::chrono::microseconds{std::uniform_int_distribution<std::int64_t>{
                                                0, cancel_within.count()}(random_)}};
        co_await moment.async_wait(asio::use_awaitable);
        signal.emit(asio::cancellation_type::terminal);
        boost::system::error_code ignored;
        if (!done)
            co_await ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        // About as many calls end as are cancelled.
        if (!result && is_cancelled(result.error()))
            cancel_within += cancel_within / 64;
        else
            cancel_within = std::max(cancel_within - cancel_within / 64, std::chrono::microseconds{100});
        co_return std::move(result);
    }

    /// What can be seen when a call ends; the server's account is compared when all have ended.
    void check(std::size_t number, const expected<UserInfo>& user)
    {
        const std::string text = std::to_string(number);
        if (user) {
            ++succeeded_;
            wrong(number, user->id != text || user->email != text + "@example.com", "another one's answer");
            succeeded_numbers_.push_back(number);
            return;
        }
        const Error& error = user.error();
        cancelled_ += error.code == Errc::cancelled ? 1 : 0;
        ++failures_[creates(number) ? "create_user" : "get_user"][std::string{
            error.code == Errc::api ? std::to_string(error.http_status) : make_error_code(error.code).message()}];
        if (error.effect == Effect::none)
            untouched_numbers_.push_back(number);
        // What may be repeated is given up only after all attempts; bytes that are no HTTP are not repeated.
        const bool final_at_once = error.code == Errc::protocol || error.code == Errc::cancelled;
        wrong(number, !outruns_the_retry_budget && !creates(number) && !final_at_once && error.attempts < 3,
              "given up early: " + to_string(error));
    }

    void wrong(std::size_t number, bool is_wrong, const std::string& what)
    {
        if (!is_wrong)
            return;
        if (++wrong_ <= 10)
            std::cout << "  WRONG, call " << number << ": " << what << '\n';
    }

    bool report(double seconds)
    {
        for (std::size_t number = 0; number < next_; number += 4)
            wrong(number, server_.done(number) > 1, "create_user was done more than once");
        for (const std::size_t number : succeeded_numbers_)
            wrong(number, server_.done(number) == 0, "succeeded, and was never done");
        for (const std::size_t number : untouched_numbers_)
            wrong(number, creates(number) && server_.done(number) > 0, "said to have no effect, and was done");
        wrong(0, ended_ != next_, std::to_string(next_ - ended_) + " calls never ended");
        wrong(0, succeeded_ * 50 <= ended_, "hardly a call succeeded");
        wrong(0, cancel_within.count() > 0 && cancelled_ == 0, "no call was cancelled");
        wrong(0, restarts > 0 && restarted_ == 0, "the server was not restarted");

        std::printf(
            "%s: %zu calls in %.1f s, %zu succeeded, %zu wrong; the server saw %llu requests on %llu connections\n",
            name_, ended_, seconds, succeeded_, wrong_, static_cast<unsigned long long>(server_.requests()),
            static_cast<unsigned long long>(server_.connections()));
        std::printf("  faults:");
        for (std::size_t i = 1; i < stress::fault_count; ++i) {
            const auto fault = static_cast<Fault>(i);
            std::printf(" %s %llu", std::string{stress::to_string(fault)}.c_str(),
                        static_cast<unsigned long long>(server_.count(fault)));
        }
        for (const auto& [operation, kinds] : failures_) {
            std::printf("\n  failures of %s:", operation.c_str());
            for (const auto& [kind, count] : kinds)
                std::printf(" %s %zu", kind.c_str(), count);
        }
        std::printf("\n");
        std::fflush(stdout);
        return wrong_ == 0;
    }

    const char* name_;
    Bounds bounds_;
    LedgerServer server_;
    std::mt19937 random_;
    asio::io_context context_{1};
    Client client_;

    std::size_t next_ = 0;
    std::size_t ended_ = 0;
    std::size_t succeeded_ = 0;
    std::size_t cancelled_ = 0;
    std::size_t wrong_ = 0;
    std::size_t restarted_ = 0;
    std::vector<std::size_t> succeeded_numbers_;
    std::vector<std::size_t> untouched_numbers_;
    std::map<std::string, std::map<std::string, std::size_t>> failures_;
};

} // namespace

bool run_faults(const Bounds& bounds)
{
    return Run{"faults", bounds, FaultRates::all(0.1)}(256);
}

bool run_races_of_close_and_reuse(const Bounds& bounds)
{
    FaultRates rates;
    rates[Fault::closes_unsaid] = 1;
    Bounds fewer = bounds;
    fewer.calls = std::max<std::size_t>(bounds.calls / 100, 100);
    return Run{"races of close and reuse", fewer, rates}(8);
}

bool run_cancel_storm(const Bounds& bounds)
{
    Bounds fewer = bounds;
    fewer.calls = std::max<std::size_t>(bounds.calls / 10, 100);
    Run run{"cancel storm", fewer, FaultRates::all(0.1)};
    run.cancel_within = std::chrono::milliseconds{5};
    run.outruns_the_retry_budget = true; // calls that are cancelled give nothing back
    return run(128);
}

bool run_restarts(const Bounds& bounds)
{
    Bounds fewer = bounds;
    fewer.calls = std::max<std::size_t>(bounds.calls / 10, 1000);
    Run run{"restarts under a thousand callers", fewer, FaultRates{}};
    run.restarts = 20;
    run.outruns_the_retry_budget = true;
    return run(1000);
}

} // namespace passage::stress
