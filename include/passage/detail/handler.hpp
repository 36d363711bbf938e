#pragma once

#include <passage/detail/build.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/version.hpp>
#if BOOST_VERSION >= 108200
#include <boost/asio/associated_immediate_executor.hpp>
#include <boost/asio/dispatch.hpp>
#endif

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace passage::detail {

namespace asio = boost::asio;

/// A completion handler of any type for the signature `void(Args...)`.
///
/// A small handler is stored in place. A larger handler, or one with an associated allocator other than
/// `std::allocator`, is stored in memory of its associated allocator. (`asio::any_completion_handler` always
/// allocates.)
template <class... Args>
class Handler
{
public:
    template <class H>
    requires(!std::is_same_v<std::remove_cvref_t<H>, Handler>) explicit Handler(H&& handler)
        : slot_{asio::get_associated_cancellation_slot(handler)}
    {
        using Kept = std::decay_t<H>;
        if constexpr (in_place<Kept>) {
            ::new (static_cast<void*>(storage_)) Kept(std::forward<H>(handler));
            functions_ = &InPlace<Kept>::functions;
        } else {
            ::new (static_cast<void*>(storage_)) Kept*(Allocated<Kept>::make(std::forward<H>(handler)));
            functions_ = &Allocated<Kept>::functions;
        }
    }
    Handler(Handler&& other) noexcept : functions_{std::exchange(other.functions_, nullptr)}, slot_{other.slot_}
    {
        if (functions_)
            functions_->move(other.storage_, storage_);
    }
    Handler& operator=(Handler&&) = delete;
    ~Handler()
    {
        if (functions_)
            functions_->destroy(storage_);
    }

    asio::cancellation_slot cancellation_slot() const noexcept { return slot_; }

    /// Releases the memory of the handler, then calls the handler.
    void operator()(Args... args) && { std::exchange(functions_, nullptr)->call(storage_, std::move(args)...); }

    /// Completes an operation that is complete when it is initiated. Dispatches the handler to its associated immediate
    /// executor, or posts it to `executor` if this version of Boost has no immediate executors.
    void complete_immediately(const asio::any_io_executor& executor, Args... args) &&
    {
        std::exchange(functions_, nullptr)->call_immediately(storage_, executor, std::move(args)...);
    }

private:
    static constexpr std::size_t capacity = 4 * sizeof(void*);

    template <class Kept>
    using AllocatorOf = typename std::allocator_traits<asio::associated_allocator_t<Kept>>::template rebind_alloc<Kept>;

    template <class Kept>
    static constexpr bool
        in_place = sizeof(Kept) <= capacity && alignof(Kept) <= alignof(std::max_align_t) &&
                   std::is_nothrow_move_constructible_v<Kept>&& std::is_same_v<AllocatorOf<Kept>, std::allocator<Kept>>;

    struct Functions
    {
        void (*call)(void* storage, Args&&... args);
        void (*call_immediately)(void* storage, const asio::any_io_executor& executor, Args&&... args);
        void (*move)(void* from, void* to) noexcept;
        void (*destroy)(void* storage) noexcept;
    };

    /// Calls the handler that `Storage` stores.
    template <class Storage>
    struct Calls
    {
        static void call(void* storage, Args&&... args)
        {
            auto handler = Storage::take(storage);
            std::move(handler)(std::move(args)...);
        }
        static void call_immediately(void* storage, const asio::any_io_executor& executor, Args&&... args)
        {
            auto handler = Storage::take(storage);
#if BOOST_VERSION >= 108200
            auto on = asio::get_associated_immediate_executor(handler, executor);
            asio::dispatch(on, [called = std::move(handler), ... with = std::move(args)]() mutable {
                std::move(called)(std::move(with)...);
            });
#else
            asio::post(executor, [called = std::move(handler), ... with = std::move(args)]() mutable {
                std::move(called)(std::move(with)...);
            });
#endif
        }
    };

    template <class Kept>
    struct InPlace : Calls<InPlace<Kept>>
    {
        static Kept& at(void* storage) noexcept { return *std::launder(static_cast<Kept*>(storage)); }
        static Kept take(void* storage)
        {
            Kept handler = std::move(at(storage));
            destroy(storage);
            return handler;
        }
        static void move(void* from, void* to) noexcept
        {
            ::new (to) Kept(std::move(at(from)));
            destroy(from);
        }
        static void destroy(void* storage) noexcept { at(storage).~Kept(); }

        static constexpr Functions functions{&Calls<InPlace>::call, &Calls<InPlace>::call_immediately, &move, &destroy};
    };

    template <class Kept>
    struct Allocated : Calls<Allocated<Kept>>
    {
        template <class H>
        static Kept* make(H&& handler)
        {
            AllocatorOf<Kept> allocator{asio::get_associated_allocator(handler)};
            Kept* const memory = std::allocator_traits<AllocatorOf<Kept>>::allocate(allocator, 1);
            try {
                return ::new (static_cast<void*>(memory)) Kept(std::forward<H>(handler));
            } catch (...) {
                std::allocator_traits<AllocatorOf<Kept>>::deallocate(allocator, memory, 1);
                throw;
            }
        }
        static Kept* at(void* storage) noexcept { return *std::launder(static_cast<Kept**>(storage)); }
        static Kept take(void* storage)
        {
            Kept* const kept = at(storage);
            // A moved-from handler may have lost its allocator.
            const AllocatorOf<Kept> allocator{asio::get_associated_allocator(*kept)};
            Kept handler = std::move(*kept);
            free(kept, allocator);
            return handler;
        }
        static void move(void* from, void* to) noexcept { ::new (to) Kept*(at(from)); }
        static void destroy(void* storage) noexcept
        {
            Kept* const kept = at(storage);
            free(kept, AllocatorOf<Kept>{asio::get_associated_allocator(*kept)});
        }
        static void free(Kept* kept, AllocatorOf<Kept> allocator) noexcept
        {
            kept->~Kept();
            std::allocator_traits<AllocatorOf<Kept>>::deallocate(allocator, kept, 1);
        }

        static constexpr Functions functions{&Calls<Allocated>::call, &Calls<Allocated>::call_immediately, &move,
                                             &destroy};
    };

    alignas(std::max_align_t) std::byte storage_[capacity];
    const Functions* functions_ = nullptr;
    asio::cancellation_slot slot_;
};

} // namespace passage::detail
