#pragma once

#include "program.hpp"

#include <passage/batch.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace passage::ctl {

/// Returns the items that a command names: its arguments, with the lines of standard input in place of "-". Each item
/// is taken once. Throws `Failure` if there is none.
std::vector<std::string> read_items(const std::vector<std::string>& arguments);

/// Returns "user x", or "3 users".
std::string count_of(const std::vector<std::string>& items, const std::string& noun);

/// Writes that something was done with an item: "deleted x", or {"user_id":"x","deleted":true}.
void write_done(Program& program, const char* kind, const std::string& item, const char* done);

/// What became of items: prints what failed, and says how the program ends.
class Tally
{
public:
    Tally(Program& program, std::span<const std::string> items) : program_{program}, items_{items} {}

    void succeeded() noexcept { ++succeeded_; }
    void failed(std::size_t index, const Error& error);
    /// All items are done, or the batch stopped.
    ExitCode end(const std::optional<Error>& stopped);

    /// Whether an error would also be that of all further items.
    static bool stops(const Error& error);

private:
    Program& program_;
    std::span<const std::string> items_;
    std::size_t succeeded_ = 0;
    std::size_t failed_ = 0;
    ExitCode code_ = ExitCode::ok; ///< That of all failures, if it is the same.
};

/// Calls an operation for each item, several at a time, and `print(item, result)` for each success, in the order of the
/// items. Failures are printed.
///
/// `operation(item, call_options)` returns an `awaitable<expected<T>>`. If `T` is void, `print(item)` is called.
template <class Operation, class Print>
asio::awaitable<ExitCode> for_each_item(Program& program, std::vector<std::string> items, Operation operation,
                                        Print print)
{
    const std::span<const std::string> view{items};
    Tally tally{program, view};
    using Result = typename std::invoke_result_t<Operation&, const std::string&, const CallOptions&>::value_type;
    const auto deliver = [&](std::size_t index, Result&& result) {
        if (!result) {
            tally.failed(index, result.error());
            return;
        }
        if constexpr (std::is_void_v<typename Result::value_type>)
            print(view[index]);
        else
            print(view[index], *result);
        tally.succeeded();
    };
    BatchOptions options;
    options.in_order(true).window(16).stop_when(&Tally::stops);
    const BatchSummary summary = co_await passage::for_each(view, std::move(operation), deliver, std::move(options));
    co_return tally.end(summary.stopped);
}

} // namespace passage::ctl
