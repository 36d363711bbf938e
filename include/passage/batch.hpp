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

/// A function that begins the call for an item of `for_each`: `operation(Item&, const CallOptions&)` returns
/// `boost::asio::awaitable<passage::expected<T>>`.
template <class Operation, class Item>
concept begins_call_for = requires
{
    typename detail::OperationResult<Operation, Item>;
};

/// A function that receives the results of `for_each`: `deliver(std::size_t index, Result&&)`.
template <class Deliver, class Result>
concept delivers = std::invocable<Deliver&, std::size_t, Result>;

/// Carries out an operation for each item of a range, several at a time.
///
/// \par Effects
/// Calls `operation(item, call_options)` for each item. `operation` returns the `awaitable<expected<T>>` of a call,
/// such as `client.get_user(item, call_options)`. `call_options` are `BatchOptions::each`, limited by the deadline of
/// the batch.
///
/// Calls `deliver(index, result)` for each result, an `expected<T>&&`. `index` is the position of the item in the
/// range. Results are delivered as they arrive, or in the order of the items if `options` say so.
///
/// Reads the range as it begins items. The range may be of any length: no more items than the window are in memory.
/// \par Completion
/// The batch completes when all items are done. It stops before that, and `BatchSummary::stopped` says why, if
/// - the result of an item fulfils the stop rule (`BatchOptions::stop_when`): Calls in flight continue, and the batch
///   completes after them.
/// - the deadline passes, or the batch is cancelled: Calls in flight are cancelled.
///
/// A batch that stops begins nothing more. If an item was waiting to be repeated, the error of its last call is
/// delivered. An item that was never begun is not delivered. If the deadline has already passed when the batch starts,
/// it begins nothing.
/// \par Throttling
/// If the service throttles (429) a call that has used up its own retries, the batch pauses. It begins nothing for as
/// long as the service asks for. If the service does not say how long, the pause takes 1 s. Each further pause takes
/// twice as long, up to 20 s; after an item has succeeded, a pause takes 1 s again. Then the batch calls `operation`
/// for the item again, at most eight times, but not for a creation that may have been carried out (`Error::effect` is
/// not `Effect::none`). A batch that stops ends its pause. Closing the client does not, because no
/// call is in flight.
///
/// In the error of such an item, `attempts`, `effect` and `earlier_attempts` cover all its calls, and `elapsed` is that
/// of the last call. The call options of a repeated call say what the earlier calls may have done
/// (`CallOptions::repeats`). A repeated delete that finds nothing therefore succeeds, as it does within one call.
/// \par Errors
/// Errors of items are results, and are delivered. If `operation`, `deliver` or a function of `options` throws an
/// exception, the batch stops as if it was cancelled and throws the exception. It may also throw `std::bad_alloc`.
/// \par Cancellation
/// `terminal`, `partial` and `total` cancellation are supported alike: the batch stops, and completes with a summary
/// whose `stopped` is `Errc::cancelled`. The awaiting coroutine is affected as `Client` describes under "Cancellation
/// of awaitables": the next `co_await` of a cancelled coroutine throws `boost::system::system_error`
/// (`operation_aborted`).
/// \par Executor
/// The range, `operation`, `deliver` and the functions of `options` are called on the executor of the awaiting
/// coroutine. They are called one at a time, even if several threads run this executor. The range, `operation` and
/// `deliver` are destroyed before the coroutine resumes.
/// \par Object lifetimes
/// The range, `operation` and `deliver` are copied or moved into the batch. Objects that they refer to must live until
/// the batch completes.
template <std::ranges::input_range Range, class Operation, class Deliver>
requires begins_call_for<Operation, std::ranges::range_value_t<Range>> &&
    delivers<Deliver, detail::OperationResult<Operation, std::ranges::range_value_t<Range>>>
        boost::asio::awaitable<BatchSummary> for_each(Range range, Operation operation, Deliver deliver,
                                                      BatchOptions options = {})
{
    return detail::await_batch(std::make_shared<detail::BatchRun<Range, Operation, Deliver>>(
        std::move(range), std::move(operation), std::move(deliver), std::move(options)));
}

/// `for_each` with a completion token for the signature `void(std::exception_ptr, BatchSummary)`.
///
/// \par Errors
/// The exception is what one of the functions threw, or `std::bad_alloc`. It is null if there is a summary.
/// \par Cancellation
/// The cancellation slot of the completion handler cancels the batch.
/// \par Executor
/// The range, `operation`, `deliver`, the functions of `options` and the completion handler are called on the executor
/// that is associated with the handler. The default is `boost::asio::system_executor`, that is, threads of Asio's own.
/// Use `boost::asio::bind_executor` if the functions share anything with other code. The allocator of the handler is
/// used for the memory of the handler.
///
/// If the functions are called on another execution context than the client's, something must keep the client's context
/// running meanwhile, such as a `boost::asio::executor_work_guard`: the batch does not know the client.
/// \par Object lifetimes
/// An execution context that is destroyed destroys the handlers of batches whose functions are called on it, and does
/// not call them.
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

/// Reads users by their ids.
///
/// \par Effects
/// Calls `Client::get_user` once for each distinct id, as `for_each` does. Completes with the results in the order of
/// the ids. If the batch stops, the result of an id that was not read is the error that stopped the batch, with no
/// attempts and `Effect::none`.
/// \par Errors
/// Errors of the calls are results. Throws what a function of `options` throws, or `std::bad_alloc`.
/// \par Cancellation
/// As for `for_each`.
/// \par Executor
/// The functions of `options` are called on the executor of the awaiting coroutine, one at a time.
/// \par Object lifetimes
/// The client must live until the batch completes. All other arguments are read before the function returns.
PASSAGE_EXPORT boost::asio::awaitable<std::vector<expected<UserInfo>>>
get_users(Client& client, std::vector<std::string> ids, BatchOptions options = {});

/// Deletes users by their ids.
///
/// As `get_users`, with `Client::delete_user` once for each distinct id.
PASSAGE_EXPORT boost::asio::awaitable<std::vector<expected<void>>>
delete_users(Client& client, std::vector<std::string> ids, BatchOptions options = {});

/// Creates users.
///
/// As `get_users`, with `Client::create_user` for each request. Completes with the results in the order of the
/// requests. Equal requests are not combined.
PASSAGE_EXPORT boost::asio::awaitable<std::vector<expected<UserInfo>>>
create_users(Client& client, std::vector<CreateUserRequest> requests, BatchOptions options = {});

/// Updates users by their ids.
///
/// As `get_users`, with `Client::update_user` for each update. Completes with the results in the order of the updates.
/// Updates of the same user are not combined. They are begun in their order, but one does not wait for the one before
/// it.
PASSAGE_EXPORT boost::asio::awaitable<std::vector<expected<UserInfo>>>
update_users(Client& client, std::vector<std::pair<std::string, UpdateUserRequest>> updates, BatchOptions options = {});

/// `get_users` with a completion token for the signature `void(std::exception_ptr, std::vector<expected<UserInfo>>)`.
///
/// \par Errors
/// The exception is what a function of `options` threw, or `std::bad_alloc`. It is null if there are results.
/// \par Executor
/// The functions of `options` and the completion handler are called on the executor that is associated with the
/// handler. The default is the client's executor.
///
/// Allocator, cancellation slot and destroyed execution contexts: as for `for_each` with a completion token.
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

/// `delete_users` with a completion token for the signature `void(std::exception_ptr, std::vector<expected<void>>)`.
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

/// `create_users` with a completion token for the signature `void(std::exception_ptr,
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

/// `update_users` with a completion token for the signature `void(std::exception_ptr,
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
