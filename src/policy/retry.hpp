#pragma once

#include "policy/attempt.hpp"

#include <chrono>

namespace passage::policy {

using std::chrono::milliseconds;

/// When and how fast failed attempts are repeated.
struct RetryRules
{
    unsigned max_attempts;
    milliseconds base;
    milliseconds throttled_base;
    milliseconds cap;
};

/// How many retries a client affords while the service fails: a bucket that retries empty and successes fill. Retries
/// of what the service never saw are free.
class RetryBudget
{
public:
    /// Takes what a retry costs and returns it; 0 if there is not enough.
    int take(bool throttled) noexcept;
    /// A call succeeded; `taken` is what its last retry took, 0 if it had none.
    void give_back(int taken) noexcept;

private:
    static constexpr int capacity = 500;
    static constexpr int retry_cost = 14;
    static constexpr int throttled_cost = 5;
    static constexpr int success_refund = 1;

    int tokens_ = capacity;
};

/// The longest wait before attempt `attempts` + 1: base · 2^(attempts - 1), at most the cap.
milliseconds backoff_ceiling(const RetryRules& rules, unsigned attempts, bool throttled) noexcept;

/// What follows on a failed attempt.
struct Decision
{
    enum class Next {
        stop,        ///< The failure is the call's result.
        replay,      ///< At once, on a new connection; costs no attempt. Without retries, only if nothing was sent.
        repeat,      ///< After `wait`.
        out_of_time, ///< The service throttles, and asks for a wait that passes the deadline.
    };
    Next next = Next::stop;
    milliseconds wait{0};
    /// What a repetition took from the budget.
    int taken = 0;
    /// The answer may be another request's: the repetition is only safe if nothing by the end of the wait shows that it
    /// was.
    bool if_in_step = false;
};

/// All that a decision takes into account, but for the attempt.
struct Situation
{
    bool idempotent;
    bool retries_allowed;
    /// Attempts made so far, the failed one included.
    unsigned attempts;
    /// Replays made so far.
    unsigned replays;
    /// The service answered 421 before.
    bool misdirected;
    /// Until the call's deadline.
    milliseconds left;
    /// From [0, 1).
    double random;
};

/// Decides whether a failed attempt is repeated; takes from the budget if so.
Decision decide(const Attempt& attempt, const Situation& situation, const RetryRules& rules,
                RetryBudget& budget) noexcept;

/// Whether the same call, made anew later, may succeed and can't act twice.
bool is_retryable(const Attempt& attempt, bool idempotent) noexcept;

} // namespace passage::policy
