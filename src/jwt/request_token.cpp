#include "jwt/request_token.hpp"

#include "model/text.hpp"

#include <algorithm>

namespace passage::jwt {
namespace {

constexpr std::string_view scheme = "Bearer";
constexpr std::string_view cookie_name = "psg_auth_token=";

std::string_view trimmed(std::string_view text) noexcept
{
    constexpr std::string_view space = " \t";
    const std::size_t begin = text.find_first_not_of(space);
    return begin == text.npos ? std::string_view{} : text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

} // namespace

std::string_view bearer_token(std::string_view authorization) noexcept
{
    const std::string_view field = trimmed(authorization);
    const std::string_view name = field.substr(0, field.find(' '));
    return equal_ignoring_case(name, scheme) ? trimmed(field.substr(name.size())) : std::string_view{};
}

expected<std::string_view, JwtReason> cookie_token(std::string_view cookie) noexcept
{
    std::string_view token;
    while (!cookie.empty()) {
        const std::size_t end = std::min(cookie.find(';'), cookie.size());
        const std::string_view pair = trimmed(cookie.substr(0, end));
        if (pair.starts_with(cookie_name)) {
            if (!token.empty())
                return unexpected{JwtReason::malformed};
            token = pair.substr(cookie_name.size());
        }
        cookie.remove_prefix(std::min(end + 1, cookie.size()));
    }
    return token;
}

} // namespace passage::jwt
