#pragma once

#include <passage/detail/build.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace passage {

/// The texts that the API uses for the values of an enumeration, in order, from the value 1 on. Each enumeration has a
/// specialization.
template <class Enum>
inline constexpr std::array<std::string_view, 0> enum_texts{};

/// A value of an enumeration that the service may extend.
///
/// If the service sends a text that this version of the library does not know, the value is `Enum::unknown` (0) and
/// `text()` returns the text. If the service sends no value, it is `Enum::unknown` with an empty text.
template <class Enum>
class OpenEnum
{
public:
    /// Constructs an absent value: `Enum::unknown` with an empty text.
    OpenEnum() = default;

    /// Constructs a known value.
    OpenEnum(Enum value) noexcept : value_{value} {}

    /// Returns the value for a text of the API.
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

    /// Returns the value; `Enum::unknown` if the text is not known.
    Enum value() const noexcept { return value_; }

    /// Returns the text that the API uses; empty if there is none. Valid for the lifetime of this object.
    std::string_view text() const noexcept
    {
        if (value_ == Enum::unknown)
            return unknown_text_;
        return enum_texts<Enum>[static_cast<std::size_t>(value_) - 1];
    }

    /// Returns whether the values, and unknown texts, are equal.
    friend bool operator==(const OpenEnum&, const OpenEnum&) = default;
    /// Returns whether the value is equal to an enumerator.
    friend bool operator==(const OpenEnum& left, Enum right) noexcept { return left.value_ == right; }

private:
    Enum value_ = Enum::unknown;
    std::string unknown_text_;
};

} // namespace passage
