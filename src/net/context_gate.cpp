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
    void shutdown() override { gate->close(); }
};

} // namespace

std::shared_ptr<ContextGate> ContextGate::of(boost::asio::execution_context& context)
{
    return boost::asio::use_service<GateKeeper>(context).gate;
}

void ContextGate::close()
{
    Guests guests;
    {
        std::unique_lock lock{mutex};
        open = false;
        guests.swap(guests_);
        none_in_use_.wait(lock, [this] { return in_use_ == 0; });
    }
    for (const auto& guest : guests)
        guest->abandoned();
}

ContextGate::Stay::Stay(std::shared_ptr<ContextGate> gate, std::unique_ptr<Guest> guest) : gate_{std::move(gate)}
{
    Guests added;
    added.push_back(std::move(guest));
    const std::lock_guard lock{gate_->mutex};
    at_ = added.begin();
    if (gate_->open)
        gate_->guests_.splice(gate_->guests_.end(), added);
}

ContextGate::Stay::Taken::Taken(ContextGate& of, Guests::iterator at) : gate{of}
{
    const std::lock_guard lock{gate.mutex};
    if (!gate.open)
        return;
    guest.splice(guest.end(), gate.guests_, at);
    ++gate.in_use_;
}

ContextGate::Stay::Taken::~Taken()
{
    if (guest.empty())
        return;
    guest.clear();
    const std::lock_guard lock{gate.mutex};
    if (--gate.in_use_ == 0)
        gate.none_in_use_.notify_all();
}

} // namespace passage::net
