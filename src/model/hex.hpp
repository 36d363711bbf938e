#pragma once

#include "model/text.hpp"

#include <string>
#include <string_view>

namespace passage {

/// What `hex_digit` returns for a character that is not a hexadecimal digit.
inline constexpr unsigned no_hex_digit = 16;

/// The value of a hexadecimal digit in upper or lower case.
constexpr unsigned hex_digit(char c) noexcept
{
    if (is_digit(c))
        return static_cast<unsigned>(c - '0');
    const char lower = lower_case(c);
    return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a') + 10 : no_hex_digit;
}

constexpr bool is_hex_digit(char c) noexcept
{
    return hex_digit(c) != no_hex_digit;
}

/// Appends the two hexadecimal digits of a byte, in lower case.
inline void append_hex(std::string& out, char byte)
{
    constexpr std::string_view digits = "0123456789abcdef";
    const auto value = static_cast<unsigned char>(byte);
    out += digits[value >> 4];
    out += digits[value & 15];
}

} // namespace passage
