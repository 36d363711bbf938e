#include "policy/retry.hpp"

#include <algorithm>

namespace passage::policy {
namespace {

constexpr int misdirected_request = 421;

constexpr bool is_throttled(const Attempt& attempt) noexcept
{
    return attempt.status == 429;
}

/// Statuses of errors that may be gone on a retry (RFC 9110, section 15).
constexpr bool is_transient_status(int status) noexcept
{
    return status == 408 || status == 500 || status == 502 || status == 503 || status == 504;
}

/// Whether a retry can't make the service act twice.
constexpr bool may_repeat(const Attempt& attempt, bool idempotent) noexcept
{
    return idempotent || refuses_to_process(attempt.status) || (attempt.status == 0 && !attempt.request_sent);
}

/// Whether the response may belong to another request, so that the service may have acted on this one.
constexpr bool is_doubtful(const Attempt& attempt, bool idempotent) noexcept
{
    return attempt.status != 0 && !attempt.in_step && !idempotent;
}

/// Whether the cause of a failure may be temporary.
bool is_passing(const Attempt& attempt) noexcept
{
    return is_throttled(attempt) || is_transient_status(attempt.status) || (attempt.failure && attempt.transient);
}

/// Time in which the missing response is received if the one before belonged to another request.
constexpr milliseconds time_to_show{1000};

} // namespace

int RetryBudget::take(bool throttled) noexcept
{
    const int cost = throttled ? throttled_cost : retry_cost;
    if (tokens_ < cost)
        return 0;
    tokens_ -= cost;
    return cost;
}

void RetryBudget::give_back(int taken) noexcept
{
    tokens_ = std::min(capacity, tokens_ + std::max(taken, success_refund));
}

milliseconds backoff_ceiling(const RetryRules& rules, unsigned attempts, bool throttled) noexcept
{
    milliseconds wait = throttled ? rules.throttled_base : rules.base;
    for (unsigned n = 1; n < attempts && wait < rules.cap; ++n)
        wait = wait < rules.cap / 2 ? 2 * wait : rules.cap;
    return std::min(wait, rules.cap);
}

bool is_retryable(const Attempt& attempt, bool idempotent) noexcept
{
    return is_passing(attempt) && may_repeat(attempt, idempotent) && !is_doubtful(attempt, idempotent);
}

Decision decide(const Attempt& attempt, const Situation& situation, const RetryRules& rules,
                RetryBudget& budget) noexcept
{
    using Next = Decision::Next;

    // The server has probably closed the connection while it was idle: this costs neither an attempt nor tokens.
    // Limited, as a server might do it each time.
    constexpr unsigned max_replays = 3;
    const bool connection_was_dead = attempt.failure == Errc::truncated && attempt.connection_reused &&
                                     !attempt.response_begun && situation.replays < max_replays;
    const bool retries = situation.retries_allowed && rules.max_attempts > 1;
    if (connection_was_dead && may_repeat(attempt, situation.idempotent) && (retries || !attempt.request_sent))
        return {Next::replay};
    // The server did not process the request, but may on another connection (RFC 9110, section 15.5.20).
    if (attempt.status == misdirected_request && !situation.misdirected && retries &&
        !is_doubtful(attempt, situation.idempotent))
        return {Next::replay};

    if (!retries || situation.attempts >= rules.max_attempts || !is_passing(attempt) ||
        !may_repeat(attempt, situation.idempotent))
        return {};

    const bool throttled = is_throttled(attempt);
    const auto ceiling = backoff_ceiling(rules, situation.attempts, throttled);
    milliseconds wait{static_cast<milliseconds::rep>(situation.random * static_cast<double>(ceiling.count()))};
    if (attempt.retry_after)
        wait = std::max(wait, *attempt.retry_after);
    const bool if_in_step = is_doubtful(attempt, situation.idempotent);
    if (if_in_step)
        wait = std::max(wait, time_to_show);
    if (wait >= situation.left) {
        const bool asked = throttled && attempt.retry_after && *attempt.retry_after >= situation.left;
        return {asked ? Next::out_of_time : Next::stop, wait};
    }
    // Retrying a request that was never sent puts no load on the service.
    if (attempt.status == 0 && !attempt.request_sent)
        return {Next::repeat, wait};
    const int taken = budget.take(throttled);
    return taken > 0 ? Decision{Next::repeat, wait, taken, if_in_step} : Decision{};
}

} // namespace passage::policy
