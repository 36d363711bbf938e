#include "policy/retry.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <iostream>
#include <limits>
#include <set>
#include <vector>

using namespace passage;
using namespace passage::policy;
using namespace std::chrono_literals;
using Next = Decision::Next;

namespace {

constexpr RetryRules rules{3, 50ms, 1s, 20s};
const double below_one = std::nextafter(1.0, 0.0);

/// An empty budget and a full one.
RetryBudget empty_budget()
{
    RetryBudget budget;
    while (budget.take(true) > 0)
        ;
    return budget;
}

const std::vector<Errc> all_kinds{Errc::invalid_argument, Errc::dns,          Errc::connect,  Errc::tls,
                                  Errc::timeout,          Errc::pool_timeout, Errc::protocol, Errc::truncated,
                                  Errc::too_large,        Errc::decode,       Errc::api,      Errc::rate_limited,
                                  Errc::cancelled,        Errc::shut_down};

/// All attempts that differ in some field.
std::vector<Attempt> all_attempts()
{
    std::vector<Attempt> attempts;
    const auto add = [&](Attempt attempt) {
        for (const bool reused : {false, true}) {
            attempt.connection_reused = reused;
            for (const auto& asked : {std::optional<milliseconds>{}, std::optional{0ms}, std::optional{700ms},
                                      std::optional<milliseconds>{24h}}) {
                attempt.retry_after = asked;
                attempts.push_back(attempt);
            }
        }
    };
    for (const Errc kind : all_kinds) {
        for (const bool transient : {false, true}) {
            for (const auto& [sent, begun] : {std::pair{false, false}, std::pair{true, false}, std::pair{true, true}}) {
                Attempt attempt;
                attempt.failure = kind;
                attempt.transient = transient;
                attempt.request_sent = sent;
                attempt.response_begun = begun;
                add(attempt);
            }
        }
    }
    for (int status = 300; status < 600; ++status) {
        Attempt attempt;
        attempt.status = status;
        attempt.request_sent = true;
        attempt.response_begun = true;
        for (const bool in_step : {false, true}) {
            attempt.in_step = in_step;
            add(attempt);
        }
    }
    return attempts;
}

/// Whether the service may have acted or may still act, judged by what was sent and received.
bool may_have_acted(const Attempt& attempt)
{
    const bool is_refused = (attempt.status == 429 || attempt.status == 421) && attempt.in_step;
    return attempt.request_sent && !is_refused;
}

/// The rules again, written as in the table of defaults.
bool worth_repeating(const Attempt& attempt)
{
    static const std::set<int> statuses{408, 429, 500, 502, 503, 504};
    return attempt.failure ? attempt.transient : statuses.contains(attempt.status);
}

Attempt status(int code)
{
    Attempt attempt;
    attempt.status = code;
    attempt.request_sent = attempt.response_begun = true;
    return attempt;
}

Attempt failure(Errc kind, bool sent)
{
    Attempt attempt;
    attempt.failure = kind;
    attempt.transient = true;
    attempt.request_sent = sent;
    return attempt;
}

Situation situation(unsigned attempts = 1)
{
    return {true, true, attempts, 0, false, 30s, 0.5};
}

} // namespace

BOOST_AUTO_TEST_SUITE(retry)

