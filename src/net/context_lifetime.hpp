#pragma once

#include <boost/asio/execution_context.hpp>

#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace passage::net {

/// Lets detached threads post to an execution context only while it exists.
struct ContextLifetime
{
    /// The object for a context, which must exist. Thread-safe.
    static std::shared_ptr<ContextLifetime> of(boost::asio::execution_context& context);

    /// An object that belongs to the context and is used once by another thread.
    class Dependent
    {
    public:
        virtual ~Dependent() = default;
        /// Called when it is registered, unless the context is being destroyed. The context exists meanwhile.
        virtual void registered() {}
        /// Called when the context is being destroyed, before this object is.
        virtual void abandoned() noexcept = 0;
    };

    /// Owns a dependent until it is used or the context is destroyed.
    class Registration;

    /// Waits until no dependent is in use, and destroys the others. Called when the context is being destroyed.
    void close();

    /// Must be locked while posting, so that the context is not destroyed meanwhile.
    std::mutex mutex;
    /// False once the context is being destroyed.
    bool open = true;

private:
    using Dependents = std::list<std::unique_ptr<Dependent>>;

    Dependents dependents_;
    std::size_t in_use_ = 0; ///< Dependents being used or destroyed by `Registration::end`.
    std::condition_variable none_in_use_;
};

class ContextLifetime::Registration
{
public:
    Registration(std::shared_ptr<ContextLifetime> lifetime, std::unique_ptr<Dependent> dependent);
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    ~Registration()
    {
        end([](Dependent&) {});
    }

    /// Calls `use` with the dependent and then destroys it; the context is not destroyed meanwhile. A no-op if the
    /// context was destroyed, or after the first call. Does not hold the mutex, as destroying the dependent may
    /// register or end others.
    template <class Use>
    void end(Use use)
    {
        if (const auto lifetime = std::exchange(lifetime_, nullptr)) {
            Taken taken{*lifetime, at_};
            if (!taken.dependent.empty())
                use(*taken.dependent.front());
        }
    }

private:
    struct Taken
    {
        Taken(ContextLifetime& of, Dependents::iterator at);
        ~Taken();

        ContextLifetime& lifetime;
        Dependents dependent; ///< Empty if the context was destroyed.
    };

    std::shared_ptr<ContextLifetime> lifetime_;
    Dependents::iterator at_; ///< Valid while the lifetime is open.
};

} // namespace passage::net
