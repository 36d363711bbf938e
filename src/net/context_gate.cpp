#include "net/context_gate.hpp"

namespace passage::net {
namespace {

/// A context that is destroyed tells its services before anything goes, the last one made first; the scheduler was made
/// with the context itself (Boost.Asio, `execution_context`).
class GateKeeper : public boost::asio::execution_context::service
{
public:
    using key_type = GateKeeper;
    static inline boost::asio::execution_context::id id;

    explicit GateKeeper(boost::asio::execution_context& context) : service{context} {}

    const std::shared_ptr<ContextGate> gate = std::make_shared<ContextGate>();

private:
    void shutdown() override
    {
        const std::lock_guard lock{gate->mutex};
        gate->open = false;
    }
};

} // namespace

std::shared_ptr<ContextGate> ContextGate::of(boost::asio::execution_context& context)
{
    return boost::asio::use_service<GateKeeper>(context).gate;
}

} // namespace passage::net
