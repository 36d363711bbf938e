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

/// A state machine that decides which key verifies a token, and when keys are fetched. The caller performs the fetches.
class KeyCache
{
public:
    using Time = std::chrono::steady_clock::time_point;

    explicit KeyCache(const KeyRules& rules) noexcept : rules_{rules} {}

    /// What the caller must do for a token.
    struct Answer
    {
        enum class Next {
            use,         ///< Verify the token with `key`.
            wait,        ///< Call `find` again when the fetch is over.
            unknown,     ///< Refuse the token: there is no such key.
            unavailable, ///< Fail with `last_failure`: there are no keys to verify the token with.
        };
        Next next = Next::unavailable;
        bool fetch = false;                      ///< Call `begin_fetch` and start a fetch.
        std::shared_ptr<const KeySet> keys = {}; ///< Keeps `key` valid.
        const PublicKey* key = nullptr;
    };
    Answer find(std::string_view key_id, Time now) const;

    /// A fetch begins. Must be followed by `fetched` or `failed`; `find` asks for no other fetch until then.
    void begin_fetch() noexcept { fetching_ = true; }
    void fetched(KeySet keys, Time now);
    void failed(Error error, Time now);

    /// The error of the last fetch; null if it brought keys.
    const std::optional<Error>& last_failure() const noexcept { return failure_; }

private:
    /// Whether a fetch may begin, given the time that must pass since the last one.
    bool may_fetch(Time now, std::chrono::steady_clock::duration interval) const noexcept
    {
        return !fetching_ && (!last_end_ || now - *last_end_ >= interval);
    }

    KeyRules rules_;
    std::shared_ptr<const KeySet> keys_;
    Time fetched_at_; ///< When `keys_` were fetched.
    bool fetching_ = false;
    std::optional<Time> last_end_; ///< When the last fetch succeeded or failed.
    std::optional<Error> failure_;
};

} // namespace passage::jwt
