#pragma once

#include "client/observation.hpp"
#include "client/shared_wait.hpp"

#include <passage/detail/operation.hpp>
#include <passage/expected.hpp>
#include <passage/user.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace passage::client {

/// Makes one request for callers that read the same user at the same time. Thread-safe.
class SharedReads : public std::enable_shared_from_this<SharedReads>
{
public:
    /// Runs requests on `executor`. At most `max_waiting` callers may wait for requests of others.
    SharedReads(asio::any_io_executor executor, std::size_t max_waiting)
        : executor_{std::move(executor)}, limit_{max_waiting}
    {}

    using Call = std::shared_ptr<detail::Operation<expected<UserInfo>>>;
    using MakeCall = std::function<Call(std::shared_ptr<CallReport>)>;

    /// Reads a user: joins the call in flight for the same id, or starts one made by `make_call`. Cancels the call when
    /// its last caller stops waiting.
    static asio::awaitable<expected<UserInfo>> read(std::shared_ptr<SharedReads> self, std::string id,
                                                    MakeCall make_call, SharedWait::Clock::time_point deadline);

    /// Lets later callers join none of the calls in flight, which go on for those who have joined them.
    void forget() noexcept;

private:
    /// A call in flight, and its result.
    struct Read
    {
        explicit Read(const asio::any_io_executor& executor) : wait{std::make_shared<SharedWait>(executor)} {}

        const std::shared_ptr<SharedWait> wait;
        const std::shared_ptr<CallReport> report = std::make_shared<CallReport>();
        std::atomic<bool> is_started = false;     ///< False while the call is being started.
        std::weak_ptr<Call::element_type> call;   ///< The wait of the call owns it.
        std::optional<expected<UserInfo>> result; ///< Set before the wait is finished.
        std::size_t callers = 0;                  ///< Guarded by the mutex.
    };
    using ReadPtr = std::shared_ptr<Read>;

    /// A caller that waits for a read; leaves it on destruction.
    class Share;

    /// Joins the read of an id, or adds one (`is_new`), which the caller must start. Joining takes a `permit`; null if
    /// there is none left.
    ReadPtr join(const std::string& id, WaitingLimit::Permit& permit, bool& is_new);
    void start(const std::string& id, const ReadPtr& read, const MakeCall& make_call);
    void finish(const std::string& id, Read& read, expected<UserInfo> user);
    void leave(const std::string& id, const ReadPtr& read);

    const asio::any_io_executor executor_;
    WaitingLimit limit_;
    std::mutex mutex_;
    std::map<std::string, ReadPtr> under_way_; ///< Calls in flight that others may join, by user id.
};

} // namespace passage::client
