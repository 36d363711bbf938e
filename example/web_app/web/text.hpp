#pragma once

#include <string>
#include <string_view>

namespace web {

/// A text with the letters of ASCII in lower case, for what is compared in any case.
inline std::string to_lower(std::string_view text)
{
    std::string lower{text};
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return lower;
}

} // namespace web
