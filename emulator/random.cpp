#include "random.hpp"

#include <openssl/rand.h>

#include <array>
#include <stdexcept>
#include <string_view>

namespace passage::emulator {

std::string random_text(std::size_t length)
{
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    // Without this limit the first letters would be more likely than the last.
    constexpr std::size_t fair = 256 / alphabet.size() * alphabet.size();
    std::string text;
    text.reserve(length);
    std::array<unsigned char, 64> bytes;
    while (text.size() < length) {
        if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
            throw std::runtime_error("the system gives no secure random numbers");
        }
        for (const unsigned char byte : bytes) {
            if (byte < fair && text.size() < length) {
                text += alphabet[byte % alphabet.size()];
            }
        }
    }
    return text;
}

} // namespace passage::emulator
