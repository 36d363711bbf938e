#pragma once

#include "net/context_lifetime.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <optional>

namespace passage::net {

namespace asio = boost::asio;

/// Keeps the `run()` of an execution context from returning while an operation waits for it on another context.
/// May outlive the context.
class ContextWork
{
public:
    /// The execution context of `executor` must exist.
    explicit ContextWork(const asio::any_io_executor& executor);

    /// Counts as outstanding work from now on, unless `caller` belongs to the same execution context, or that is
    /// destroyed. May be called once.
    void begin(const asio::any_io_executor& caller);

    /// Ends the outstanding work.
    void end() noexcept { registration_.reset(); }

private:
    const asio::any_io_executor executor_;
    std::shared_ptr<ContextLifetime> lifetime_;
    std::optional<ContextLifetime::Registration> registration_;
};

} // namespace passage::net
