#pragma once

#include "jwt/key_set.hpp"

#include <passage/error.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>

namespace passage::jwt {

/// How long keys are used, and how often they are fetched.
struct KeyRules
{
    std::chrono::steady_clock::duration lifetime;
    std::chrono::steady_clock::duration lifetime_in_outage;
    std::chrono::steady_clock::duration refetch_interval;
};

/// Decides by which key a token is checked, and when keys are fetched. A state machine: it fetches nothing itself.
class KeyCache
{
public:
    using Time = std::chrono::steady_clock::time_point;

    explicit KeyCache(const KeyRules& rules) noexcept : rules_{rules} {}

    /// What is to be done for a token that names a key.
    struct Answer
    {
        enum class Next {
            use,         ///< Check it with `key`.
            wait,        ///< Ask again when the fetch is over.
            unknown,     ///< Refuse it: there is no such key.
            unavailable, ///< Refuse to say: keys can't be had, for `last_failure`.
        };
        Next next = Next::unavailable;
        bool fetch = false;                      ///< A fetch is due: `begin_fetch`, and see to it.
        std::shared_ptr<const KeySet> keys = {}; ///< Keeps `key` valid.
        const PublicKey* key = nullptr;
    };
    Answer find(std::string_view key_id, Time now) const;

    /// A fetch begins; it ends in `fetched` or `failed`. None other is due until then.
    void begin_fetch() noexcept { fetching_ = true; }
    void fetched(KeySet keys, Time now);
    void failed(Error error, Time now);

    /// Why the last fetch failed; none if it did not.
    const std::optional<Error>& last_failure() const noexcept { return failure_; }

private:
    /// Whether a fetch may be made that is not the first.
    bool may_fetch(Time now, std::chrono::steady_clock::duration interval) const noexcept
    {
        return !fetching_ && (!last_end_ || now - *last_end_ >= interval);
    }

    KeyRules rules_;
    std::shared_ptr<const KeySet> keys_;
    Time fetched_at_; ///< When `keys_` came.
    bool fetching_ = false;
    std::optional<Time> last_end_; ///< Of the last fetch, whatever came of it.
    std::optional<Error> failure_;
};

} // namespace passage::jwt
