#pragma once

#include <passage/call_options.hpp>
#include <passage/client.hpp>
#include <passage/detail/batch_operation.hpp>
#include <passage/detail/batch_run.hpp>
#include <passage/detail/batch_users.hpp>
#include <passage/expected.hpp>
#include <passage/requests.hpp>
#include <passage/user.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/system_executor.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
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
/// the executor of the awaiting coroutine, one after another, also if it has several threads, and are destroyed before
/// the coroutine resumes.
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
///
/// **Cancellation.** Terminal, partial and total cancellation stop a batch alike. It ends with a result; the next
/// `co_await` of the coroutine that was cancelled throws `boost::system::system_error` (`operation_aborted`), as Asio
/// has it.
template <std::ranges::input_range Range, class Operation, class Deliver>
requires begins_call_for<Operation, std::ranges::range_value_t<Range>> &&
    delivers<Deliver, detail::OperationResult<Operation, std::ranges::range_value_t<Range>>>
        boost::asio::awaitable<BatchSummary> for_each(Range range, Operation operation, Deliver deliver,
                                                      BatchOptions options = {})
{
    return detail::await_batch(std::make_shared<detail::BatchRun<Range, Operation, Deliver>>(
        std::move(range), std::move(operation), std::move(deliver), std::move(options)));
}

/// `for_each` with a completion token, whose signature is `void(std::exception_ptr, BatchSummary)`.
///
/// The exception is what one of the functions has thrown, or `std::bad_alloc`; null if the batch came to its summary.
/// Range, operation and deliver are called on the executor that is associated with the completion handler. If none is,
/// they and the handler are called on `boost::asio::system_executor`, that is on threads of Asio's own; use
/// `boost::asio::bind_executor` if they share anything with other code. The handler's allocator is used for the
/// handler's memory, and its cancellation slot cancels the batch. An execution context that is destroyed takes the
/// batches along whose functions are called on it: their handlers are destroyed and not called.
template <std::ranges::input_range Range, class Operation, class Deliver, detail::batch_token_for<BatchSummary> Token>
requires begins_call_for<Operation, std::ranges::range_value_t<Range>> &&
    delivers<Deliver, detail::OperationResult<Operation, std::ranges::range_value_t<Range>>>
auto for_each(Range range, Operation operation, Deliver deliver, BatchOptions options, Token&& token)
{
    detail::BatchOperation<BatchSummary>::Ptr batch = std::make_shared<detail::BatchRun<Range, Operation, Deliver>>(
        std::move(range), std::move(operation), std::move(deliver), std::move(options));
    return detail::initiate(std::move(batch), boost::asio::system_executor{}, std::forward<Token>(token));
}

/// `for_each` with the default options and a completion token.
template <std::ranges::input_range Range, class Operation, class Deliver, detail::batch_token_for<BatchSummary> Token>
requires begins_call_for<Operation, std::ranges::range_value_t<Range>> &&
    delivers<Deliver, detail::OperationResult<Operation, std::ranges::range_value_t<Range>>>
auto for_each(Range range, Operation operation, Deliver deliver, Token&& token)
{
    return passage::for_each(std::move(range), std::move(operation), std::move(deliver), BatchOptions{},
                             std::forward<Token>(token));
}

/// Reads users by their ids; the results are in the order of the ids. Equal ids are asked for once.
///
/// Of ids that were not asked for, because the batch stopped, the error is the one that stopped it, with no attempt and
/// no effect. Cancellation: as `for_each`.
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

/// `get_users` with a completion token, whose signature is `void(std::exception_ptr, std::vector<expected<UserInfo>>)`.
///
/// The exception is what a function of the options has thrown, or `std::bad_alloc`; null if there are results. The
/// functions of the options, and the completion handler, are called on the executor that is associated with the
/// handler, which is the client's if none is. Allocator, cancellation slot and execution contexts that are destroyed:
/// as `for_each` with a completion token.
template <detail::batch_token_for<std::vector<expected<UserInfo>>> Token>
auto get_users(Client& client, std::vector<std::string> ids, BatchOptions options, Token&& token)
{
    return detail::initiate(detail::prepare_get_users(client, std::move(ids), std::move(options)),
                            client.get_executor(), std::forward<Token>(token));
}

/// `get_users` with the default options and a completion token.
template <detail::batch_token_for<std::vector<expected<UserInfo>>> Token>
auto get_users(Client& client, std::vector<std::string> ids, Token&& token)
{
    return passage::get_users(client, std::move(ids), BatchOptions{}, std::forward<Token>(token));
}

/// `delete_users` with a completion token, whose signature is `void(std::exception_ptr, std::vector<expected<void>>)`.
///
/// As `get_users` with a completion token.
template <detail::batch_token_for<std::vector<expected<void>>> Token>
auto delete_users(Client& client, std::vector<std::string> ids, BatchOptions options, Token&& token)
{
    return detail::initiate(detail::prepare_delete_users(client, std::move(ids), std::move(options)),
                            client.get_executor(), std::forward<Token>(token));
}

/// `delete_users` with the default options and a completion token.
template <detail::batch_token_for<std::vector<expected<void>>> Token>
auto delete_users(Client& client, std::vector<std::string> ids, Token&& token)
{
    return passage::delete_users(client, std::move(ids), BatchOptions{}, std::forward<Token>(token));
}

/// `create_users` with a completion token, whose signature is `void(std::exception_ptr,
/// std::vector<expected<UserInfo>>)`.
///
/// As `get_users` with a completion token.
template <detail::batch_token_for<std::vector<expected<UserInfo>>> Token>
auto create_users(Client& client, std::vector<CreateUserRequest> requests, BatchOptions options, Token&& token)
{
    return detail::initiate(detail::prepare_create_users(client, std::move(requests), std::move(options)),
                            client.get_executor(), std::forward<Token>(token));
}

/// `create_users` with the default options and a completion token.
template <detail::batch_token_for<std::vector<expected<UserInfo>>> Token>
auto create_users(Client& client, std::vector<CreateUserRequest> requests, Token&& token)
{
    return passage::create_users(client, std::move(requests), BatchOptions{}, std::forward<Token>(token));
}

/// `update_users` with a completion token, whose signature is `void(std::exception_ptr,
/// std::vector<expected<UserInfo>>)`.
///
/// As `get_users` with a completion token.
template <detail::batch_token_for<std::vector<expected<UserInfo>>> Token>
auto update_users(Client& client, std::vector<std::pair<std::string, UpdateUserRequest>> updates, BatchOptions options,
                  Token&& token)
{
    return detail::initiate(detail::prepare_update_users(client, std::move(updates), std::move(options)),
                            client.get_executor(), std::forward<Token>(token));
}

/// `update_users` with the default options and a completion token.
template <detail::batch_token_for<std::vector<expected<UserInfo>>> Token>
auto update_users(Client& client, std::vector<std::pair<std::string, UpdateUserRequest>> updates, Token&& token)
{
    return passage::update_users(client, std::move(updates), BatchOptions{}, std::forward<Token>(token));
}

} // namespace passage
