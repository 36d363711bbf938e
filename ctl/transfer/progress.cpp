#include "progress.hpp"

#include "../terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <ostream>
#include <sstream>

namespace passage::ctl {
namespace {

using std::chrono::duration;

constexpr std::chrono::milliseconds between_drawings{100};
constexpr double memory_of_rate = 5; // seconds
constexpr std::size_t least_bar = 8;
constexpr std::size_t most_bar = 24;

/// The number of columns of the terminal that standard error is.
std::size_t columns()
{
    constexpr std::size_t usual = 80;
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : usual;
}

/// `0:07`, `12:30`, `3:05:00`.
std::string clock_text(std::uint64_t seconds)
{
    std::ostringstream text;
    if (seconds >= 3600)
        text << seconds / 3600 << ':' << std::setw(2) << std::setfill('0');
    text << seconds / 60 % 60 << ':' << std::setw(2) << std::setfill('0') << seconds % 60;
    return text.str();
}

} // namespace

std::string with_commas(std::uint64_t number)
{
    std::string text = std::to_string(number);
    for (std::size_t i = text.size(); i > 3; i -= 3)
        text.insert(i - 3, 1, ',');
    return text;
}

Progress::Progress(std::ostream& stream, std::uint64_t total, std::uint64_t done)
    : stream_{stream}, is_shown_{is_terminal(STDERR_FILENO)}, total_{total}, done_{done}, done_when_drawn_{done}
{}

Progress::~Progress()
{
    remove();
}

void Progress::add(bool has_failed)
{
    const auto now = Clock::now();
    if (drawn_at_ == Clock::time_point{})
        drawn_at_ = now; // what came before says nothing of the rate
    else if (is_shown_ && now - drawn_at_ >= between_drawings)
        draw(now);
    ++done_;
    failed_ += has_failed;
}

void Progress::print(const std::string& line)
{
    remove();
    stream_ << line << std::endl;
}

void Progress::draw(Clock::time_point now)
{
    const double seconds = duration<double>(now - drawn_at_).count();
    const double latest = static_cast<double>(done_ - done_when_drawn_) / seconds;
    const double weight = 1 - std::exp(-seconds / memory_of_rate);
    rate_ = rate_ == 0 ? latest : rate_ + weight * (latest - rate_);
    drawn_at_ = now;
    done_when_drawn_ = done_;

    std::ostringstream text;
    text << with_commas(done_);
    if (total_ > 0)
        text << " of " << with_commas(total_);
    text << ", " << with_commas(static_cast<std::uint64_t>(std::lround(rate_))) << " a second";
    if (total_ > done_ && rate_ > 0)
        text << ", " << clock_text(static_cast<std::uint64_t>(static_cast<double>(total_ - done_) / rate_)) << " left";
    if (failed_ > 0)
        text << ", " << with_commas(failed_) << " failed";

    // A line that is too long would be two, of which only one is replaced.
    const std::string line = text.str().substr(0, columns() - 1);
    const std::size_t room = columns() - 1 - line.size();
    constexpr std::size_t frame = 3;
    stream_ << "\r\x1b[K";
    if (total_ > 0 && room >= least_bar + frame) {
        const std::size_t width = std::min(room - frame, most_bar);
        const auto filled = static_cast<std::size_t>(width * std::min(done_, total_) / total_);
        stream_ << '[' << std::string(filled, '#') << std::string(width - filled, ' ') << "] ";
    }
    stream_ << line << std::flush;
    is_drawn_ = true;
}

void Progress::remove()
{
    if (is_drawn_)
        stream_ << "\r\x1b[K" << std::flush;
    is_drawn_ = false;
}

} // namespace passage::ctl
