#include "dice.hpp"
#include "lying_server.hpp"
#include "operations.hpp"
#include "runs.hpp"
#include "support/canary.hpp"
#include "watchdog.hpp"

#include <passage/passage.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <deque>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace passage::stress {
namespace {

using namespace asio::experimental::awaitable_operators;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::array<unsigned, operation_count> weights{30, 8, 15, 8, 3, 3, 8, 4, 4, 4, 4, 2, 4, 3, 3}; // of 103

/// A call, and what its caller was told.
struct Record
{
    enum class State : std::uint8_t { none, begun, succeeded, failed };

    State state = State::none;
    Operation operation = Operation::get;
    bool is_own = true; ///< What came of a success is what was asked for.
    bool once = false;  ///< No retries are allowed.
    bool in_batch = false;
    Errc code{};
    Effect effect = Effect::none;
    int status = 0;
    std::string text; ///< Of the error.
};

/// What the ledger has of a call.
struct Account
{
    unsigned requests = 0;
    unsigned look_ups = 0; ///< Not among the requests.
    unsigned refused = 0;  ///< Of the requests: throttled or misdirected, so that they may be sent again.
    unsigned acted = 0;    ///< Of the requests.
    bool spoiled = false;
    bool out_of_turn = false; ///< It may have been given another one's answer, such as an error that names nobody.
};

void rethrow(std::exception_ptr error)
{
    if (error)
        std::rethrow_exception(error);
}

/// Calls of several clients with small pools on two threads. Each call is about a number of its own, and is checked
/// against the server's ledger when all are over.
class LiarRun
{
public:
    LiarRun(bool secure, HttpVersion version, std::size_t calls, const Bounds& bounds)
        : secure_{secure},
          version_{version},
          end_{bounds.end},
          seed_{bounds.seed},
          records_(calls / block_size * block_size),
          server_{secure, version == HttpVersion::http2, records_.size(), bounds.seed}
    {}

    bool operator()()
    {
        const auto begin = Clock::now();
        {
            asio::io_context context{2};
            std::deque<Client> clients;
            for (std::size_t kind = 0; kind < 4; ++kind)
                clients.emplace_back(context, config(kind));
            for (std::size_t i = 0; i < callers; ++i)
                asio::co_spawn(asio::make_strand(context), caller(clients[i % clients.size()]), rethrow);
            std::thread other{[&] { context.run(); }};
            context.run();
            other.join();
        }
        server_.finish();
        return report(std::chrono::duration<double>{Clock::now() - begin}.count());
    }

private:
    static constexpr std::size_t block_size = 4;
    static constexpr std::size_t callers = 192;

    Config config(std::size_t kind) const
    {
        Config config;
        config.app_id = "stress";
        config.api_key = test::canary_api_key;
        config.base_url = server_.base_url();
        config.http_version = version_;
        if (secure_)
            config.tls.ca_pem = server_.ca_pem();
        config.retry.base = milliseconds{1};
        config.retry.throttled_base = milliseconds{1};
        config.timeouts.attempt = std::chrono::seconds{2};
        config.pool.max_connections = std::array<std::size_t, 4>{1, 2, 4, 8}[kind];
        if (kind == 1)
            config.pool.max_lifetime = milliseconds{20};
        if (kind == 2)
            config.pool.idle_timeout = milliseconds{1};
        if (kind == 3)
            config.pool.max_waiting = callers / 4 - 9;
        return config;
    }

    asio::awaitable<void> caller(Client& client)
    {
        for (;;) {
            const std::size_t number = next_.fetch_add(block_size);
            if (number >= records_.size() || Clock::now() >= end_)
                co_return;
            Dice dice{seed_, 4, number};
            if (dice.chance(80)) {
                co_await batch(client, number, dice);
                continue;
            }
            for (std::size_t i = 0; i < block_size; ++i) {
                co_await single(client, number + i);
                if (records_[number + i].code != Errc::pool_timeout)
                    continue;
                asio::steady_timer moment{co_await asio::this_coro::executor,
                                          milliseconds{1}}; // others have their turn
                co_await moment.async_wait(asio::use_awaitable);
            }
        }
    }

