#pragma once

#include "policy/attempt.hpp"

#include <chrono>

namespace passage::policy {

using std::chrono::milliseconds;

/// How often and how fast failed attempts are retried.
struct RetryRules
{
    unsigned max_attempts;
    milliseconds base;
    milliseconds throttled_base;
    milliseconds cap;
};

/// Token bucket limiting the retries of a client while the service fails. Retries take tokens, successes return them.
/// Retries of requests that were never sent are free.
class RetryBudget
{
public:
    /// Takes the tokens for a retry and returns their number; 0 if there are not enough.
    int take(bool throttled) noexcept;
    /// Returns tokens after a success. `taken` is the number that the last retry took, 0 if there was none.
    void give_back(int taken) noexcept;

private:
    static constexpr int capacity = 500;
    static constexpr int retry_cost = 14;
    static constexpr int throttled_cost = 5;
    static constexpr int success_refund = 1;

    int tokens_ = capacity;
};

/// The longest back-off after `attempts` attempts: base · 2^(attempts - 1), but no more than the cap.
milliseconds backoff_ceiling(const RetryRules& rules, unsigned attempts, bool throttled) noexcept;

/// What to do after a failed attempt.
struct Decision
{
    enum class Next {
        stop,        ///< End the call with this failure.
        replay,      ///< Retry at once on a new connection, without counting an attempt.
        repeat,      ///< Retry after `wait`.
        out_of_time, ///< End the call: the service throttles, and asks for a wait beyond the deadline.
    };
    Next next = Next::stop;
    milliseconds wait{0};
    /// Tokens that the retry took from the budget.
    int taken = 0;
    /// The response may belong to another request. Retry only if no further response is received on the connection
    /// during the wait, which would prove it.
    bool if_in_step = false;
};

/// What a decision depends on besides the attempt.
struct Situation
{
    bool idempotent;
    bool retries_allowed;
    /// Attempts made so far, the failed one included.
    unsigned attempts;
    /// Replays made so far.
    unsigned replays;
    /// The service responded with 421 before.
    bool misdirected;
    /// Time until the call's deadline.
    milliseconds left;
    /// A random number in [0, 1).
    double random;
};

/// Decides whether a failed attempt is retried. If so, takes tokens from the budget.
Decision decide(const Attempt& attempt, const Situation& situation, const RetryRules& rules,
                RetryBudget& budget) noexcept;

/// Whether the caller may repeat the call later: it may succeed then, and the service can't act twice.
bool is_retryable(const Attempt& attempt, bool idempotent) noexcept;

} // namespace passage::policy
