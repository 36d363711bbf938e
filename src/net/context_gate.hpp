#pragma once

#include <boost/asio/execution_context.hpp>

#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

namespace passage::net {

/// Through it threads reach an execution context that knows nothing of them, and which they may outlive.
struct ContextGate
{
    /// The gate of a context. Any thread, as long as the context is there.
    static std::shared_ptr<ContextGate> of(boost::asio::execution_context& context);

    /// Something of the context's that other threads wait to use once.
    class Guest
    {
    public:
        virtual ~Guest() = default;
        /// The context is being destroyed; the guest goes next.
        virtual void abandoned() noexcept = 0;
    };

    /// Keeps a guest until it is used, or until the context is destroyed, which destroys it.
    class Stay;

    /// Destroys all guests, when nobody uses one any more. Called when the context is being destroyed.
    void close();

    /// To be held while posting: the context is not destroyed meanwhile.
    std::mutex mutex;
    /// False once the context is being destroyed.
    bool open = true;

private:
    using Guests = std::list<std::unique_ptr<Guest>>;

    Guests guests_;
    std::size_t in_use_ = 0; ///< Guests that were taken out and are still there.
    std::condition_variable none_in_use_;
};

class ContextGate::Stay
{
public:
    Stay(std::shared_ptr<ContextGate> gate, std::unique_ptr<Guest> guest);
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;
    ~Stay()
    {
        end([](Guest&) {});
    }

    /// Calls `use` with the guest, and destroys the guest, while the context waits; a no-op if the context was
    /// destroyed, or if this was called before. The gate is not locked meanwhile: whatever is destroyed along may have
    /// guests of its own.
    template <class Use>
    void end(Use use)
    {
        if (const auto gate = std::exchange(gate_, nullptr)) {
            Taken taken{*gate, at_};
            if (!taken.guest.empty())
                use(*taken.guest.front());
        }
    }

private:
    struct Taken
    {
        Taken(ContextGate& of, Guests::iterator at);
        ~Taken();

        ContextGate& gate;
        Guests guest; ///< Or none.
    };

    std::shared_ptr<ContextGate> gate_;
    Guests::iterator at_; ///< Valid while the gate is open.
};

} // namespace passage::net
