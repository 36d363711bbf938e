#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

namespace passage::ctl {

/// A progress bar on standard error, if that is a terminal: how much is done, the rate, and the time left.
class Progress
{
public:
    using Clock = std::chrono::steady_clock;

    /// `done` of `total` items are done before. The total is 0 if it is not known.
    Progress(std::ostream& stream, std::uint64_t total, std::uint64_t done = 0);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    /// Removes the bar.
    ~Progress();

    /// Counts an item, and draws the bar if it was not drawn lately.
    void add(bool has_failed = false);
    /// Prints a line above the bar. Its characters must be printable.
    void print(const std::string& line);

private:
    void draw(Clock::time_point now);
    void remove();

    std::ostream& stream_;
    bool is_shown_; ///< There is a terminal.
    bool is_drawn_ = false;
    std::uint64_t total_;
    std::uint64_t done_;
    std::uint64_t failed_ = 0;
    Clock::time_point drawn_at_{}; ///< The last time, or when the first item was counted.
    std::uint64_t done_when_drawn_;
    double rate_ = 0; ///< Items a second, those of the last seconds above all.
};

/// Returns a number with commas between its thousands.
std::string with_commas(std::uint64_t number);

} // namespace passage::ctl
