#pragma once

#include <passage/detail/build.hpp>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace passage {

/// A text that is not printed by accident, whose memory is wiped when it goes and is left out of core dumps where the
/// system can do that (`MADV_DONTDUMP`).
///
/// There is no stream operator and no conversion back: `reveal()` is the only way to the text.
class PASSAGE_EXPORT Secret
{
public:
    Secret() = default;
    /// Takes a copy of a text.
    Secret(std::string_view text) : Secret{join({text})} {}
    /// Takes a copy of a text.
    Secret(const char* text) : Secret{std::string_view{text}} {}
    /// Takes a copy of a text.
    Secret(const std::string& text) : Secret{std::string_view{text}} {}
    /// Takes a copy of a text, and wipes the original.
    Secret(std::string&& text);
    /// Takes a copy.
    Secret(const Secret& other) : Secret{other.reveal()} {}
    /// Moves the text; nothing of it stays behind.
    Secret(Secret&& other) noexcept : text_{std::exchange(other.text_, nullptr)}, size_{std::exchange(other.size_, 0)}
    {}
    /// Takes the other text over; the former one is wiped.
    Secret& operator=(Secret other) noexcept
    {
        std::swap(text_, other.text_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Secret();

    /// Texts, one behind the other.
    static Secret join(std::initializer_list<std::string_view> parts);

    /// The text. Valid until this object goes or is given another one.
    std::string_view reveal() const noexcept { return {text_, size_}; }
    /// Whether there is no text.
    bool empty() const noexcept { return size_ == 0; }

private:
    char* text_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace passage
