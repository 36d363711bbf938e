#pragma once

#include "client/flight.hpp"

#include <passage/expected.hpp>
#include <passage/user.hpp>

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
    /// The requests are made on `executor`.
    explicit SharedReads(asio::any_io_executor executor) : executor_{std::move(executor)} {}

    using Begin = std::function<asio::awaitable<expected<UserInfo>>()>;

    /// The user whom `begin` reads, or a read that is under way. Until the deadline, and until it is cancelled.
    static asio::awaitable<expected<UserInfo>> read(std::shared_ptr<SharedReads> self, std::string id, Begin begin,
                                                    Flight::Clock::time_point deadline);

private:
    using Result = std::optional<expected<UserInfo>>;

    struct Read
    {
        std::weak_ptr<Flight> flight; ///< Owned by the request.
        std::shared_ptr<const Result> result;
    };

    Read join_or_begin(const std::string& id, const Begin& begin);
    void start(const std::string& id, const Begin& begin, const std::shared_ptr<Flight>& flight,
               const std::shared_ptr<Result>& result);
    void end(const std::string& id, Flight& flight);

    const asio::any_io_executor executor_;
    std::mutex mutex_;
    std::map<std::string, Read> under_way_; ///< By the user's id.
};

} // namespace passage::client
