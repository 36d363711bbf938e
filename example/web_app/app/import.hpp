#pragma once

#include "app/csv.hpp"

#include <passage/batch.hpp>
#include <passage/client.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

namespace app {

namespace asio = boost::asio;

/// A line of an import, and why no user came of it.
struct FailedLine
{
    std::size_t line;
    std::string who; ///< The e-mail address or phone number, if it could be read.
    std::string reason;
};

/// The users that a table asks for, and the lines that ask for none.
struct ImportPlan
{
    std::vector<passage::CreateUserRequest> requests;
    std::vector<std::size_t> lines; ///< Of each request.
    std::vector<FailedLine> failed_lines;
};

/// Reads a table with a column `email` (or `e-mail`) or `phone` or both, named in any case; any other column is a field
/// of the users' metadata, named as it is. If there is no such table, a sentence that says why.
std::variant<ImportPlan, std::string> plan_import(const CsvTable& table);

/// Creates users, some at a time, in the background of requests. May be asked from any thread.
class Import : public std::enable_shared_from_this<Import>
{
public:
    struct Progress
    {
        std::size_t total = 0;   ///< Lines.
        std::size_t done = 0;    ///< Of these, those that came to an end.
        std::size_t failed = 0;  ///< Of these, those of which no user came, as far as is known.
        std::size_t untried = 0; ///< Those whose turn did not come before the import was stopped.
        bool is_running = true;
        bool is_cancelled = false;
    };

    Import(const asio::any_io_executor& executor, passage::Client& client, ImportPlan plan);

    void start();

    /// Begins no more users. Those under way may or may not come to be.
    void cancel();

    Progress progress() const;

    /// Complete once nothing runs any more; in the order of the lines. Without those that were not tried.
    std::vector<FailedLine> failed_lines() const;

private:
    asio::awaitable<void> run();

    asio::any_io_executor strand_;
    asio::cancellation_signal cancellation_; // Used on the strand alone.
    passage::Client& client_;
    ImportPlan plan_; // Constant but for the failed lines.

    mutable std::mutex mutex_; // Guards the progress and the failed lines.
    Progress progress_;
};

} // namespace app
