#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string_view>

namespace passage::api {

/// A path with placeholders for ids: "/users/{user_id}/devices". A constant is parsed at compile time, where a
/// malformed one is an error.
class PathTemplate
{
public:
    struct Placeholder
    {
        std::string_view before; ///< The text between the previous placeholder, or the beginning, and this one.
        std::string_view name;
    };

    /// `text` must have static storage.
    constexpr PathTemplate(const char* text) : text_{text}, rest_{text}
    {
        for (std::size_t begin = rest_.find('{'); begin != rest_.npos; begin = rest_.find('{')) {
            const std::size_t end = rest_.find('}', begin);
            if (end == rest_.npos || count_ == placeholders_.size())
                throw std::invalid_argument{"a placeholder is not closed, or one too many"};
            placeholders_[count_++] = {rest_.substr(0, begin), rest_.substr(begin + 1, end - begin - 1)};
            literal_size_ += begin;
            rest_.remove_prefix(end + 1);
        }
        literal_size_ += rest_.size();
    }

    constexpr std::string_view text() const noexcept { return text_; }
    constexpr std::span<const Placeholder> placeholders() const noexcept { return {placeholders_.data(), count_}; }
    /// The text after the last placeholder.
    constexpr std::string_view rest() const noexcept { return rest_; }
    /// The size of the text without the placeholders.
    constexpr std::size_t literal_size() const noexcept { return literal_size_; }

private:
    std::array<Placeholder, 2> placeholders_{};
    std::size_t count_ = 0;
    std::string_view text_;
    std::string_view rest_;
    std::size_t literal_size_ = 0;
};

} // namespace passage::api
