#include "cookie.hpp"

namespace web {

std::string_view find_cookie(std::string_view field, std::string_view name)
{
    while (!field.empty()) {
        field.remove_prefix(std::min(field.find_first_not_of("; "), field.size()));
        const std::string_view pair = field.substr(0, field.find(';'));
        if (pair.starts_with(name) && pair.substr(name.size()).starts_with('='))
            return pair.substr(name.size() + 1);
        field.remove_prefix(pair.size());
    }
    return {};
}

std::string to_field(const Cookie& cookie)
{
    std::string field = cookie.name + "=" + cookie.value + "; Path=/; HttpOnly; SameSite=Lax";
    if (cookie.max_age != std::chrono::seconds{0})
        field += "; Max-Age=" + std::to_string(cookie.max_age.count() > 0 ? cookie.max_age.count() : 0);
    if (cookie.secure)
        field += "; Secure";
    return field;
}

} // namespace web
