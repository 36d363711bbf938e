#include "dice.hpp"
#include "operations.hpp"
#include "runs.hpp"
#include "support/canary.hpp"
#include "support/system_calls.hpp"
#include "unsteady_server.hpp"
#include "watchdog.hpp"

#include <passage/passage.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <netdb.h>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace passage::stress {
namespace {

using namespace asio::experimental::awaitable_operators;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using Strand = asio::strand<asio::any_io_executor>;

void rethrow(std::exception_ptr error)
{
    if (error)
        std::rethrow_exception(error);
}

/// Names that the system finds slowly, sometimes, or not at all.
class Names
{
public:
    static constexpr std::array hosts{"127.0.0.1",          "127.0.0.1",           "127.0.0.1",
                                      "slow.stress.test",   "flaky.stress.test",   "stuck.stress.test",
                                      "nobody.stress.test", "address.stress.test", "address.stress.test"};

    explicit Names(std::uint32_t seed) : seed_{seed} {}

    /// A lookup outlives its client.
    ~Names()
    {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return under_way_ == 0; });
    }

private:
    test::ScriptedName::Answer answer(std::uint64_t most_us, unsigned fails_per_mille, int error)
    {
        return [this, most_us, fails_per_mille, error](std::string& address) {
            std::unique_lock lock{mutex_};
            ++under_way_;
            Dice dice{seed_, 7, ++count_};
            lock.unlock();
            std::this_thread::sleep_for(microseconds{dice.below(most_us)});
            address = "127.0.0.1";
            const bool fails = dice.chance(fails_per_mille);
            lock.lock();
            --under_way_;
            changed_.notify_all();
            return fails ? error : 0;
        };
    }

    const std::uint32_t seed_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t count_ = 0;
    std::size_t under_way_ = 0;
    test::ScriptedName address_{"address.stress.test"};
    test::ScriptedName slow_{"slow.stress.test", answer(3'000, 0, 0)};
    test::ScriptedName flaky_{"flaky.stress.test", answer(1'000, 500, EAI_AGAIN)};
    test::ScriptedName stuck_{"stuck.stress.test", answer(50'000, 0, 0)};
    test::ScriptedName nobody_{"nobody.stress.test", answer(1'000, 1000, EAI_NONAME)};
};

/// Counts calls that begin and end, for all clients.
class CountingObserver : public Observer
{
public:
    std::shared_ptr<CallObserver> call_started(const CallStarted&) noexcept override
    {
        ++begun;
        return std::make_shared<Of>(*this);
    }

    std::atomic<std::uint64_t> begun = 0;
    std::atomic<std::uint64_t> ended = 0;
    std::atomic<std::uint64_t> ended_again = 0;
    std::atomic<std::uint64_t> gone = 0;

private:
    struct Of : CallObserver
    {
        explicit Of(CountingObserver& all) : all_{all} {}
        ~Of() override { ++all_.gone; }
        void ended(const CallEnded&) noexcept override
        {
            ++(has_ended_.exchange(true) ? all_.ended_again : all_.ended);
        }

        CountingObserver& all_;
        std::atomic<bool> has_ended_ = false;
    };
};

/// What came of all calls.
struct Tally
{
    std::mutex mutex;
    std::map<std::string, std::size_t> ends;
    std::size_t calls = 0;
    std::size_t taken_along = 0;
    std::size_t wrong = 0;

    void count(const std::string& end)
    {
        const std::lock_guard lock{mutex};
        ++calls;
        ++ends[end];
    }
};

/// The calls that are made while a client lives: each ends once, or goes with its execution context.
class Life
{
public:
    Life(std::size_t number, Tally& tally) : number_{number}, tally_{tally} {}

    std::size_t number() const { return number_; }

    std::size_t begin(const char* name)
    {
        const std::lock_guard lock{mutex_};
        calls_.push_back({name, 0});
        ++under_way_;
        return calls_.size() - 1;
    }

    void wrong(std::size_t call, const std::string& what)
    {
        const std::lock_guard lock{tally_.mutex};
        if (++tally_.wrong <= 10)
            std::printf("  WRONG, client %zu, call %zu: %s\n", number_, call, what.c_str());
    }

    void end(std::size_t call, const std::string& how)
    {
        if (how.starts_with("WRONG"))
            wrong(call, how);
        else
            tally_.count(how);
        leave(call);
    }

    void take_along(std::size_t call)
    {
        {
            const std::lock_guard lock{tally_.mutex};
            ++tally_.taken_along;
        }
        leave(call);
    }

    void await_end()
    {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return under_way_ == 0; });
    }

    /// While nothing moves.
    void describe() const
    {
        for (std::size_t call = 0; call < calls_.size(); ++call) {
            if (calls_[call].ends == 0)
                std::printf("  client %zu, call %zu (%s) is under way\n", number_, call, calls_[call].name);
        }
    }

private:
    struct Call
    {
        const char* name;
        unsigned ends;
    };

    void leave(std::size_t call)
    {
        bool again = false;
        {
            const std::lock_guard lock{mutex_};
            again = ++calls_[call].ends > 1;
            --under_way_;
            changed_.notify_all();
        }
        if (again)
            wrong(call, "ended twice");
    }

    const std::size_t number_;
    Tally& tally_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Call> calls_;
    std::size_t under_way_ = 0;
};

/// A call's part in a life; it is destroyed with the handler of the call's end.
class Part
{
public:
    Part(std::shared_ptr<Life> life, std::size_t call) : life_{std::move(life)}, call_{call} {}
    Part(Part&& other) noexcept = default;
    Part& operator=(Part&&) = delete;
    ~Part()
    {
        if (life_)
            life_->take_along(call_);
    }

    void operator()(std::exception_ptr error, const std::string& how)
    {
        rethrow(error);
        std::exchange(life_, nullptr)->end(call_, how);
    }

private:
    std::shared_ptr<Life> life_;
    std::size_t call_;
};

/// How a call ended; "WRONG: ..." if it could not end so.
template <class Result, class IsOwn>
std::string kind_of(const Result& result, IsOwn is_own)
{
    if (!result) {
        const Error& error = result.error();
        constexpr std::array impossible{Errc::invalid_argument, Errc::protocol, Errc::too_large,
                                        Errc::decode,           Errc::api,      Errc::rate_limited};
        const bool is_wrong = std::ranges::find(impossible, error.code) != impossible.end();
        return is_wrong ? "WRONG: " + to_string(error) : make_error_code(error.code).message();
    }
    bool own = true;
    if constexpr (std::is_same_v<Result, expected<void>>)
        own = is_own();
    else
        own = is_own(*result);
    return own ? "success" : "WRONG: another one's answer";
}

/// A call that can be cancelled from outside.
struct Cancellable
{
    explicit Cancellable(const asio::any_io_executor& executor) : strand{asio::make_strand(executor)} {}

    Strand strand;
    asio::cancellation_signal signal;
};

/// Where calls are awaited, and clients run.
class Grounds
{
public:
    Grounds()
    {
        for (int i = 0; i < 2; ++i)
            threads_.emplace_back([this] { shared_.run(); });
        threads_.emplace_back([this] { single_.run(); });
    }

    ~Grounds()
    {
        shared_work_.reset();
        single_work_.reset();
        for (std::thread& thread : threads_)
            thread.join();
        pool_.join();
    }

    asio::any_io_executor any(Dice& dice)
    {
        switch (dice.below(6)) {
        case 0:
            return shared_.get_executor();
        case 1:
            return asio::make_strand(shared_);
        case 2:
            return pool_.get_executor();
        case 3:
            return asio::make_strand(pool_);
        default:
            return single_.get_executor();
        }
    }

private:
    asio::io_context shared_;
    asio::io_context single_{1};
    asio::thread_pool pool_{2};
    asio::executor_work_guard<asio::io_context::executor_type> shared_work_ = asio::make_work_guard(shared_);
    asio::executor_work_guard<asio::io_context::executor_type> single_work_ = asio::make_work_guard(single_);
    std::vector<std::thread> threads_;
};

class ClientsRun
{
public:
    explicit ClientsRun(const Bounds& bounds) : bounds_{bounds}, names_{bounds.seed}, server_{bounds.seed} {}

    bool operator()()
    {
        const auto begin = Clock::now();
        {
            Grounds grounds;
            Dice dice{bounds_.seed, 8};
            Client client{grounds.any(dice), config(dice, observer_)};
            AuthOptions options;
            options.key_lifetime = options.key_lifetime_in_outage = std::chrono::seconds{1};
            options.key_refetch_interval = std::chrono::seconds{1};
            Config of_keys;
            of_keys.app_id = "stress";
            of_keys.auth_url = server_.base_url(false, "127.0.0.1");
            Authenticator authenticator{grounds.any(dice), of_keys, options};
            shared_client_ = &client;
            shared_authenticator_ = &authenticator;

            std::vector<std::thread> workers;
            for (std::size_t i = 0; i < lives_.size(); ++i)
                workers.emplace_back([this, &grounds, i] { work(grounds, i); });
            for (std::thread& worker : workers)
                worker.join();
        }
        return report(std::chrono::duration<double>{Clock::now() - begin}.count());
    }

private:
    Config config(Dice& dice, const std::shared_ptr<CountingObserver>& observer)
    {
        Config config;
        config.app_id = "stress";
        config.api_key = test::canary_api_key;
        const char* const host = Names::hosts[dice.below(Names::hosts.size())];
        config.base_url = server_.base_url(dice.chance(300), host);
        config.auth_url = server_.base_url(dice.chance(300), host);
        config.allow_plain_http = true;
        config.tls.ca_pem = ca_pem_;
        config.pool.max_connections = 1 + dice.below(3);
        config.timeouts.connect = milliseconds{1 + dice.below(30)};
        config.timeouts.attempt = milliseconds{1 + dice.below(30)};
        config.timeouts.total = milliseconds{1 + dice.below(60)};
        config.retry.base = milliseconds{dice.below(3)};
        if (dice.chance(250))
            config.observer = observer;
        return config;
    }

    void work(Grounds& grounds, std::size_t worker)
    {
        for (;;) {
            const std::size_t number = next_++;
            if (number >= bounds_.clients || Clock::now() >= bounds_.end)
                return;
            const auto life = std::make_shared<Life>(number, tally_);
            {
                const std::lock_guard lock{lives_mutex_};
                lives_[worker] = life;
            }
            Dice dice{bounds_.seed, 9, number};
            if (dice.chance(100))
                live_on_own_ground(life, dice);
            else
                live(grounds, life, dice);
            ++lived_;
            watchdog_.tick();
        }
    }

    /// What a life has, beside its client.
    struct Surroundings
    {
        std::shared_ptr<Life> life;
        std::function<asio::any_io_executor()> ground; ///< Where the next call is awaited.
        std::vector<std::unique_ptr<Cancellable>> cancellables = {};
        bool client_is_needed = false;     ///< Until all calls are over.
        bool calls_are_cancellable = true; ///< From outside.
    };

    void live(Grounds& grounds, const std::shared_ptr<Life>& life, Dice& dice)
    {
        Surroundings around{life, [&] { return grounds.any(dice); }};
        std::optional<Client> client{std::in_place, grounds.any(dice), config(dice, observer_)};
        std::optional<Authenticator> authenticator;
        if (dice.chance(300))
            authenticator.emplace(grounds.any(dice), config(dice, observer_));

        const std::uint64_t rounds = 1 + dice.below(3);
        for (std::uint64_t round = 0; round < rounds; ++round) {
            begin_calls(around, *client, authenticator ? &*authenticator : nullptr, dice);
            pass_time(dice);
            disturb(around, *client, dice);
            if (dice.chance(200)) {
                begin_call(around, *shared_client_, dice);
                begin_authentication(around, *shared_authenticator_, dice);
            }
        }
        if (dice.chance(100) && !around.client_is_needed) {
            Client moved{std::move(*client)};
            client.emplace(std::move(moved));
        }
        if (around.client_is_needed || dice.chance(400)) {
            if (dice.chance(300))
                client->close();
            life->await_end();
        }
        pass_time(dice);
        if (dice.chance(500))
            authenticator.reset();
        client.reset();
        authenticator.reset();
        life->await_end();
        end_quietly(around);
    }

    /// A context that comes and goes with its client, and may take calls along.
    void live_on_own_ground(const std::shared_ptr<Life>& life, Dice& dice)
    {
        const std::size_t thread_count = dice.below(3);
        const bool is_stopped = thread_count == 0 || dice.chance(700);
        {
            asio::io_context own;
            auto guard = asio::make_work_guard(own);
            std::vector<std::thread> threads;
            for (std::size_t i = 0; i < thread_count; ++i)
                threads.emplace_back([&] { own.run(); });
            Surroundings around{life, [&] { return own.get_executor(); }};
            // A signal refers to the context, and what is on the context to the signal: neither could go first.
            around.calls_are_cancellable = !is_stopped;
            std::optional<Client> client{std::in_place, own, config(dice, observer_on_own_ground_)};
            std::optional<Authenticator> authenticator;
            if (dice.chance(300))
                authenticator.emplace(own, config(dice, observer_on_own_ground_));
            begin_calls(around, *client, authenticator ? &*authenticator : nullptr, dice);
            for (std::uint64_t step = dice.below(40); thread_count == 0 && step > 0; --step)
                own.poll_one();
            pass_time(dice);
            disturb(around, *client, dice);
            if (is_stopped) {
                own.stop();
            } else {
                life->await_end();
                end_quietly(around);
            }
            guard.reset();
            if (!is_stopped)
                client.reset(); // its connections may keep the context at work
            for (std::thread& thread : threads)
                thread.join();
        }
        life->await_end();
    }

    void begin_calls(Surroundings& around, Client& client, Authenticator* authenticator, Dice& dice)
    {
        for (std::uint64_t calls = 1 + dice.below(6); calls > 0; --calls) {
            switch (dice.below(12)) {
            case 0:
                begin_batch(around, client, dice);
                break;
            case 1:
            case 2:
                if (authenticator)
                    begin_authentication(around, *authenticator, dice);
                break;
            default:
                begin_call(around, client, dice);
            }
        }
    }

    void begin_call(Surroundings& around, Client& client, Dice& dice)
    {
        const auto operation = static_cast<Operation>(dice.below(operation_count));
        // Reads are shared where several ask for the same.
        const std::size_t user = operation == Operation::coalesced ? dice.below(2) : dice.below(1000);
        CallOptions options;
        if (dice.chance(100))
            options.timeout(milliseconds{dice.below(5)});
        ask(client, operation, user, options, dice.chance(50), [&](auto call, auto is_own) {
            if (dice.chance(30))
                return; // it is never awaited
            begin(around, name_of(operation), std::move(call), is_own, dice);
        });
    }

    void begin_authentication(Surroundings& around, Authenticator& authenticator, Dice& dice)
    {
        const std::size_t user = dice.below(UnsteadyServer::token_users);
        const std::string& token = server_.token(dice.below(UnsteadyServer::token_keys), user);
        const auto is_own = [user](const Claims& claims) { return claims.user_id == id_of(user); };
        if (dice.chance(500))
            begin(around, "authenticate", authenticator.authenticate(token), is_own, dice);
        else
            begin(around, "authenticate_request",
                  dice.chance(500) ? authenticator.authenticate_request("Bearer " + token, "")
                                   : authenticator.authenticate_request("", "psg_auth_token=" + token),
                  is_own, dice);
    }

    void begin_batch(Surroundings& around, Client& client, Dice& dice)
    {
        around.client_is_needed = true;
        std::vector<std::string> ids;
        std::vector<CreateUserRequest> creations;
        std::vector<std::pair<std::string, UpdateUserRequest>> updates;
        for (std::size_t user = 0; user < 4; ++user) {
            ids.push_back(id_of(user));
            creations.push_back(creation(user, dice.chance(50)));
            updates.emplace_back(id_of(user), update(dice.chance(50)));
        }
        BatchOptions options;
        options.window(1 + dice.below(4));
        if (dice.chance(300))
            options.deadline(Clock::now() + milliseconds{dice.below(10)});
        const auto is_own = [](const auto& results) { return results.size() == 4; };
        switch (dice.below(5)) {
        case 0:
            return begin(around, "get_users", wrapped(get_users(client, ids, options)), is_own, dice);
        case 1:
            return begin(around, "delete_users", wrapped(delete_users(client, ids, options)), is_own, dice);
        case 2:
            return begin(around, "create_users", wrapped(create_users(client, creations, options)), is_own, dice);
        case 3:
            return begin(around, "update_users", wrapped(update_users(client, updates, options)), is_own, dice);
        default:
            break;
        }
        auto all = for_each(
            ids, [&client](const std::string& id, const CallOptions& each) { return client.get_user(id, each); },
            [](std::size_t, const expected<UserInfo>&) {}, options);
        begin(
            around, "for_each", wrapped(std::move(all)), [](const BatchSummary&) { return true; }, dice);
    }

    template <class T>
    static asio::awaitable<expected<T>> wrapped(asio::awaitable<T> batch)
    {
        co_return co_await std::move(batch);
    }

    /// Has a call awaited in one way or another.
    template <class Result, class IsOwn>
    void begin(Surroundings& around, const char* name, asio::awaitable<Result> call, IsOwn is_own, Dice& dice)
    {
        Part part{around.life, around.life->begin(name)};
        const asio::any_io_executor executor = around.ground();
        switch (dice.below(around.calls_are_cancellable ? 4 : 2)) {
        case 0: // by a coroutine that keeps to no strand
            asio::co_spawn(executor, await(std::move(call), is_own), std::move(part));
            break;
        case 1:
            asio::co_spawn(asio::make_strand(executor),
                           await_or_give_up(std::move(call), is_own, microseconds{dice.below(3'000)}), std::move(part));
            break;
        default: {
            const auto& place = around.cancellables.emplace_back(std::make_unique<Cancellable>(executor));
            asio::co_spawn(place->strand, await(std::move(call), is_own),
                           asio::bind_cancellation_slot(place->signal.slot(), std::move(part)));
        }
        }
    }

    template <class Result, class IsOwn>
    static asio::awaitable<std::string> await(asio::awaitable<Result> call, IsOwn is_own)
    {
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
        co_await asio::this_coro::throw_if_cancelled(false);
        const Result result = co_await std::move(call);
        co_return kind_of(result, is_own);
    }

    template <class Result, class IsOwn>
    static asio::awaitable<std::string> await_or_give_up(asio::awaitable<Result> call, IsOwn is_own, microseconds after)
    {
        asio::steady_timer moment{co_await asio::this_coro::executor, after};
        const std::variant<Result, std::monostate> first =
            co_await (std::move(call) || moment.async_wait(asio::use_awaitable));
        co_return first.index() == 0 ? kind_of(std::get<0>(first), is_own) : "given up";
    }

    /// What others do to a client and its calls meanwhile.
    void disturb(Surroundings& around, Client& client, Dice& dice)
    {
        constexpr std::array types{asio::cancellation_type::terminal, asio::cancellation_type::partial,
                                   asio::cancellation_type::total, asio::cancellation_type::all};
        for (const auto& cancellable : around.cancellables) {
            if (dice.chance(300))
                asio::post(cancellable->strand,
                           [&one = *cancellable, type = types[dice.below(types.size())]] { one.signal.emit(type); });
        }
        if (client.stats().connections > 3)
            around.life->wrong(0, "too many connections");
        if (dice.chance(100))
            client.close();
    }

    /// What is posted to a strand, and the end of what ran there, is over.
    static void end_quietly(Surroundings& around)
    {
        std::mutex mutex;
        std::condition_variable changed;
        std::size_t left = around.cancellables.size();
        for (const auto& cancellable : around.cancellables) {
            asio::post(cancellable->strand, [&] {
                const std::lock_guard lock{mutex};
                --left;
                changed.notify_all();
            });
        }
        std::unique_lock lock{mutex};
        changed.wait(lock, [&] { return left == 0; });
    }

    static void pass_time(Dice& dice)
    {
        if (const std::uint64_t time = dice.below(4) == 0 ? 0 : dice.below(2'000))
            std::this_thread::sleep_for(microseconds{time});
    }

    bool report(double seconds)
    {
        for (const auto& observer : {observer_, observer_on_own_ground_}) {
            // A context may take calls along, which then don't end.
            const bool all_end = observer == observer_;
            if (observer->gone == observer->begun && observer->ended_again == 0 &&
                (all_end ? observer->ended == observer->begun : observer->ended <= observer->begun))
                continue;
            ++tally_.wrong;
            std::printf("  WRONG: an observer%s heard of %llu calls, saw %llu end, %llu end again, and %llu go\n",
                        all_end ? "" : " on a ground of its own", static_cast<unsigned long long>(observer->begun),
                        static_cast<unsigned long long>(observer->ended),
                        static_cast<unsigned long long>(observer->ended_again),
                        static_cast<unsigned long long>(observer->gone));
        }
        if (tally_.ends["success"] * 10 <= tally_.calls) {
            ++tally_.wrong;
            std::printf("  WRONG: hardly a call succeeded\n");
        }
        std::printf(
            "clients, seed %u: %zu came and went in %.1f s with %zu calls, %zu more went with their contexts, %zu "
            "wrong; the server saw %llu requests on %llu connections\n  ends:",
            bounds_.seed, lived_.load(), seconds, tally_.calls, tally_.taken_along, tally_.wrong,
            static_cast<unsigned long long>(server_.requests()),
            static_cast<unsigned long long>(server_.connections()));
        for (const auto& [end, count] : tally_.ends)
            std::printf(" %s %zu", end.c_str(), count);
        std::printf("\n");
        std::fflush(stdout);
        return tally_.wrong == 0;
    }

    void describe_lives() const
    {
        std::printf("  of the clients, seed %u:\n", bounds_.seed);
        for (const std::shared_ptr<Life>& life : lives_) {
            if (life)
                life->describe();
        }
    }

    const Bounds bounds_;
    Names names_;
    UnsteadyServer server_;
    const std::string ca_pem_ = server_.ca_pem();
    const std::shared_ptr<CountingObserver> observer_ = std::make_shared<CountingObserver>();
    const std::shared_ptr<CountingObserver> observer_on_own_ground_ = std::make_shared<CountingObserver>();
    Tally tally_;
    Client* shared_client_ = nullptr;
    Authenticator* shared_authenticator_ = nullptr;
    std::atomic<std::size_t> next_ = 0;
    std::atomic<std::size_t> lived_ = 0;
    std::mutex lives_mutex_;
    std::array<std::shared_ptr<Life>, 12> lives_; ///< By worker.
    Watchdog watchdog_{[this] { describe_lives(); }};
};

} // namespace

bool run_clients(const Bounds& bounds)
{
    return ClientsRun{bounds}();
}

} // namespace passage::stress
