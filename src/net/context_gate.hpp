#pragma once

#include <boost/asio/execution_context.hpp>

#include <memory>
#include <mutex>

namespace passage::net {

/// Through it threads post that an execution context knows nothing of, and which may outlive it.
struct ContextGate
{
    /// The gate of a context. Any thread, as long as the context is there.
    static std::shared_ptr<ContextGate> of(boost::asio::execution_context& context);

    /// To be held while posting: the context is not destroyed meanwhile.
    std::mutex mutex;
    /// False once the context is being destroyed.
    bool open = true;
};

} // namespace passage::net
