#include "export.hpp"

#include "../json_lines.hpp"
#include "../program.hpp"
#include "../terminal.hpp"
#include "progress.hpp"
#include "user_csv.hpp"

#include <passage/batch.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <unistd.h>

#include <cstdint>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace passage::ctl {
namespace {

/// So many users are read at a time, before they are written. Nothing is in flight while the output is written, which
/// may take long if it is a pipe.
constexpr std::size_t chunk_size = 256;
constexpr std::int64_t page_size = 500;

using Users = std::vector<UserSummary>;

class Export
{
public:
    Export(Program& program, const ExportOptions& options) : program_{program}, options_{options}
    {
        select(request_, options.selection);
        request_.limit(page_size);
    }

    asio::awaitable<ExitCode> run()
    {
        using namespace asio::experimental::awaitable_operators;

        if (is_terminal(STDERR_FILENO) && !is_terminal(STDOUT_FILENO)) {
            ListUsersRequest first = request_;
            const UserPage page = value_or_throw(co_await program_.client().list_users(first.limit(1)));
            progress_.emplace(program_.err, static_cast<std::uint64_t>(page.total_users));
        }
        UserRange range = program_.client().users(request_);
        Users users = co_await read_chunk(range);
        if (options_.format == ExportOptions::Format::csv)
            program_.out << csv_header();
        while (!users.empty()) {
            Users next;
            if (options_.format == ExportOptions::Format::csv || options_.is_brief) {
                write_summaries(users);
                next = co_await read_chunk(range);
            } else {
                next = co_await (read_chunk(range) && write_profiles(users));
                program_.out << std::exchange(lines_, std::ostringstream{}).str();
                written_ += std::exchange(line_count_, 0);
                if (failed_)
                    throw Failure{*failed_};
            }
            users = std::move(next);
        }
        program_.out.flush();
        co_return ExitCode::ok;
    }

    /// Says what was written, after `run` has ended in any way.
    void end(bool is_complete)
    {
        progress_.reset();
        if (deleted_ > 0)
            program_.note(with_commas(deleted_) + " users were deleted while they were read, and left out");
        if (!is_complete)
            program_.note("the export is incomplete: it has " + with_commas(written_) + " users");
    }

private:
    asio::awaitable<Users> read_chunk(UserRange& range)
    {
        Users users;
        while (users.size() < chunk_size) {
            auto user = value_or_throw(co_await range.next());
            if (!user)
                break;
            users.push_back(*std::move(user));
        }
        co_return users;
    }

    void write_summaries(const Users& users)
    {
        for (const UserSummary& user : users) {
            if (options_.format == ExportOptions::Format::csv)
                program_.out << csv_row(user, options_.is_for_spreadsheets);
            else
                write_line(program_.out, to_json(user));
            ++written_;
            show_one();
        }
    }

    /// Reads the users with all fields, and writes them in the same order.
    asio::awaitable<void> write_profiles(const Users& users)
    {
        const auto read = [this](const UserSummary& user, const CallOptions& call) {
            return program_.client().get_user(user.id, call);
        };
        const auto write = [this](std::size_t, expected<UserInfo>&& user) {
            if (user && !failed_) {
                write_line(lines_, to_json(*user));
                ++line_count_;
                show_one();
            } else if (!user && is_not_found(user.error())) {
                ++deleted_;
            } else if (!user && !failed_) {
                failed_ = std::move(user.error());
            }
        };
        BatchOptions options;
        options.in_order(true).window(options_.window);
        const BatchSummary summary =
            co_await passage::for_each(std::span<const UserSummary>{users}, read, write, options);
        if (summary.stopped && !failed_)
            failed_ = summary.stopped;
    }

    void show_one()
    {
        if (progress_)
            progress_->add();
    }

    Program& program_;
    const ExportOptions& options_;
    ListUsersRequest request_;
    std::optional<Progress> progress_;
    std::ostringstream lines_; ///< What is to be written.
    std::uint64_t line_count_ = 0;
    std::optional<Error> failed_;
    std::uint64_t written_ = 0;
    std::uint64_t deleted_ = 0;
};

} // namespace

ExitCode export_users(Program& program, const ExportOptions& options)
{
    Export exporting{program, options};
    try {
        const ExitCode code = program.run(exporting.run());
        exporting.end(code == ExitCode::ok);
        return code;
    } catch (const Failure&) {
        exporting.end(false);
        throw;
    }
}

} // namespace passage::ctl
