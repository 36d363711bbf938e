#pragma once

#include <passage/call_options.hpp>
#include <passage/client.hpp>
#include <passage/detail/batch_run.hpp>
#include <passage/expected.hpp>
#include <passage/requests.hpp>
#include <passage/user.hpp>

#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <cstddef>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

namespace passage {

/// What `for_each` takes to begin an item's call: `operation(Item&, const CallOptions&)` returns
/// `boost::asio::awaitable<passage::expected<T>>`.
template <class Operation, class Item>
concept begins_call_for = requires
{
    typename detail::OperationResult<Operation, Item>;
};

/// What `for_each` takes to hand results over: `deliver(std::size_t index, Result&&)`.
template <class Deliver, class Result>
concept delivers = std::invocable<Deliver&, std::size_t, Result>;

/// Carries out an operation for each item of a range, some of them at a time.
///
/// `operation(item, call_options)` begins a call, as `client.get_user(item, call_options)` does, and returns its
/// `awaitable<expected<T>>`; the call options are `BatchOptions::each`, which end with the batch's deadline.
/// `deliver(index, result)` takes the result of the item at an index, `expected<T>&&`: as results come, or in order if
/// the options say so. The range is read as items are begun, and may be as long as it likes: no more than the window is
/// in memory.
///
/// Range, operation and deliver are copied or moved in; what they refer to must live until the end. They are called on
/// the executor of the awaiting coroutine, one after another, also if it has several threads.
///
/// **Throttling.** When the service throttles (429) a call that used its own repetitions up, nothing more is begun for
/// the time that it asks for, or for a second that doubles each time, and the item is asked for again; eight times at
/// most. `attempts`, `effect` and `earlier_attempts` of an item's error are those of all its calls together (`elapsed`
/// is that of the last one). The call options of a repetition say what the earlier calls may have done
/// (`CallOptions::repeats`), so that a delete that finds nothing then succeeds, as it does within one call.
///
/// **End.** All items are done; or a result fulfils the stop rule, the deadline passed, or the awaiting coroutine was
/// cancelled: then nothing more is begun, and `BatchSummary::stopped` says why. Calls under way are let end with the
/// first of these, and cancelled with the others. An item that was to be asked for again is delivered with the error of
/// its last call; one that was never asked for is not delivered. If the deadline has passed already, nothing is asked
/// for. An exception of the functions ends the batch in the same way, and is thrown on.
template <std::ranges::input_range Range, class Operation, class Deliver>
requires begins_call_for<Operation, std::ranges::range_value_t<Range>> &&
    delivers<Deliver, detail::OperationResult<Operation, std::ranges::range_value_t<Range>>>
        boost::asio::awaitable<BatchSummary> for_each(Range range, Operation operation, Deliver deliver,
                                                      BatchOptions options = {})
{
    using Run = detail::BatchRun<Range, Operation, Deliver>;
    return Run::make(std::move(range), std::move(operation), std::move(deliver), std::move(options));
}

/// Reads users by their ids; the results are in the order of the ids. Equal ids are asked for once.
///
/// Of ids that were not asked for, because the batch stopped, the error is the one that stopped it, with no attempt and
/// no effect.
/// The client must live until the end; `options` are read before the awaitable is returned.
PASSAGE_EXPORT boost::asio::awaitable<std::vector<expected<UserInfo>>>
get_users(Client& client, std::vector<std::string> ids, BatchOptions options = {});

/// Deletes users by their ids; as `get_users`.
PASSAGE_EXPORT boost::asio::awaitable<std::vector<expected<void>>>
delete_users(Client& client, std::vector<std::string> ids, BatchOptions options = {});

/// Creates users; the results are in the order of the requests. As `get_users`, but equal requests are not one.
PASSAGE_EXPORT boost::asio::awaitable<std::vector<expected<UserInfo>>>
create_users(Client& client, std::vector<CreateUserRequest> requests, BatchOptions options = {});

/// Updates users by their ids; as `create_users`. Updates of one user are begun in their order, but not one after the
/// other.
PASSAGE_EXPORT boost::asio::awaitable<std::vector<expected<UserInfo>>>
update_users(Client& client, std::vector<std::pair<std::string, UpdateUserRequest>> updates, BatchOptions options = {});

} // namespace passage
