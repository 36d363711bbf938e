#pragma once

#include <passage/detail/build.hpp>

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

namespace passage::detail {

/// A buffer that passes values on in the order of their numbers, which count from 0, regardless of the order in which
/// the values arrive.
template <class T>
class ReorderBuffer
{
public:
    /// Returns the number of the value that is passed on next.
    std::size_t next() const noexcept { return next_; }

    /// Adds a value. Calls `take(number, value)` for each value that is next in order.
    template <class Take>
    void put(std::size_t number, T value, const Take& take)
    {
        const std::size_t place = number - next_;
        if (place >= waiting_.size())
            waiting_.resize(place + 1);
        waiting_[place].emplace(std::move(value));
        while (!waiting_.empty() && waiting_.front()) {
            T front = std::move(*waiting_.front());
            waiting_.pop_front();
            take(next_++, std::move(front));
        }
    }

private:
    std::deque<std::optional<T>> waiting_; ///< Values from number `next_` on; absent if not arrived yet.
    std::size_t next_ = 0;
};

} // namespace passage::detail
