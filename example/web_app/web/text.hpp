#pragma once

#include <string>
#include <string_view>

namespace web {

/// Returns a string with its ASCII letters in lower case, for comparisons that ignore case.
inline std::string to_lower(std::string_view text)
{
    std::string lower{text};
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return lower;
}

} // namespace web
