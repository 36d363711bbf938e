#include <passage/trace_parent.hpp>

#include "model/hex.hpp"

#include <algorithm>
#include <cstddef>
#include <span>

namespace passage {
namespace {

/// Size of a field of version 00. Later versions may append to it.
constexpr std::size_t field_size = 55;

/// Reads pairs of hexadecimal digits in lower case.
bool read(std::string_view digits, std::span<std::uint8_t> into) noexcept
{
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const char c = digits[i];
        if (!is_hex_digit(c) || c != lower_case(c))
            return false;
        into[i / 2] = static_cast<std::uint8_t>(into[i / 2] * 16U + hex_digit(c));
    }
    return true;
}

void append(std::string& out, std::span<const std::uint8_t> bytes)
{
    for (const std::uint8_t byte : bytes)
        append_hex(out, static_cast<char>(byte));
}

constexpr std::uint8_t sampled_flag = 1;

} // namespace

std::optional<TraceParent> TraceParent::parse(std::string_view field) noexcept
{
    if (field.size() < field_size || field[2] != '-' || field[35] != '-' || field[52] != '-')
        return std::nullopt;
    TraceParent place;
    std::array<std::uint8_t, 1> version{};
    std::array<std::uint8_t, 1> flags{};
    if (!read(field.substr(0, 2), version) || !read(field.substr(3, 32), place.trace_id) ||
        !read(field.substr(36, 16), place.parent_id) || !read(field.substr(53, 2), flags))
        return std::nullopt;
    const bool may_be_longer = version[0] > 0 && version[0] < 0xff;
    const bool good_end = field.size() == field_size || (may_be_longer && field[field_size] == '-');
    if (version[0] == 0xff || !good_end || !place.is_valid())
        return std::nullopt;
    place.sampled = (flags[0] & sampled_flag) != 0;
    return place;
}

bool TraceParent::is_valid() const noexcept
{
    const auto is_set = [](std::uint8_t byte) { return byte != 0; };
    return std::any_of(trace_id.begin(), trace_id.end(), is_set) &&
           std::any_of(parent_id.begin(), parent_id.end(), is_set);
}

std::string to_string(const TraceParent& place)
{
    std::string field = "00-";
    field.reserve(field_size);
    append(field, place.trace_id);
    field += '-';
    append(field, place.parent_id);
    field += place.sampled ? "-01" : "-00";
    return field;
}

} // namespace passage
