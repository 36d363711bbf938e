#include "client/shared_reads.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <utility>

namespace passage::client {

std::optional<SharedReads::Read> SharedReads::join_or_begin(const std::string& id, const Begin& begin,
                                                            WaitingLimit::Permit& permit)
{
    std::unique_lock lock{mutex_};
    if (const auto at = under_way_.find(id); at != under_way_.end()) {
        permit = limit_.enter();
        return permit ? std::optional{at->second} : std::nullopt;
    }
    const Read read{std::make_shared<Flight>(executor_), std::make_shared<Result>(), std::make_shared<CallReport>()};
    const auto at = under_way_.emplace(id, read).first;
    lock.unlock();
    // From here on others may join, so that the read has to end whatever is thrown.
    auto landing = make_landing<UserInfo>(
        Errc::shut_down, [self = shared_from_this(), at](expected<UserInfo> user) { self->end(at, std::move(user)); });
    asio::co_spawn(executor_, begin(read.report), std::move(landing));
    return read;
}

void SharedReads::end(UnderWay::iterator which, expected<UserInfo> user)
{
    UnderWay::node_type ended;
    {
        const std::lock_guard lock{mutex_};
        ended = under_way_.extract(which);
    }
    ended.mapped().result->emplace(std::move(user));
    ended.mapped().flight->land();
}

asio::awaitable<expected<UserInfo>> SharedReads::read(std::shared_ptr<SharedReads> self, std::string id, Begin begin,
                                                      Flight::Clock::time_point deadline)
{
    const auto began = Flight::Clock::now();
    const auto failure = [&](Errc kind, std::string message) {
        Error error{kind, std::move(message)};
        error.operation = api::coalesced_get_user.name;
        error.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(Flight::Clock::now() - began);
        error.retryable = kind == Errc::timeout || kind == Errc::pool_timeout;
        return error;
    };
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
        co_return unexpected{failure(Errc::cancelled, "")};

    WaitingLimit::Permit permit;
    std::optional<Read> read = self->join_or_begin(id, begin, permit);
    if (!read)
        co_return unexpected{failure(Errc::pool_timeout,
                                     std::to_string(self->limit_.most()) + " callers wait for shared reads already")};
    begin = nullptr; // those who wait have no part in the client's connections
    const Flight::End end = co_await Flight::landing(std::move(read->flight), deadline);
    if (end != Flight::End::landed) {
        const bool expired = end == Flight::End::expired;
        Error error = failure(expired ? Errc::timeout : Errc::cancelled, expired ? "the deadline passed" : "");
        read->report->add_to(error);
        co_return unexpected{std::move(error)};
    }
    const expected<UserInfo>& user = **read->result;
    if (!user)
        co_return unexpected{Error{user.error()}};
    co_return UserInfo{*user}; // an `expected` that is copied must not throw (tl::expected)
}

} // namespace passage::client
