#pragma once

#include <passage/detail/build.hpp>

#include <memory>
#include <utility>

namespace passage::detail {

/// A pointer to an operation that is not started. It can be moved but not copied, so that a deferred operation cannot
/// be started twice.
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