    Record& begin(std::size_t number, Operation operation)
    {
        Record& record = records_[number];
        record.state = Record::State::begun;
        record.operation = operation;
        return record;
    }

    template <class Result, class IsOwn>
    void end(std::size_t number, const Result& result, IsOwn is_own)
    {
        Record& record = records_[number];
        record.state = result ? Record::State::succeeded : Record::State::failed;
        if (result) {
            if constexpr (std::is_same_v<Result, expected<void>>)
                record.is_own &= is_own();
            else
                record.is_own &= is_own(*result);
        } else {
            const Error& error = result.error();
            record.code = error.code;
            record.effect = error.effect;
            record.status = error.http_status;
            record.text = passage::to_string(error);
        }
        watchdog_.tick();
    }

    asio::awaitable<void> single(Client& client, std::size_t number)
    {
        Dice dice{seed_, 5, number};
        std::uint64_t at = dice.below(103);
        std::size_t chosen = 0;
        while (at >= weights[chosen])
            at -= weights[chosen++];
        const auto operation = static_cast<Operation>(chosen);
        Record& record = begin(number, operation);

        CallOptions options;
        if (dice.chance(150) && operation != Operation::coalesced)
            options.retries(!(record.once = true));
        if (dice.chance(30))
            options.timeout(milliseconds{dice.below(20)});
        std::optional<microseconds> cancelled_after;
        if (dice.chance(30))
            cancelled_after = microseconds{dice.below(10'000)};

        auto call = ask(client, operation, number, options, dice.chance(50), [&](auto asked, auto is_own) {
            return finish(number, cancelled(std::move(asked), cancelled_after), is_own);
        });
        if (operation != Operation::coalesced) {
            co_await std::move(call);
            co_return;
        }
        auto shared = [&] {
            return ask(client, operation, number, {}, false,
                       [&](auto asked, auto is_own) { return finish(number, std::move(asked), is_own); });
        };
        co_await (std::move(call) && shared() && shared());
    }

    template <class Result, class IsOwn>
    asio::awaitable<void> finish(std::size_t number, asio::awaitable<Result> call, IsOwn is_own)
    {
        const Result result = co_await std::move(call);
        end(number, result, is_own);
    }

    asio::awaitable<void> batch(Client& client, std::size_t first, Dice& dice)
    {
        constexpr std::array operations{Operation::get, Operation::erase, Operation::create, Operation::update};
        const Operation operation = operations[dice.below(operations.size())];
        std::vector<std::string> ids;
        std::vector<CreateUserRequest> creations;
        std::vector<std::pair<std::string, UpdateUserRequest>> updates;
        for (std::size_t i = 0; i < block_size; ++i) {
            begin(first + i, operation).in_batch = true;
            ids.push_back(id_of(first + i));
            creations.push_back(creation(first + i, dice.chance(50)));
            updates.emplace_back(ids.back(), update(dice.chance(50)));
        }
        BatchOptions options;
        options.window(1 + dice.below(block_size));
        if (operation == Operation::erase) {
            const auto results = co_await delete_users(client, ids, options);
            for (std::size_t i = 0; i < block_size; ++i)
                end(first + i, results.at(i), [] { return true; });
            co_return;
        }
        auto call = operation == Operation::get      ? get_users(client, ids, options)
                    : operation == Operation::create ? create_users(client, creations, options)
                                                     : update_users(client, updates, options);
        const auto results = co_await std::move(call);
        for (std::size_t i = 0; i < block_size; ++i)
            end(first + i, results.at(i),
                [&](const UserInfo& user) { return user.email == email_of(first + i) && user.id == id_of(first + i); });
    }

    /// Cancels a call after a time, and yields what comes of it.
    template <class T>
    static asio::awaitable<expected<T>> cancelled(asio::awaitable<expected<T>> call, std::optional<microseconds> after)
    {
        if (!after)
            co_return co_await std::move(call);
        const auto executor = co_await asio::this_coro::executor;
        asio::cancellation_signal signal;
        asio::steady_timer ended{executor, Clock::time_point::max()};
        std::optional<expected<T>> result;
        asio::co_spawn(executor, std::move(call),
                       asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, expected<T> value) {
                           rethrow(error);
                           result.emplace(std::move(value));
                           ended.cancel();
                       }));
        asio::steady_timer moment{executor, *after};
        co_await moment.async_wait(asio::use_awaitable);
        signal.emit(asio::cancellation_type::terminal);
        boost::system::error_code ignored;
        if (!result)
            co_await ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        co_return *std::move(result);
    }

