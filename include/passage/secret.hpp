#pragma once

#include <passage/detail/build.hpp>

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace passage {

/// A string that cannot be printed by accident.
///
/// Its memory is wiped when it is released. It is excluded from core dumps if the system supports that
/// (`MADV_DONTDUMP`). There is no stream operator and no conversion to a string: only `reveal()` gives access to the
/// text.
class PASSAGE_EXPORT Secret
{
public:
    Secret() = default;
    /// Copies a string.
    Secret(std::string_view text) : Secret{join({text})} {}
    /// Copies a string.
    Secret(const char* text) : Secret{std::string_view{text}} {}
    /// Copies a string.
    Secret(const std::string& text) : Secret{std::string_view{text}} {}
    /// Copies a string, and wipes the original.
    Secret(std::string&& text);
    /// Copy constructor.
    Secret(const Secret& other) : Secret{other.reveal()} {}
    /// Move constructor. The other secret is empty afterwards.
    Secret(Secret&& other) noexcept : text_{std::exchange(other.text_, nullptr)}, size_{std::exchange(other.size_, 0)}
    {}
    /// Assignment. Wipes the previous text.
    Secret& operator=(Secret other) noexcept
    {
        std::swap(text_, other.text_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Secret();

    /// Returns the concatenation of strings.
    static Secret join(std::initializer_list<std::string_view> parts);

    /// Returns the text. Valid until this object is destroyed or assigned to.
    std::string_view reveal() const noexcept { return {text_, size_}; }
    /// Returns whether the text is empty.
    bool empty() const noexcept { return size_ == 0; }

private:
    char* text_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace passage
