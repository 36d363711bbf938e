#pragma once

#include <memory>
#include <utility>

namespace passage {

/// An optional value on the heap, for large values that are rarely present. Copies copy the value.
template <class T>
class Boxed
{
public:
    Boxed() noexcept = default;
    Boxed(const Boxed& other) : value_{other ? std::make_unique<T>(*other) : nullptr} {}
    Boxed(Boxed&&) noexcept = default;
    Boxed& operator=(Boxed other) noexcept
    {
        value_ = std::move(other.value_);
        return *this;
    }
    ~Boxed() = default;

    template <class... Args>
    T& emplace(Args&&... args)
    {
        value_.reset(new T{std::forward<Args>(args)...});
        return *value_;
    }
    void reset() noexcept { value_.reset(); }

    explicit operator bool() const noexcept { return value_ != nullptr; }
    T& operator*() const noexcept { return *value_; }
    T* operator->() const noexcept { return value_.get(); }
    const T* get() const noexcept { return value_.get(); }

private:
    std::unique_ptr<T> value_;
};

} // namespace passage