    void wrong(std::size_t number, const char* what)
    {
        ++wrong_;
        if (++kinds_of_wrong_[what] > 2)
            return;
        std::printf("  WRONG, call %zu (%s%s%s): %s\n    ", number, name_of(records_[number].operation),
                    records_[number].once ? ", no retries" : "", records_[number].in_batch ? ", in a batch" : "", what);
        describe(records_[number]);
        const std::vector<Entry>& ledger = server_.ledger();
        for (auto entry = ledger.begin(); entry != ledger.end(); ++entry) {
            if (entry->number != number)
                continue;
            std::printf("    ledger: %s\n", to_string(*entry).c_str());
            const auto before = std::find_if(std::reverse_iterator{entry}, ledger.rend(), [&](const Entry& earlier) {
                return earlier.connection == entry->connection;
            });
            if (before != ledger.rend())
                std::printf("      before it, call %u: %s\n", before->number, to_string(*before).c_str());
        }
    }

    static void describe(const Record& record)
    {
        if (record.state != Record::State::failed)
            std::printf("%s\n", record.state == Record::State::succeeded ? "succeeded" : "under way");
        else
            std::printf("failed: %s\n", record.text.c_str());
    }

    void describe_calls_under_way() const
    {
        std::printf("  of the liar over %s, seed %u:\n", name(), seed_);
        for (std::size_t number = 0; number < records_.size(); ++number) {
            if (records_[number].state == Record::State::begun)
                std::printf("  call %zu (%s) is under way\n", number, name_of(records_[number].operation));
        }
    }

    const char* name() const
    {
        if (version_ == HttpVersion::http2)
            return secure_ ? "HTTP/2 and TLS" : "HTTP/2";
        return secure_ ? "TLS" : "plain HTTP";
    }

    void check(std::size_t number, const Account& account)
    {
        const Record& record = records_[number];
        const bool creates = record.operation == Operation::create || record.operation == Operation::link;
        if (record.state == Record::State::begun)
            wrong(number, "never ended");
        if (account.spoiled)
            wrong(number, "was sent on a connection with surplus bytes");
        if (creates && account.acted > 1)
            wrong(number, "was done more than once");
        if (creates && account.requests > 1 + account.refused)
            wrong(number, "may act twice, and was sent more than once");
        if (record.once && record.operation != Operation::range && (account.requests > 1 || account.look_ups > 1))
            wrong(number, "was repeated against the caller's will");
        // Lists and devices name nothing that was asked for, and each call asks for the same app.
        const bool shows_lies = record.operation < Operation::erase || record.operation == Operation::link ||
                                record.operation == Operation::coalesced;
        if (!record.is_own && shows_lies)
            wrong(number, "another one's answer");
        else if (!record.is_own)
            count_unproven(number);

        // What a read does is nothing to speak of where it takes several requests, or shares them.
        const bool is_single = record.operation != Operation::coalesced && record.operation != Operation::range &&
                               record.operation != Operation::find;
        const bool claims_none = record.state == Record::State::failed && record.effect == Effect::none;
        const bool claims_done = record.state == Record::State::succeeded ||
                                 (record.state == Record::State::failed && record.effect == Effect::done);
        if (is_single && claims_none && account.acted > 0 && account.out_of_turn)
            count_unproven(number);
        else if (is_single && claims_none && account.acted > 0)
            wrong(number, "said to have no effect, and was done");
        if (claims_done && account.acted == 0 && (is_single || record.state == Record::State::succeeded)) {
            if (shows_lies && record.state == Record::State::succeeded)
                wrong(number, "said to be done, and was not");
            else
                count_unproven(number);
        }
    }

