#pragma once

#include "json/allowance.hpp"

#include <string>
#include <string_view>

namespace passage::json {

/// Joins the parts of a string. The parser splits a string that has escapes.
class TextParts
{
public:
    /// Adds a part that is not the last one. False if the allowance is exhausted.
    bool add(std::string_view part, Allowance& allowance);

    /// Whether a part was added and the last one is still to come. Most strings have one part.
    bool is_begun() const noexcept { return is_begun_; }
    /// The whole string, given its last part. Valid until the next part is added. A null `data()` means that the
    /// allowance is exhausted.
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
