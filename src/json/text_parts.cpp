#include "json/text_parts.hpp"

namespace passage::json {

bool TextParts::add(std::string_view part, Allowance& allowance)
{
    if (!is_begun_)
        text_.clear();
    is_begun_ = true;
    return append(part, allowance);
}

bool TextParts::append(std::string_view part, Allowance& allowance)
{
    if (!allowance.grow(text_, text_.size() + part.size()))
        return false;
    text_ += part;
    return true;
}

std::string_view TextParts::join(std::string_view last, Allowance& allowance)
{
    is_begun_ = false;
    return append(last, allowance) ? std::string_view{text_} : std::string_view{};
}

} // namespace passage::json
