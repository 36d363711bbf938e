#include "jwt/key_cache.hpp"

#include <utility>

namespace passage::jwt {
namespace {

/// Time between fetches while there are no keys. Short, as callers wait for keys then.
constexpr std::chrono::seconds retry_interval{1};

} // namespace

KeyCache::Answer KeyCache::find(std::string_view key_id, Time now) const
{
    using Next = Answer::Next;
    const auto age = keys_ ? now - fetched_at_ : KeyCache::Time::duration::max();
    if (age >= rules_.lifetime_in_outage) {
        const bool fetch = may_fetch(now, retry_interval);
        return {fetch || fetching_ ? Next::wait : Next::unavailable, fetch};
    }

    const bool may_refetch = may_fetch(now, rules_.refetch_interval);
    if (const PublicKey* key = keys_->find(key_id)) {
        // Refetched before they expire, so that no caller has to wait.
        if (age < rules_.lifetime)
            return {Next::use, age >= rules_.lifetime / 5 * 4 && may_refetch, keys_, key};
        // In an outage callers do not wait either: each would wait until the fetch times out.
        if (failure_)
            return {Next::use, may_refetch, keys_, key};
        return {Next::wait, !fetching_};
    }
    if (fetching_ || may_refetch)
        return {Next::wait, !fetching_};
    return {failure_ ? Next::unavailable : Next::unknown};
}

void KeyCache::fetched(KeySet keys, Time now)
{
    if (keys.size() == 0) { // Former keys are withdrawn, but without any key no token can be called wrong.
        keys_ = nullptr;
        return failed(Error{Errc::decode, "the set has no key that can verify tokens"}, now);
    }
    keys_ = std::make_shared<const KeySet>(std::move(keys));
    fetched_at_ = now;
    fetching_ = false;
    last_end_ = now;
    failure_.reset();
}

void KeyCache::failed(Error error, Time now)
{
    fetching_ = false;
    last_end_ = now;
    failure_ = std::move(error);
}

} // namespace passage::jwt
