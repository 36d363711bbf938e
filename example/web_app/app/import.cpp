#include "import.hpp"

#include "web/text.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <exception>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

namespace app {
namespace {

constexpr std::size_t users_at_a_time = 16;

/// Returns the canonical name of a column: `email` and `phone` in any case, and `E-mail` for `email`.
std::string column_of(const std::string& name)
{
    std::string lower = web::to_lower(name);
    if (lower == "email" || lower == "e-mail")
        return "email";
    return lower == "phone" ? lower : name;
}

/// Returns the request for a row. Fields without a value are omitted.
passage::CreateUserRequest to_request(const std::vector<std::string>& columns, const std::vector<std::string>& fields)
{
    passage::CreateUserRequest request;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        if (fields[i].empty())
            continue;
        if (columns[i] == "email")
            request.email(fields[i]);
        else if (columns[i] == "phone")
            request.phone(fields[i]);
        else
            request.metadata(columns[i], fields[i]);
    }
    return request;
}

/// Returns whether a request for the user was made. If an import is stopped, for instance by cancellation or a refused
/// key, users that were not begun have the same error.
bool was_tried(const passage::Error& error)
{
    using passage::Errc;
    if (error.code == Errc::cancelled || error.code == Errc::shut_down)
        return error.effect != passage::Effect::none;
    return error.code != Errc::api || error.attempts > 0;
}

std::string reason_of(const passage::Error& error)
{
    return passage::is_cancelled(error) ? "cancelled under way: the user may have been created" : error.message;
}

} // namespace

std::variant<ImportPlan, std::string> plan_import(const CsvTable& table)
{
    if (table.header.empty())
        return table.bad_lines.empty() ? "The file is empty."
                                       : "The first line can't be read: " + table.bad_lines.front().reason + ".";
    std::vector<std::string> columns;
    std::ranges::transform(table.header, std::back_inserter(columns), column_of);
    const std::set<std::string_view> different{columns.begin(), columns.end()};
    if (different.contains("") || different.size() < columns.size())
        return "The columns must have names, and each another one.";
    if (!different.contains("email") && !different.contains("phone"))
        return "The first line must name the columns, and one of them must be “email” or “phone”.";

    ImportPlan plan;
    for (const CsvTable::Row& row : table.rows) {
        plan.requests.push_back(to_request(columns, row.fields));
        plan.lines.push_back(row.line);
    }
    for (const CsvTable::BadLine& bad : table.bad_lines)
        plan.failed_lines.push_back({bad.line, "", bad.reason});
    return plan;
}

Import::Import(const asio::any_io_executor& executor, passage::Client& client, ImportPlan plan)
    : strand_{asio::make_strand(executor)}, client_{client}, plan_{std::move(plan)}
{
    progress_.total = plan_.requests.size() + plan_.failed_lines.size();
    progress_.done = progress_.failed = plan_.failed_lines.size();
}

void Import::start()
{
    asio::co_spawn(
        strand_, run(),
        asio::bind_cancellation_slot(cancellation_.slot(), [self = shared_from_this()](std::exception_ptr error) {
            if (error)
                std::rethrow_exception(error);
        }));
}

void Import::cancel()
{
    asio::dispatch(strand_,
                   [self = shared_from_this()] { self->cancellation_.emit(asio::cancellation_type::terminal); });
}

asio::awaitable<void> Import::run()
{
    const std::size_t unread = plan_.failed_lines.size();
    passage::BatchOptions options;
    options.window(users_at_a_time).on_progress([this, unread](const passage::BatchProgress& now) {
        const std::lock_guard lock{mutex_};
        progress_.done = unread + now.done;
        progress_.failed = unread + now.failed;
    });
    const auto users = co_await passage::create_users(client_, plan_.requests, options);

    const std::lock_guard lock{mutex_};
    for (std::size_t i = 0; i < users.size(); ++i) {
        if (users[i])
            continue;
        const passage::CreateUserRequest& request = plan_.requests[i];
        const passage::Error& error = users[i].error();
        progress_.is_cancelled |= passage::is_cancelled(error);
        if (was_tried(error))
            plan_.failed_lines.push_back(
                {plan_.lines[i], request.email().value_or(request.phone().value_or("")), reason_of(error)});
        else
            ++progress_.untried;
    }
    progress_.failed = plan_.failed_lines.size();
    progress_.done = progress_.total - progress_.untried;
    std::ranges::sort(plan_.failed_lines, {}, &FailedLine::line);
    progress_.is_running = false;
}

Import::Progress Import::progress() const
{
    const std::lock_guard lock{mutex_};
    return progress_;
}

std::vector<FailedLine> Import::failed_lines() const
{
    const std::lock_guard lock{mutex_};
    return plan_.failed_lines;
}

} // namespace app
