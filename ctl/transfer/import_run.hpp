#pragma once

#include "import.hpp"
#include "input_file.hpp"
#include "journal.hpp"
#include "progress.hpp"
#include "records.hpp"

#include <passage/call_options.hpp>
#include <passage/client.hpp>
#include <passage/error.hpp>
#include <passage/expected.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace passage::ctl {

/// How many records had which end, in one run.
struct ImportCounts
{
    std::uint64_t created = 0;
    std::uint64_t existed = 0;
    std::uint64_t updated = 0;
    std::uint64_t refused = 0;
    std::uint64_t unanswered = 0;     ///< They stay open.
    std::uint64_t status_not_set = 0; ///< The API cannot make a user pending.
};

/// Creates the users of the open records of an input.
class ImportRun
{
public:
    /// `records` reads `input`. `complain(line, text)` is called for each record that has failed.
    ImportRun(Client& client, const InputFile& input, RecordReader& records, std::vector<RecordState>& states,
              Journal& journal, const ImportOptions& options, Progress& progress,
              std::function<void(std::uint64_t line, const std::string& text)> complain);
    ImportRun(const ImportRun&) = delete;
    ImportRun& operator=(const ImportRun&) = delete;

    /// Imports, until no record is open, or something stops it: cancellation, a refused key, a server that has been
    /// away for a minute, an input that has changed. Returns the error of a call that stopped it.
    boost::asio::awaitable<std::optional<Error>> run();

    const ImportCounts& counts() const noexcept { return counts_; }
    /// Returns whether it stopped because the input is no longer the one that `states` are of.
    bool found_change() const noexcept { return found_change_; }

private:
    using Clock = std::chrono::steady_clock;

    struct Item
    {
        Record record;
        bool was_sent = false;  ///< The server may have been asked to create the user, in whatever run.
        bool may_exist = false; ///< The user may exist because of that.
    };
    struct Outcome
    {
        enum class Kind { created, existed, updated, refused };

        Outcome(Kind what, std::string text) : kind{what}, details{std::move(text)} {}

        Kind kind;
        std::string details; ///< The id of the user, or why it was refused.
    };
    class Items;

    /// Moves to the next open record. Returns false if there is none.
    bool advance();

    boost::asio::awaitable<expected<Outcome>> import(Item& item, const CallOptions& call);
    boost::asio::awaitable<expected<Outcome>> import_once(Item& item, const CallOptions& call);
    boost::asio::awaitable<expected<std::optional<UserInfo>>> find(const Record& record, const CallOptions& call);
    boost::asio::awaitable<expected<Outcome>> take_existing(const Item& item, UserInfo user, const CallOptions& call);
    boost::asio::awaitable<expected<Outcome>> set_status(Outcome::Kind kind, const Record& record, const UserInfo& user,
                                                         const CallOptions& call);
    bool was_created_by_this_import(const Item& item, const UserInfo& user) const;

    /// Waits for the turn of a record, by the rate. Returns false if the run is cancelled, as the functions below do.
    boost::asio::awaitable<bool> wait_for_turn();
    /// Waits until the server may be asked.
    boost::asio::awaitable<bool> wait_for_pause();
    static boost::asio::awaitable<bool> wait_until(Clock::time_point time);

    /// Takes note of whether the server has answered, in whatever way, or may be away.
    void note(const expected<Outcome>& result);
    /// Returns whether the server has been away for too long.
    bool is_out_of_patience() const;

    void deliver(std::size_t index, expected<Outcome>&& result);

    Client& client_;
    const InputFile& input_;
    RecordReader& records_;
    std::vector<RecordState>& states_;
    Journal& journal_;
    const ImportOptions& options_;
    Progress& progress_;
    std::function<void(std::uint64_t, const std::string&)> complain_;
    ImportCounts counts_;

    Item next_;
    struct Place
    {
        std::uint64_t number;
        std::uint64_t line;
    };
    std::unordered_map<std::size_t, Place> places_; ///< By the indices of the batch: what is in flight.
    std::size_t advanced_ = 0;
    bool found_change_ = false;

    Clock::time_point next_turn_{};
    Clock::time_point resume_at_{};                  ///< The end of a pause that the server has asked for.
    std::uint64_t answers_ = 0;                      ///< How often the server has answered.
    std::optional<Clock::time_point> failing_since_; ///< Since when it has not.
};

} // namespace passage::ctl