BOOST_AUTO_TEST_CASE(every_situation_is_decided_by_the_rules)
{
    const std::vector<Attempt> attempts = all_attempts();
    const RetryBudget drained = empty_budget();
    std::size_t decisions = 0;
    std::size_t counts[4]{};
    for (const Attempt& attempt : attempts)
        for (const bool idempotent : {false, true})
            for (const bool allowed : {false, true})
                for (const unsigned made : {1u, 2u, 3u, 4u})
                    for (const unsigned replays : {0u, 2u, 3u, 1000u})
                        for (const milliseconds left : {-5ms, 0ms, 1ms, 600ms, 30'000ms})
                            for (const double random : {0.0, 0.5, below_one})
                                for (const bool misdirected : {false, true})
                                    for (const bool has_budget : {false, true}) {
                                        RetryBudget budget = has_budget ? RetryBudget{} : drained;
                                        const Situation at{idempotent,  allowed, made,  replays,
                                                           misdirected, left,    random};
                                        const Decision decision = decide(attempt, at, rules, budget);
                                        ++decisions;
                                        ++counts[static_cast<int>(decision.next)];

                                        const bool safe = idempotent || !may_have_acted(attempt);
                                        const bool dead = attempt.failure == Errc::truncated &&
                                                          attempt.connection_reused && !attempt.response_begun &&
                                                          safe && replays < 3 && (allowed || !attempt.request_sent);
                                        const bool elsewhere = attempt.status == 421 && !misdirected && allowed && safe;
                                        const bool throttled = attempt.status == 429;
                                        const bool again = !dead && allowed && made < 3 && (safe || throttled) &&
                                                           worth_repeating(attempt);
                                        const bool doubtful = throttled && !safe;
                                        const milliseconds ceiling = (throttled ? 1000ms : 50ms) * (made == 1 ? 1 : 2);
                                        const milliseconds least =
                                            std::max(attempt.retry_after.value_or(0ms), doubtful ? 1000ms : 0ms);
                                        const milliseconds wait = std::max(
                                            least, milliseconds{static_cast<int>(random * double(ceiling.count()))});
                                        // Retries of requests that were never sent are free.
                                        const bool free = !attempt.request_sent;
                                        const bool paid = free || has_budget;
                                        const Next expected = dead || elsewhere ? Next::replay
                                                              : !again          ? Next::stop
                                                              : wait < left     ? (paid ? Next::repeat : Next::stop)
                                                              : throttled && attempt.retry_after >= left
                                                                  ? Next::out_of_time
                                                                  : Next::stop;

                                        bool right = decision.next == expected;
                                        if (expected == Next::repeat)
                                            right = right && decision.wait == wait && decision.wait < left &&
                                                    decision.if_in_step == doubtful &&
                                                    decision.taken == (free                    ? 0
                                                                       : attempt.status == 429 ? 5
                                                                                               : 14);
                                        else
                                            right = right && decision.taken == 0;
                                        // No retry takes no tokens.
                                        RetryBudget untouched = has_budget ? RetryBudget{} : drained;
                                        if (expected != Next::repeat || free)
                                            while (untouched.take(true) > 0)
                                                right = right && budget.take(true) > 0;
                                        if (!right)
                                            BOOST_ERROR("status "
                                                        << attempt.status << ", failure "
                                                        << (attempt.failure ? static_cast<int>(*attempt.failure) : 0)
                                                        << ", idempotent " << idempotent << ", attempts " << made
                                                        << ", sent " << attempt.request_sent << ", reused "
                                                        << attempt.connection_reused << ": "
                                                        << static_cast<int>(decision.next) << " and not "
                                                        << static_cast<int>(expected));
                                        // The most important rule.
                                        if (!idempotent && may_have_acted(attempt) &&
                                            ((decision.next == Next::repeat && !decision.if_in_step) ||
                                             decision.next == Next::replay))
                                            BOOST_ERROR("a request that may have been acted upon was repeated");
                                    }
    for (const std::size_t count : counts)
        BOOST_TEST(count > 100u);
    std::cout << "decisions: " << attempts.size() << " attempts, " << decisions << " situations, " << counts[0]
              << " stop, " << counts[1] << " replay, " << counts[2] << " repeat, " << counts[3] << " out of time\n";
}

BOOST_AUTO_TEST_CASE(statuses_are_repeated_as_the_table_says)
{
    struct Case
    {
        int status;
        bool idempotent;
        bool other;
    };
    const Case cases[]{{301, false, false}, {302, false, false}, {304, false, false}, {307, false, false},
                       {400, false, false}, {401, false, false}, {403, false, false}, {404, false, false},
                       {405, false, false}, {408, true, false},  {409, false, false}, {410, false, false},
                       {413, false, false}, {422, false, false}, {425, false, false}, {429, true, true},
                       {451, false, false}, {499, false, false}, {500, true, false},  {501, false, false},
                       {502, true, false},  {503, true, false},  {504, true, false},  {505, false, false},
                       {507, false, false}, {511, false, false}, {599, false, false}};
    for (const Case& test : cases) {
        BOOST_TEST(is_retryable(status(test.status), true) == test.idempotent, test.status);
        BOOST_TEST(is_retryable(status(test.status), false) == test.other, test.status);
    }
}

BOOST_AUTO_TEST_CASE(a_503_with_retry_after_does_not_make_a_creation_repeatable)
{
    Attempt attempt = status(503);
    attempt.retry_after = 1s;
    RetryBudget budget;
    Situation at = situation();
    at.idempotent = false;
    BOOST_TEST((decide(attempt, at, rules, budget).next == Next::stop));
}

BOOST_AUTO_TEST_CASE(a_throttled_creation_waits_as_long_as_it_was_told)
{
    Attempt attempt = status(429);
    attempt.retry_after = 7s;
    RetryBudget budget;
    Situation at = situation();
    at.idempotent = false;
    const Decision decision = decide(attempt, at, rules, budget);
    BOOST_TEST((decision.next == Next::repeat));
    BOOST_TEST((decision.wait == 7s));
}

BOOST_AUTO_TEST_CASE(a_wait_that_passes_the_deadline_is_not_begun)
{
    Attempt attempt = status(429);
    RetryBudget budget;
    for (const milliseconds asked : {30'000ms, 30'001ms, milliseconds{24h}}) {
        attempt.retry_after = asked;
        BOOST_TEST((decide(attempt, situation(), rules, budget).next == Next::out_of_time));
    }
    attempt.retry_after = 29'999ms;
    BOOST_TEST((decide(attempt, situation(), rules, budget).next == Next::repeat));
}

BOOST_AUTO_TEST_CASE(a_dead_idle_connection_costs_no_attempt_and_no_budget)
{
    Attempt attempt = failure(Errc::truncated, true);
    attempt.connection_reused = true;
    RetryBudget drained = empty_budget();
    Situation at = situation(3);
    at.left = 0ms;
    BOOST_TEST((decide(attempt, at, rules, drained).next == Next::replay));
    at.replays = 3;
    BOOST_TEST((decide(attempt, at, rules, drained).next == Next::stop));
}

BOOST_AUTO_TEST_CASE(without_retries_a_request_leaves_at_most_once)
{
    RetryBudget budget;
    constexpr RetryRules one_attempt{1, 50ms, 1s, 20s};
    for (const auto& [retries, its_rules] : {std::pair{false, rules}, std::pair{true, one_attempt}}) {
        Situation at = situation();
        at.retries_allowed = retries;
        Attempt lost = failure(Errc::truncated, true);
        lost.connection_reused = true;
        BOOST_TEST((decide(lost, at, its_rules, budget).next == Next::stop));
        BOOST_TEST((decide(status(421), at, its_rules, budget).next == Next::stop));
        lost.request_sent = false;
        BOOST_TEST((decide(lost, at, its_rules, budget).next == Next::replay));
    }
}

BOOST_AUTO_TEST_CASE(a_misdirected_request_is_sent_on_one_other_connection_whatever_it_is)
{
    RetryBudget drained = empty_budget();
    for (const bool idempotent : {false, true}) {
        Situation at = situation(3);
        at.idempotent = idempotent;
        BOOST_TEST((decide(status(421), at, rules, drained).next == Next::replay));
        at.misdirected = true;
        BOOST_TEST((decide(status(421), at, rules, drained).next == Next::stop));
    }
}

BOOST_AUTO_TEST_CASE(only_a_lost_used_connection_is_dead)
{
    const auto next = [](Attempt attempt, bool idempotent) {
        RetryBudget drained = empty_budget();
        Situation at = situation();
        at.idempotent = idempotent;
        return decide(attempt, at, rules, drained).next;
    };
    Attempt lost = failure(Errc::truncated, true);
    lost.connection_reused = true;
    BOOST_TEST((next(lost, true) == Next::replay));
    BOOST_TEST((next(lost, false) == Next::stop));
    lost.request_sent = false;
    BOOST_TEST((next(lost, false) == Next::replay));

    Attempt begun = failure(Errc::truncated, true);
    begun.connection_reused = begun.response_begun = true;
    BOOST_TEST((next(begun, true) == Next::stop));
    BOOST_TEST((next(failure(Errc::truncated, true), true) == Next::stop)); // a fresh one
    Attempt slow = failure(Errc::timeout, true);
    slow.connection_reused = true;
    BOOST_TEST((next(slow, true) == Next::stop));
}

BOOST_AUTO_TEST_CASE(the_ceiling_doubles_up_to_the_cap)
{
    struct Case
    {
        unsigned attempts;
        bool throttled;
        milliseconds ceiling;
    };
    const Case cases[]{{1, false, 50ms}, {2, false, 100ms}, {3, false, 200ms},  {9, false, 12'800ms}, {10, false, 20s},
                       {11, false, 20s}, {1, true, 1s},     {2, true, 2s},      {5, true, 16s},       {6, true, 20s},
                       {64, false, 20s}, {65, true, 20s},   {1000, false, 20s}, {1000, true, 20s},    {0, false, 50ms}};
    for (const Case& test : cases)
        BOOST_TEST(backoff_ceiling(rules, test.attempts, test.throttled).count() == test.ceiling.count(),
                   test.attempts);
    BOOST_TEST((backoff_ceiling(rules, std::numeric_limits<unsigned>::max(), false) == 20s));
}

BOOST_AUTO_TEST_CASE(no_rules_make_a_wait_overflow)
{
    constexpr auto most = milliseconds::max();
    BOOST_TEST((backoff_ceiling({3, 50ms, 1s, most}, 1000, false) == most));
    BOOST_TEST((backoff_ceiling({3, 50ms, 1s, most}, 1000, true) == most));
    BOOST_TEST((backoff_ceiling({3, most, most, most}, 1000, true) == most));
    BOOST_TEST((backoff_ceiling({3, 0ms, 0ms, 20s}, 1000, false) == 0ms));
    BOOST_TEST((backoff_ceiling({3, 50ms, 1s, 0ms}, 1000, false) == 0ms));
    BOOST_TEST((backoff_ceiling({3, 1s, 1s, 10ms}, 1, false) == 10ms));
    RetryBudget budget;
    Situation at = situation(1000);
    at.random = below_one;
    at.left = most;
    const Decision decision = decide(status(500), at, {2000, 50ms, 1s, most}, budget);
    BOOST_TEST((decision.next == Next::repeat));
    BOOST_TEST((decision.wait > 0ms && decision.wait < most));
}

BOOST_AUTO_TEST_CASE(waits_are_spread_from_nothing_to_the_ceiling)
{
    const auto wait = [](double random) {
        RetryBudget budget;
        Situation at = situation(2);
        at.random = random;
        return decide(status(500), at, rules, budget).wait.count();
    };
    BOOST_TEST(wait(0.0) == 0);
    BOOST_TEST(wait(0.25) == 25);
    BOOST_TEST(wait(0.5) == 50);
    BOOST_TEST(wait(below_one) == 99);
}

BOOST_AUTO_TEST_CASE(one_attempt_means_no_retry)
{
    RetryBudget budget;
    BOOST_TEST((decide(status(429), situation(), {1, 50ms, 1s, 20s}, budget).next == Next::stop));
}

BOOST_AUTO_TEST_CASE(the_budget_drains_and_refills)
{
    RetryBudget budget;
    int taken = 0;
    int retries = 0;
    while (const int cost = budget.take(false)) {
        BOOST_TEST(cost == 14);
        taken += cost;
        ++retries;
    }
    BOOST_TEST(retries == 35);
    BOOST_TEST(taken == 490);
    BOOST_TEST(budget.take(true) == 5); // 10 were left
    BOOST_TEST(budget.take(true) == 5);
    BOOST_TEST(budget.take(true) == 0);

    for (int success = 0; success < 13; ++success)
        budget.give_back(0);
    BOOST_TEST(budget.take(false) == 0);
    budget.give_back(0);
    BOOST_TEST(budget.take(false) == 14);
    budget.give_back(14); // the retry succeeded
    BOOST_TEST(budget.take(false) == 14);
    budget.give_back(5);
    BOOST_TEST(budget.take(true) == 5);
    BOOST_TEST(budget.take(true) == 0);
}

BOOST_AUTO_TEST_CASE(the_budget_never_exceeds_what_it_began_with)
{
    RetryBudget budget;
    for (int success = 0; success < 10'000; ++success)
        budget.give_back(14);
    int retries = 0;
    while (budget.take(false) > 0)
        ++retries;
    BOOST_TEST(retries == 35);
}

BOOST_AUTO_TEST_CASE(a_failing_service_gets_few_more_requests_than_calls)
{
    RetryBudget budget;
    std::size_t requests = 0;
    for (int call = 0; call < 10'000; ++call) {
        unsigned attempts = 0;
        do {
            ++attempts;
            ++requests;
        } while (decide(status(503), situation(attempts), rules, budget).next == Next::repeat);
    }
    BOOST_TEST(requests == 10'035u);
}

BOOST_AUTO_TEST_CASE(the_effect_is_none_only_where_the_service_cannot_have_acted)
{
    for (const Attempt& attempt : all_attempts()) {
        const bool may_be_of_another = (attempt.status == 429 || attempt.status == 421) && !attempt.in_step;
        const bool refused = attempt.status != 0 && attempt.status < 500 && !may_be_of_another;
        const Effect expected = !attempt.request_sent || refused ? Effect::none : Effect::unknown;
        BOOST_TEST((effect_of(attempt) == expected), attempt.status);
    }
}

BOOST_AUTO_TEST_SUITE_END()
