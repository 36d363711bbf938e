#pragma once

#include "client/flight.hpp"
#include "client/observation.hpp"

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

/// Reads of users that are under way for all who ask for the same at the same time. Any thread.
class SharedReads : public std::enable_shared_from_this<SharedReads>
{
public:
    /// The requests are made on `executor`. So many callers may wait for requests that others began.
    SharedReads(asio::any_io_executor executor, std::size_t max_waiting)
        : executor_{std::move(executor)}, limit_{max_waiting}
    {}

    using Begin = std::function<asio::awaitable<expected<UserInfo>>(std::shared_ptr<CallReport>)>;

    /// The user whom `begin` reads, or a read that is under way. Until the deadline, and until it is cancelled.
    static asio::awaitable<expected<UserInfo>> read(std::shared_ptr<SharedReads> self, std::string id, Begin begin,
                                                    Flight::Clock::time_point deadline);

private:
    using Result = std::optional<expected<UserInfo>>;

    struct Read
    {
        std::shared_ptr<Flight> flight;
        std::shared_ptr<Result> result; ///< Set before the flight lands.
        std::shared_ptr<CallReport> report;
    };
    using UnderWay = std::map<std::string, Read>;

    /// A read to wait for, with `permit` if somebody else began it; none if there is no permit to be had.
    std::optional<Read> join_or_begin(const std::string& id, const Begin& begin, WaitingLimit::Permit& permit);
    void end(UnderWay::iterator which, expected<UserInfo> user);

    const asio::any_io_executor executor_;
    WaitingLimit limit_;
    std::mutex mutex_;
    UnderWay under_way_; ///< By the user's id.
};

} // namespace passage::client
