#pragma once

#include <passage/detail/build.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace passage {

/// The wire's texts of an enumeration's values, in order, from the value 1 on; specialised beside
/// each enumeration.
template <class Enum>
inline constexpr std::array<std::string_view, 0> enum_texts{};

/// A value of an enumeration that the service may extend: a text that this version does not know
/// stays readable.
///
/// `Enum::unknown` (0) stands for such a text, and for none at all. A value type.
template <class Enum>
class OpenEnum
{
public:
    /// No value: unknown, with an empty text.
    OpenEnum() = default;

    /// A known value.
    OpenEnum(Enum value) noexcept : value_{value} {}

    /// The value that the wire's text stands for.
    static OpenEnum from_text(std::string_view text)
    {
        const auto& texts = enum_texts<Enum>;
        const auto found = std::find(texts.begin(), texts.end(), text);
        OpenEnum result;
        if (found != texts.end())
            result.value_ = static_cast<Enum>(found - texts.begin() + 1);
        else
            result.unknown_text_ = text;
        return result;
    }

    /// The value; `Enum::unknown` if the text is not known.
    Enum value() const noexcept { return value_; }

    /// The text on the wire; empty if there was none. Valid while this object is.
    std::string_view text() const noexcept
    {
        if (value_ == Enum::unknown)
            return unknown_text_;
        return enum_texts<Enum>[static_cast<std::size_t>(value_) - 1];
    }

    /// Equal texts are equal.
    friend bool operator==(const OpenEnum&, const OpenEnum&) = default;
    /// Whether the value is a given one.
    friend bool operator==(const OpenEnum& left, Enum right) noexcept { return left.value_ == right; }

private:
    Enum value_ = Enum::unknown;
    std::string unknown_text_;
};

} // namespace passage
