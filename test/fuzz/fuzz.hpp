#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

namespace passage::fuzz {

/// What every target defines: runs the code under test on one input, and calls `require` for what must hold.
void run(std::string_view input);

/// Ends the program if something does not hold, which a fuzzer takes for a crash.
inline void require(bool good, std::string_view what)
{
    if (!good) {
        std::cerr << "does not hold: " << what << '\n';
        std::abort();
    }
}

/// How often an input was not refused at a first look. Some seed must come so far, or they are out of date.
inline std::size_t taken = 0;

/// An input, taken apart from its front. What is not there any more reads as zero or empty.
class Input
{
public:
    explicit Input(std::string_view bytes) : rest_{bytes} {}

    std::uint8_t byte()
    {
        const std::string_view one = take(1);
        return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one.front());
    }
    /// Up to and without the next line feed.
    std::string_view line()
    {
        const std::string_view text = take(rest_.find('\n'));
        take(1);
        return text;
    }
    std::string_view rest() { return take(rest_.size()); }
    bool empty() const { return rest_.empty(); }

private:
    std::string_view take(std::size_t size)
    {
        const std::string_view text = rest_.substr(0, size);
        rest_.remove_prefix(text.size());
        return text;
    }

    std::string_view rest_;
};

/// Whether a text can be printed in one line without doing anything to a terminal.
inline bool is_one_line(std::string_view text)
{
    return std::none_of(text.begin(), text.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

} // namespace passage::fuzz
