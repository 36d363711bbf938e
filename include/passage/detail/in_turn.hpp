#pragma once

#include <passage/detail/build.hpp>

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

namespace passage::detail {

/// Passes values on in the order of their numbers, which are from 0 on, in whatever order they come.
template <class T>
class InTurn
{
public:
    /// The number whose turn it is.
    std::size_t next() const noexcept { return next_; }

    /// Takes a value, and passes on all whose turn has come, by `take(number, value)`.
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
    std::deque<std::optional<T>> waiting_; ///< From the one whose turn it is on; none has not come yet.
    std::size_t next_ = 0;
};

} // namespace passage::detail
