// Shared reads and fetches of keys during which the Nth allocation fails, for every N.

#include "driver.hpp"
#include "scarce_memory.hpp"
#include "support/token_signer.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <utility>
#include <vector>

using namespace passage;
using namespace passage::test;
using namespace passage::test::scarce_memory;
using namespace std::chrono_literals;

namespace {

/// The waiting callers: two on the client's context, of which one is cancelled, and one on another context.
constexpr std::size_t callers = 3;

/// How callers' coroutines ended.
struct Ends
{
    std::array<int, callers> completions{};
    std::size_t cancelled = 0;
    std::size_t good = 0;
    std::vector<Error> errors; ///< Other than of cancellation.
    bool thrown = false;       ///< Out of a context, or out of a coroutine.
    bool thrown_by_run = false;
    std::weak_ptr<int> alive;
    /// Of the second caller; what it emits may come after the caller has ended.
    std::unique_ptr<asio::cancellation_signal> signal = std::make_unique<asio::cancellation_signal>();

    bool all_completed() const
    {
        return std::ranges::all_of(completions, [](int times) { return times == 1; });
    }
};

/// Awaits `make()` by each caller while the nth allocation fails. The server holds its first answer back until one of
/// them is cancelled.
template <class Make>
Ends run_with_failure(Driver& driver, long n, const Make& make)
{
    asio::io_context& context = driver.context();
    Ends ends;
    asio::io_context other;
    {
        const auto witness = std::make_shared<int>();
        ends.alive = witness;
        context.restart();
        allocations_left = n;
        try {
            for (std::size_t i = 0; i < callers; ++i)
                asio::co_spawn(
                    i == 2 ? other : context, make(),
                    asio::bind_cancellation_slot(i == 1 ? ends.signal->slot() : asio::cancellation_slot{},
                                                 [&ends, i, witness](std::exception_ptr error, const auto& result) {
                                                     ++ends.completions[i];
                                                     ends.thrown = ends.thrown || error;
                                                     ends.good += !error && result.has_value();
                                                     if (error || result)
                                                         return;
                                                     if (is_cancelled(result.error()))
                                                         ++ends.cancelled;
                                                     else
                                                         ends.errors.push_back(result.error());
                                                 }));
        } catch (const std::bad_alloc&) {
            ends.thrown = true;
        }
    }
    // Runs until no caller waits, and ignores exceptions thrown out of the contexts.
    bool emitted = false;
    while (!ends.alive.expired()) {
        try {
            other.restart();
            context.restart();
            std::size_t ran = other.poll();
            if (!std::exchange(emitted, true)) {
                ran += context.poll();
                driver.server().release();
                ends.signal->emit(asio::cancellation_type::terminal);
            }
            ran += context.run_one();
            if (ran == 0) {
                BOOST_ERROR("somebody waits for nothing");
                break;
            }
        } catch (const std::bad_alloc&) {
            ends.thrown = ends.thrown_by_run = true;
        }
    }
    return ends;
}

void check(const Ends& ends, bool failed)
{
    // Each caller has a result, or there was an exception.
    for (const int times : ends.completions)
        BOOST_TEST(times <= 1);
    BOOST_TEST((ends.thrown || ends.all_completed()));
    // A lack of memory has no other error, unless there was no memory to report it.
    for (const Error& error : ends.errors)
        BOOST_TEST((failed && ends.thrown_by_run), error);
    if (!failed) {
        BOOST_TEST(!ends.thrown);
        BOOST_TEST(ends.good == 2u);
        BOOST_TEST(ends.cancelled == 1u);
    }
}

void fail_every_allocation_of_shared_reads(HttpVersion version)
{
    takes_part = true;
    Driver driver{true, version};
    asio::io_context& context = driver.context();
    const Script holding = driver.holding(R"({"user":{"id":"subject"}})");
    count_case();
    bool failed = true;
    long n = 0;
    for (; failed; ++n) {
        BOOST_TEST_CONTEXT("allocation " << n)
        {
            count_run();
            const std::size_t descriptors = open_descriptors();
            driver.plan(std::vector<Script>(4, holding));
            Config config = driver.config();
            config.timeouts.total = 500ms;
            std::optional<Client> client{std::in_place, context, config};
            if (version == HttpVersion::http2) // to connect is the same as over HTTP/1.1
                BOOST_TEST(driver.run(get(*client, "warm")).id == "warm");

            const Ends ends = run_with_failure(driver, n, [&] { return client->coalesced_get_user("subject"); });
            failed = allocations_left < 0;
            allocations_left = -1;
            check(ends, failed);

            // A later read makes a new request, or joins one that ends in time although its dial may have lacked
            // memory.
            const auto read_again = [](Client& by) -> asio::awaitable<Result> {
                const auto user = co_await by.coalesced_get_user("subject");
                co_return user ? Result{user->id, {}} : Result{{}, user.error()};
            };
            const Result again = driver.run(read_again(*client));
            BOOST_TEST((again.id == "subject" || (failed && again.is(Errc::timeout))));
            client.reset();
            context.restart();
            context.run();
            BOOST_TEST(driver.server().finish() == "");
            BOOST_TEST(open_descriptors() == descriptors);
        }
    }
    BOOST_TEST(n > 3);
    takes_part = false;
}

void fail_every_allocation_of_a_fetch_of_keys(HttpVersion version)
{
    takes_part = true;
    Driver driver{true, version};
    asio::io_context& context = driver.context();
    const TokenSigner signer{"k1"};
    const std::string token = signer.sign(R"({"aud":"app","exp":4000000000,"sub":"u"})");
    const Script holding = driver.holding(key_set({signer.jwk()}));
    count_case();
    bool failed = true;
    long n = 0;
    for (; failed; ++n) {
        BOOST_TEST_CONTEXT("allocation " << n)
        {
            count_run();
            const std::size_t descriptors = open_descriptors();
            driver.plan(std::vector<Script>(4, holding));
            Config config = driver.config();
            config.auth_url = config.base_url;
            config.timeouts.total = 500ms;
            std::optional<Authenticator> authenticator{std::in_place, context, config};

            const Ends ends = run_with_failure(driver, n, [&] { return authenticator->authenticate(token); });
            failed = allocations_left < 0;
            allocations_left = -1;
            check(ends, failed);

            // Nothing is left that would keep a later caller waiting; keys may be fetched again a second after a
            // failure.
            std::optional<expected<Claims>> again;
            authenticator->authenticate(token, [&](expected<Claims> claims) { again.emplace(std::move(claims)); });
            context.restart();
            while (!again && context.run_one() > 0) {
            }
            BOOST_TEST_REQUIRE(again.has_value());
            if (!*again) {
                // If memory ran out before the fetch, the server holds back the answer to this one.
                const Error& error = again->error();
                const bool is_held = error.message.find("timeout") != std::string::npos;
                BOOST_TEST((failed && (error.code == Errc::no_memory || is_held)), error);
            }
            authenticator.reset();
            context.restart();
            context.run();
            BOOST_TEST(driver.server().finish() == "");
            BOOST_TEST(open_descriptors() == descriptors);
        }
    }
    BOOST_TEST(n > 3);
    takes_part = false;
}

} // namespace

BOOST_AUTO_TEST_CASE(every_allocation_of_shared_reads_may_fail)
{
    for (const HttpVersion version : versions)
        BOOST_TEST_CONTEXT(name_of(version))
    fail_every_allocation_of_shared_reads(version);
}

BOOST_AUTO_TEST_CASE(every_allocation_of_a_fetch_of_keys_may_fail)
{
    for (const HttpVersion version : versions)
        BOOST_TEST_CONTEXT(name_of(version))
    fail_every_allocation_of_a_fetch_of_keys(version);
}
