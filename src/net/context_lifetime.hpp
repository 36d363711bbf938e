#pragma once

#include <boost/asio/execution_context.hpp>

#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace passage::net {

/// Lets threads that the execution context does not know of use it only while it exists.
struct ContextLifetime
{
    /// The lifetime of a context. Any thread, as long as the context is there.
    static std::shared_ptr<ContextLifetime> of(boost::asio::execution_context& context);

    /// Something that belongs to the context, and that another thread will use once.
    class Dependent
    {
    public:
        virtual ~Dependent() = default;
        /// The context is being destroyed; the dependent is destroyed next.
        virtual void abandoned() noexcept = 0;
    };

    /// Keeps a dependent until it is used, or until the context is destroyed, which destroys it.
    class Registration;

    /// Destroys all dependents, once none is in use. Called when the context is being destroyed.
    void close();

    /// To be held while posting: the context is not destroyed meanwhile.
    std::mutex mutex;
    /// False once the context is being destroyed.
    bool open = true;

private:
    using Dependents = std::list<std::unique_ptr<Dependent>>;

    Dependents dependents_;
    std::size_t in_use_ = 0; ///< Dependents that were taken out and still exist.
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

    /// Calls `use` with the dependent, and destroys the dependent, while the context waits; a no-op if the context was
    /// destroyed, or if this was called before. The lifetime is not locked meanwhile: whatever is destroyed along may
    /// have dependents of its own.
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
        Dependents dependent; ///< One, or none.
    };

    std::shared_ptr<ContextLifetime> lifetime_;
    Dependents::iterator at_; ///< Valid while the lifetime is open.
};

} // namespace passage::net
