#include "net/context_lifetime.hpp"

namespace passage::net {
namespace {

/// A context that is being destroyed first shuts down its services, the newest first. So this runs before the
/// scheduler, which is older, is shut down (Boost.Asio, `execution_context`).
class LifetimeService : public boost::asio::execution_context::service
{
public:
    using key_type = LifetimeService;
    static inline boost::asio::execution_context::id id;

    explicit LifetimeService(boost::asio::execution_context& context) : service{context} {}

    const std::shared_ptr<ContextLifetime> lifetime = std::make_shared<ContextLifetime>();

private:
    void shutdown() override { lifetime->close(); }
};

} // namespace

std::shared_ptr<ContextLifetime> ContextLifetime::of(boost::asio::execution_context& context)
{
    return boost::asio::use_service<LifetimeService>(context).lifetime;
}

void ContextLifetime::close()
{
    Dependents dependents;
    {
        std::unique_lock lock{mutex};
        open = false;
        dependents.swap(dependents_);
        none_in_use_.wait(lock, [this] { return in_use_ == 0; });
    }
    for (const auto& dependent : dependents)
        dependent->abandoned();
}

ContextLifetime::Registration::Registration(std::shared_ptr<ContextLifetime> lifetime,
                                            std::unique_ptr<Dependent> dependent)
    : lifetime_{std::move(lifetime)}
{
    Dependents added;
    added.push_back(std::move(dependent));
    const std::lock_guard lock{lifetime_->mutex};
    at_ = added.begin();
    if (lifetime_->open) {
        (*at_)->registered();
        lifetime_->dependents_.splice(lifetime_->dependents_.end(), added);
    }
}

ContextLifetime::Registration::Taken::Taken(ContextLifetime& of, Dependents::iterator at) : lifetime{of}
{
    const std::lock_guard lock{lifetime.mutex};
    if (!lifetime.open)
        return;
    dependent.splice(dependent.end(), lifetime.dependents_, at);
    ++lifetime.in_use_;
}

ContextLifetime::Registration::Taken::~Taken()
{
    if (dependent.empty())
        return;
    dependent.clear();
    const std::lock_guard lock{lifetime.mutex};
    if (--lifetime.in_use_ == 0)
        lifetime.none_in_use_.notify_all();
}

} // namespace passage::net
