#pragma once

#include <passage/detail/build.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace passage {

/// A text that is not printed by accident and whose memory is wiped when it goes.
///
/// There is no stream operator and no conversion back: `reveal()` is the only way to the text.
class PASSAGE_EXPORT Secret
{
public:
    Secret() = default;
    /// Takes a copy of a text.
    Secret(std::string_view text);
    /// Takes a copy of a text.
    Secret(const char* text) : Secret{std::string_view{text}} {}
    /// Takes a copy of a text.
    Secret(const std::string& text) : Secret{std::string_view{text}} {}
    /// Takes a copy of a text, and wipes the original.
    Secret(std::string&& text);
    /// Takes a copy.
    Secret(const Secret& other) : Secret{std::string_view{other.text_}} {}
    /// Moves the text; nothing of it stays behind.
    Secret(Secret&& other) noexcept;
    /// Takes the other text over; the former one is wiped.
    Secret& operator=(Secret other) noexcept
    {
        text_.swap(other.text_);
        return *this;
    }
    ~Secret();

    /// The text. Valid while this object is.
    const std::string& reveal() const noexcept { return text_; }
    /// Whether there is no text.
    bool empty() const noexcept { return text_.empty(); }

private:
    std::string text_;
};

} // namespace passage
