#include "dice.hpp"
#include "runs.hpp"
#include "support/black_hole.hpp"
#include "support/service.hpp"
#include "support/system_calls.hpp"
#include "watchdog.hpp"

#include <passage/passage.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <netdb.h>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace passage::stress {
namespace {

namespace asio = boost::asio;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t user_count = 8;
const std::string slow_name = "slow.stress.test";

/// An io_context with threads, which a call is awaited on or a client lives on.
class Runner
{
public:
    explicit Runner(unsigned threads) : context_{static_cast<int>(threads)}
    {
        for (unsigned i = 0; i < threads; ++i)
            threads_.emplace_back([this] { context_.run(); });
    }

    /// Waits for nothing: what is under way is destroyed with the context.
    ~Runner()
    {
        context_.stop();
        for (std::thread& thread : threads_)
            thread.join();
    }

    asio::any_io_executor executor() { return context_.get_executor(); }

private:
    asio::io_context context_;
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(context_);
    std::vector<std::thread> threads_;
};

/// How many calls of a round are not over: completed, or destroyed with what they were awaited on.
class Outstanding
{
public:
    /// One call, as long as its coroutine or its handler lives.
    std::shared_ptr<void> add()
    {
        const std::lock_guard lock{mutex_};
        ++count_;
        return {nullptr, [this](void*) {
                    const std::lock_guard guard{mutex_};
                    if (--count_ == 0)
                        changed_.notify_all();
                }};
    }

    void wait()
    {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return count_ == 0; });
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t count_ = 0;
};

/// A call that may be cancelled, on a strand of its own: signals are not for several threads.
struct Cancelling
{
    explicit Cancelling(const asio::any_io_executor& executor) : strand{asio::make_strand(executor)}, moment{strand} {}

    asio::strand<asio::any_io_executor> strand;
    asio::steady_timer moment;
    asio::cancellation_signal signal;
};

/// Clients on all sorts of executors, with calls from several threads, that are closed or destroyed at any moment.
class ClientsRun
{
public:
    explicit ClientsRun(const Bounds& bounds) : bounds_{bounds}
    {
        for (std::size_t i = 0; i < user_count; ++i)
            ids_.push_back(service_.emulator.plant_user(R"({"email":")" + email(i) + "\"}"));
        service_.emulator.set_faults(Faults{}.latency(milliseconds{0}, milliseconds{1}).reset(0.02).error(503, 0.02));
        renew_token();
    }

    bool operator()()
    {
        const auto begin = Clock::now();
        std::atomic<bool> over = false;
        std::thread rotation{[&] {
            while (!over) {
                renew_token();
                std::this_thread::sleep_for(milliseconds{20});
            }
        }};
        std::vector<std::thread> drivers;
        for (int i = 0; i < 3; ++i)
            drivers.emplace_back([this] {
                for (std::size_t number; (number = next_++) < bounds_.clients && Clock::now() < bounds_.end;)
                    round(number);
            });
        for (std::thread& driver : drivers)
            driver.join();
        over = true;
        rotation.join();

        std::printf(
            "clients, seed %u: %zu came and went in %.1f s, %zu calls, %zu completed, %zu succeeded, %zu wrong\n ",
            bounds_.seed, rounds_.load(), std::chrono::duration<double>{Clock::now() - begin}.count(), calls_.load(),
            completed_.load(), succeeded_.load(), wrong_.load());
        for (const auto& [kind, count] : failures_)
            std::printf(" %s %zu", kind.c_str(), count);
        std::printf("\n");
        std::fflush(stdout);
        return wrong_ == 0 && succeeded_ > 0;
    }

