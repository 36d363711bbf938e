#pragma once

#include "json/allowance.hpp"

#include <string>
#include <string_view>

namespace passage::json {

/// Joins a text that the parser hands over in parts, as it does with escapes in it.
class TextParts
{
public:
    /// Takes a part that is not the last; false if the allowance does not suffice.
    bool add(std::string_view part, Allowance& allowance);

    /// Whether there is a part whose last one did not come yet. Most texts come in one part.
    bool is_begun() const noexcept { return is_begun_; }
    /// The text whose last part this is: itself, if there is no other. Valid until the next part; null if the allowance
    /// does not suffice.
    std::string_view end(std::string_view last, Allowance& allowance)
    {
        return is_begun_ ? join(last, allowance) : last;
    }

private:
    std::string_view join(std::string_view last, Allowance& allowance);
    bool append(std::string_view part, Allowance& allowance);

    std::string text_;
    bool is_begun_ = false;
};

} // namespace passage::json