    /// A call that took an answer out of turn for its own, and could not know better.
    void count_unproven(std::size_t number)
    {
        if (++unproven_ > server_.late_answers())
            wrong(number, "not its own answer; there were fewer answers out of turn than such calls");
    }

    bool report(double seconds)
    {
        std::vector<Account> accounts(records_.size());
        for (const Entry& entry : server_.ledger()) {
            Account& account = accounts[entry.number];
            account.spoiled |= entry.spoiled;
            account.out_of_turn |= entry.out_of_turn;
            if (entry.looks_up) {
                ++account.look_ups;
                continue;
            }
            ++account.requests;
            account.refused += entry.refused || entry.lie == Lie::throttled || entry.lie == Lie::misdirected;
            account.acted += entry.acted;
        }

        std::size_t ended = 0;
        std::size_t succeeded = 0;
        std::map<std::string, std::size_t> failures;
        for (std::size_t number = 0; number < records_.size(); ++number) {
            const Record& record = records_[number];
            if (record.state == Record::State::none)
                continue;
            check(number, accounts[number]);
            ++ended;
            if (record.state == Record::State::succeeded)
                ++succeeded;
            else
                ++failures[record.code == Errc::api ? std::to_string(record.status)
                                                    : make_error_code(record.code).message()];
        }
        for (const auto& [what, count] : kinds_of_wrong_)
            std::printf("  WRONG, %zu in all: %s\n", count, what.c_str());
        if (succeeded * 2 <= ended) {
            ++wrong_;
            std::printf("  WRONG: most calls failed\n");
        }

        std::printf("liar over %s, seed %u: %zu calls in %.1f s, %zu succeeded, %zu wrong; the server saw %zu requests "
                    "on %u connections\n  lies:",
                    name(), seed_, ended, seconds, succeeded, wrong_, server_.ledger().size(), server_.connections());
        for (std::size_t i = 1; i < lie_count; ++i)
            std::printf(" %s %llu", std::string{to_string(static_cast<Lie>(i))}.c_str(),
                        static_cast<unsigned long long>(server_.count(static_cast<Lie>(i))));
        std::printf("\n  %zu calls can't be told from ones that got an answer out of turn, of which there were %llu\n"
                    "  failures:",
                    unproven_, static_cast<unsigned long long>(server_.late_answers()));
        for (const auto& [kind, count] : failures)
            std::printf(" %s %zu", kind.c_str(), count);
        std::printf("\n");
        std::fflush(stdout);
        return wrong_ == 0;
    }

    const bool secure_;
    const HttpVersion version_;
    const Clock::time_point end_;
    const std::uint32_t seed_;
    std::vector<Record> records_;
    std::atomic<std::size_t> next_ = 0;
    std::size_t wrong_ = 0;
    std::map<std::string, std::size_t> kinds_of_wrong_;
    std::size_t unproven_ = 0;
    LyingServer server_;
    Watchdog watchdog_{[this] { describe_calls_under_way(); }};
};

} // namespace

bool run_liar(const Bounds& bounds)
{
    bool good = true;
    for (const HttpVersion version : bounds.versions)
        for (const bool secure : {true, false})
            good = LiarRun{secure, version, bounds.calls / 2 / bounds.versions.size(), bounds}() && good;
    return good;
}

} // namespace passage::stress
