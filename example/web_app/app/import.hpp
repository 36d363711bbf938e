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

/// A line of an import for which no user was created, and the reason.
struct FailedLine
{
    std::size_t line;
    std::string who; ///< The e-mail address or phone number, if it can be read.
    std::string reason;
};

/// The users to create from a table, and the lines that cannot be used.
struct ImportPlan
{
    std::vector<passage::CreateUserRequest> requests;
    std::vector<std::size_t> lines; ///< The line of each request.
    std::vector<FailedLine> failed_lines;
};

/// Reads a table with a column `email` (or `e-mail`), `phone` or both. The case of these names is ignored. Each other
/// column is a field of the users' metadata with the name of the column. If this is not such a table, the error is a
/// sentence that says why.
std::variant<ImportPlan, std::string> plan_import(const CsvTable& table);

/// Creates users in the background, several at a time. May be used from any thread.
class Import : public std::enable_shared_from_this<Import>
{
public:
    struct Progress
    {
        std::size_t total = 0;   ///< The number of lines.
        std::size_t done = 0;    ///< Lines that are done.
        std::size_t failed = 0;  ///< Lines that are done and for which no user was created, as far as is known.
        std::size_t untried = 0; ///< Lines that were not begun before the import was stopped.
        bool is_running = true;
        bool is_cancelled = false;
    };

    Import(const asio::any_io_executor& executor, passage::Client& client, ImportPlan plan);

    void start();

    /// Stops creating users. Users whose requests are in flight may or may not be created.
    void cancel();

    Progress progress() const;

    /// Returns the failed lines in their order, without those that were not begun. Complete when the import has ended.
    std::vector<FailedLine> failed_lines() const;

private:
    asio::awaitable<void> run();

    asio::any_io_executor strand_;
    asio::cancellation_signal cancellation_; // Used only on the strand.
    passage::Client& client_;
    ImportPlan plan_; // Constant, except for the failed lines.

    mutable std::mutex mutex_; // Guards the progress and the failed lines.
    Progress progress_;
};

} // namespace app