private:
    static std::string email(std::size_t number) { return std::to_string(number) + "@example.com"; }

    void renew_token()
    {
        const std::string key = service_.emulator.rotate_key();
        const std::string token = service_.emulator.issue_token(ids_.front());
        const std::lock_guard lock{mutex_};
        tokens_.push_back(token);
        keys_.push_back(key);
        if (tokens_.size() > 4) {
            service_.emulator.retire_key(keys_.front());
            tokens_.pop_front();
            keys_.pop_front();
        }
    }

    std::string token(Dice& dice)
    {
        const std::lock_guard lock{mutex_};
        return tokens_[dice.below(tokens_.size())];
    }

    Config config(Dice& dice)
    {
        Config config = service_.config();
        config.auth_url = config.base_url;
        config.pool.max_connections = 1 + dice.below(4);
        config.retry.base = config.retry.throttled_base = milliseconds{1};
        config.timeouts.total = milliseconds{20 + dice.below(200)};
        if (dice.chance(300))
            config.pool.idle_timeout = milliseconds{dice.below(3)};
        const auto redirect = [&](const std::string& host, std::uint16_t port) {
            config.base_url = config.auth_url = "https://" + host + ":" + std::to_string(port) + "/v1";
        };
        if (dice.chance(150))
            redirect(slow_name, service_.emulator.port());
        else if (dice.chance(150))
            redirect("127.0.0.1", hole_.port());
        return config;
    }

    /// Starts a call of which nothing is left when `token` is gone.
    template <class T, class IsOwn>
    void start(const asio::any_io_executor& executor, Dice& dice, Outstanding& outstanding,
               asio::awaitable<expected<T>> call, IsOwn is_own)
    {
        ++calls_;
        auto coroutine = [](asio::awaitable<expected<T>> what, std::shared_ptr<void>) -> asio::awaitable<expected<T>> {
            co_return co_await std::move(what);
        }(std::move(call), outstanding.add());
        auto done = [this, is_own, completions = std::make_shared<std::atomic<int>>(0),
                     token = outstanding.add()](std::exception_ptr error, const expected<T>& result) {
            if (error || ++*completions != 1)
                wrong("a call threw, or ended twice");
            else
                end(result, is_own);
        };
        if (!dice.chance(400)) {
            asio::co_spawn(executor, std::move(coroutine), std::move(done));
            return;
        }
        const auto cancelling = std::make_shared<Cancelling>(executor);
        constexpr std::array types{asio::cancellation_type::terminal, asio::cancellation_type::partial,
                                   asio::cancellation_type::total};
        const auto type = types[dice.below(types.size())];
        const microseconds after{dice.below(4000)};
        asio::post(cancelling->strand, [this, cancelling, type, after, coroutine = std::move(coroutine),
                                        done = std::move(done), token = outstanding.add()]() mutable {
            cancelling->moment.expires_after(after);
            cancelling->moment.async_wait([cancelling, type](const boost::system::error_code& ec) {
                if (!ec)
                    cancelling->signal.emit(type);
            });
            asio::co_spawn(cancelling->strand, std::move(coroutine),
                           asio::bind_cancellation_slot(
                               cancelling->signal.slot(),
                               [cancelling, done = std::move(done)](std::exception_ptr error, expected<T> result) {
                                   cancelling->moment.cancel();
                                   done(std::move(error), result);
                               }));
        });
    }

    template <class T, class IsOwn>
    void end(const expected<T>& result, const IsOwn& is_own)
    {
        ++completed_;
        watchdog_.tick();
        if (result) {
            ++succeeded_;
            if constexpr (std::is_void_v<T>) {
                return;
            } else if (!is_own(*result)) {
                wrong("a call got another one's answer");
            }
            return;
        }
        const std::lock_guard lock{mutex_};
        ++failures_[make_error_code(result.error().code).message()];
    }

    void wrong(const char* what)
    {
        ++wrong_;
        std::printf("  WRONG: %s\n", what);
    }

    /// A call of the client, or of the authenticator.
    void start_any(const asio::any_io_executor& executor, Dice& dice, Outstanding& outstanding, Client& client,
                   Authenticator& authenticator, bool client_stays)
    {
        const std::size_t number = dice.below(user_count);
        const std::string id = ids_[number];
        const auto is_user = [id](const UserInfo& user) { return user.id == id; };
        const auto any = [](const auto&) { return true; };
        const auto is_signed_in = [first = ids_.front()](const Claims& claims) { return claims.user_id == first; };
        CallOptions options;
        if (dice.chance(300))
            options.timeout(milliseconds{dice.below(20)});
        const auto launch = [&](auto call, auto is_own) {
            start(executor, dice, outstanding, std::move(call), is_own);
        };
        switch (dice.below(client_stays ? 20 : 17)) {
        case 0:
            return launch(client.get_user(id, options), is_user);
        case 1:
        case 2:
        case 3:
            return launch(client.coalesced_get_user(id, options), is_user);
        case 4:
            return launch(client.get_user_by_identifier(email(number), options), is_user);
        case 5:
            return launch(
                client.create_user(CreateUserRequest{}.email(std::to_string(next_email_++) + "@new.example"), options),
                any);
        case 6:
            return launch(client.update_user(id, UpdateUserRequest{}.metadata("plan", "pro"), options), is_user);
        case 7:
            return launch(client.activate_user(id, options), is_user);
        case 8:
            return launch(client.list_user_devices(id, options), any);
        case 9:
            return launch(client.delete_user_device(id, "nothing", options), any);
        case 10:
            return launch(client.revoke_user_refresh_tokens(id, options), any);
        case 11:
            return launch(client.list_users(ListUsersRequest{}.limit(2), options), any);
        case 12:
            return launch(client.create_magic_link(CreateMagicLinkRequest::for_email(email(number)), options),
                          [to = email(number)](const MagicLink& link) { return link.identifier == to; });
        case 13:
            return launch(client.get_app(options), any);
        case 14:
            return launch(first_of(client.users(ListUsersRequest{}.limit(2), options)), any);
        case 15:
            return launch(authenticator.authenticate(token(dice)), is_signed_in);
        case 16:
            return launch(authenticator.authenticate_request("Bearer " + token(dice), ""), is_signed_in);
        case 17:
            return launch(batch(client, ids_), any);
        case 18:
            return launch(deletion(client), any);
        default:
            return launch(client.delete_user("nobody", options), any);
        }
    }

    static asio::awaitable<expected<int>> first_of(UserRange users)
    {
        const expected<std::optional<UserSummary>> user = co_await users.next();
        if (!user)
            co_return unexpected{user.error()};
        co_return 0;
    }

    static asio::awaitable<expected<int>> batch(Client& client, std::vector<std::string> ids)
    {
        const std::vector<expected<UserInfo>> users = co_await get_users(client, ids);
        for (std::size_t i = 0; i < ids.size(); ++i)
            if (!users[i])
                co_return unexpected{users[i].error()};
        co_return 0;
    }

    static asio::awaitable<expected<int>> deletion(Client& client)
    {
        const std::vector<std::string> ids{"nobody", "no one"};
        const auto results = co_await delete_users(client, ids);
        co_return results.front() ? expected<int>{0} : unexpected{results.front().error()};
    }

    void round(std::size_t number)
    {
        Dice dice{bounds_.seed, 6, number};
        std::optional<Runner> own;
        asio::any_io_executor executor;
        switch (dice.below(5)) {
        case 0:
            executor = shared_.executor();
            break;
        case 1:
            executor = pool_.get_executor();
            break;
        case 2:
            executor = asio::make_strand(shared_.executor());
            break;
        default:
            own.emplace(1 + static_cast<unsigned>(dice.below(2)));
            executor = own->executor();
        }
        Outstanding outstanding;
        const Config settings = config(dice);
        std::optional<Client> client{std::in_place, executor, settings};
        std::optional<Authenticator> authenticator{std::in_place, executor, settings};
        // In one of ten rounds calls are awaited on a context that is destroyed before the client.
        std::optional<Runner> passing;
        if (dice.chance(100))
            passing.emplace(1);

        const bool stays = dice.chance(500);
        const std::size_t count = 1 + dice.below(8);
        for (std::size_t i = 0; i < count; ++i) {
            const asio::any_io_executor on = passing            ? passing->executor()
                                             : dice.chance(250) ? foreign_.executor()
                                                                : executor;
            start_any(on, dice, outstanding, *client, *authenticator, stays && !passing);
        }
        if (dice.chance(700))
            std::this_thread::sleep_for(microseconds{dice.below(5000)});
        passing.reset();
        if (stays && dice.chance(500)) {
            asio::post(pool_, [&client, token = outstanding.add()] { client->close(); });
            client->close();
        } else if (!stays) {
            Client moved = *std::move(client);
            client.reset();
            authenticator.reset();
        }
        outstanding.wait();
        ++rounds_;
    }

    const Bounds bounds_;
    test::Service service_{EmulatorOptions{}.address("127.0.0.1")};
    test::BlackHole hole_{asio::ip::address_v4::loopback()};
    test::ScriptedName name_{slow_name, [](std::string& address) {
                                 static std::atomic<unsigned> turn = 0;
                                 const unsigned now = turn++;
                                 std::this_thread::sleep_for(milliseconds{now % 7});
                                 address = "127.0.0.1";
                                 return now % 5 == 0 ? EAI_AGAIN : 0;
                             }};
    std::vector<std::string> ids_;
    std::mutex mutex_; ///< Guards what follows.
    std::deque<std::string> tokens_, keys_;
    std::map<std::string, std::size_t> failures_;
    std::atomic<std::size_t> next_ = 0, next_email_ = 0;
    std::atomic<std::size_t> rounds_ = 0, calls_ = 0, completed_ = 0, succeeded_ = 0, wrong_ = 0;
    Watchdog watchdog_{[] { std::printf("  of the clients that come and go\n"); }};
    Runner shared_{2}; ///< Without a strand.
    Runner foreign_{2};
    asio::thread_pool pool_{2};
};

} // namespace

bool run_clients(const Bounds& bounds)
{
    return ClientsRun{bounds}();
}

} // namespace passage::stress
