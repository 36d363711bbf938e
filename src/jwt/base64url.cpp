#include "jwt/base64url.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace passage::jwt {
namespace {

constexpr std::uint8_t none = 0xff;

constexpr std::array<std::uint8_t, 256> values = [] {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::array<std::uint8_t, 256> table{};
    table.fill(none);
    for (std::size_t i = 0; i < digits.size(); ++i)
        table[static_cast<unsigned char>(digits[i])] = static_cast<std::uint8_t>(i);
    return table;
}();

} // namespace

std::optional<std::string_view> decode_base64url(std::string_view text, std::span<char>& room) noexcept
{
    const std::size_t size = text.size() * 6 / 8;
    if (text.size() % 4 == 1 || size > room.size())
        return std::nullopt;

    std::size_t written = 0;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const std::uint8_t value = values[static_cast<unsigned char>(c)];
        if (value == none)
            return std::nullopt;
        bits = bits << 6 | value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            room[written++] = static_cast<char>(bits >> count & 0xff);
        }
    }
    if ((bits & ((1U << count) - 1)) != 0)
        return std::nullopt;
    const std::string_view bytes{room.data(), written};
    room = room.subspan(written);
    return bytes;
}

} // namespace passage::jwt
