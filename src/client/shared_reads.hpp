#pragma once

#include "client/observation.hpp"
#include "client/shared_wait.hpp"

#include <passage/detail/operation.hpp>
#include <passage/expected.hpp>
#include <passage/user.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace passage::client {

/// Reads of users that are under way for all callers that ask for the same user at the same time. Any thread.
class SharedReads : public std::enable_shared_from_this<SharedReads>
{
public:
    /// The requests are made on `executor`. At most `max_waiting` callers may wait for requests that others began.
    SharedReads(asio::any_io_executor executor, std::size_t max_waiting)
        : executor_{std::move(executor)}, limit_{max_waiting}
    {}

    using Call = std::shared_ptr<detail::Operation<expected<UserInfo>>>;
    using MakeCall = std::function<Call(std::shared_ptr<CallReport>)>;

    /// Waits for the user that a call reads: for a call that is under way, or for one made by `make_call`. A call that
    /// no caller waits for any more is cancelled.
    static asio::awaitable<expected<UserInfo>> read(std::shared_ptr<SharedReads> self, std::string id,
                                                    MakeCall make_call, SharedWait::Clock::time_point deadline);

private:
    /// A call under way.
    struct Read
    {
        explicit Read(const asio::any_io_executor& executor) : wait{std::make_shared<SharedWait>(executor)} {}

        const std::shared_ptr<SharedWait> wait;
        const std::shared_ptr<CallReport> report = std::make_shared<CallReport>();
        std::weak_ptr<Call::element_type> call;   ///< Owned by what it waits for.
        std::optional<expected<UserInfo>> result; ///< Set before the wait is finished.
        std::size_t callers = 0;                  ///< Guarded by the mutex.
    };
    using ReadPtr = std::shared_ptr<Read>;

    /// A caller's part in a read.
    class Share;

    /// A read to wait for, with `permit` if another caller began it; null if there is no permit to be had. `is_new`: it
    /// is to be started.
    ReadPtr join(const std::string& id, WaitingLimit::Permit& permit, bool& is_new);
    void start(const std::string& id, const ReadPtr& read, const MakeCall& make_call);
    void finish(const std::string& id, Read& read, expected<UserInfo> user);
    void leave(const std::string& id, const ReadPtr& read);

    const asio::any_io_executor executor_;
    WaitingLimit limit_;
    std::mutex mutex_;
    std::map<std::string, ReadPtr> under_way_; ///< By the user's id.
};

} // namespace passage::client
