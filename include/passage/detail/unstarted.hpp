#pragma once

#include <passage/detail/build.hpp>

#include <memory>
#include <utility>

namespace passage::detail {

/// An operation that was not started. It is moved into what starts it, so that an operation that is deferred can't be
/// copied and started twice.
template <class Operation>
class Unstarted
{
public:
    explicit Unstarted(std::shared_ptr<Operation> operation) noexcept : operation_{std::move(operation)} {}
    Unstarted(Unstarted&&) noexcept = default;
    Unstarted& operator=(Unstarted&&) noexcept = default;

    Operation* operator->() const noexcept { return operation_.get(); }

private:
    std::shared_ptr<Operation> operation_;
};

} // namespace passage::detail
