#include "request_target.hpp"

#include "ascii.hpp"
#include "percent.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <optional>

namespace passage::emulator {
namespace beast = boost::beast;

namespace {

/// Whether the text is a name, which may be empty, or an IP address.
bool is_host(std::string_view text)
{
    const auto consists_of = [](std::string_view part, std::string_view others) {
        return std::ranges::all_of(
            part, [&](char c) { return is_letter_or_digit(c) || others.find(c) != std::string_view::npos; });
    };
    if (text.starts_with('[')) {
        return text.size() > 2 && text.ends_with(']') && consists_of(text.substr(1, text.size() - 2), ":.");
    }
    return consists_of(text, "-._~!$&'()*+,;=%") && percent_decode(text);
}

/// The parts of a target in absolute form, `https://authority/path?query`, which servers must accept.
struct AbsoluteTarget
{
    std::string_view authority;
    std::string_view path; ///< includes the query; empty means `/`
};
std::optional<AbsoluteTarget> split_absolute(std::string_view target)
{
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (beast::iequals(target.substr(0, scheme.size()), scheme)) {
            const std::string_view rest = target.substr(scheme.size());
            const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
            return AbsoluteTarget{rest.substr(0, end), rest.substr(end)};
        }
    }
    return std::nullopt;
}

} // namespace

bool is_authority(std::string_view text)
{
    const std::size_t colon = text.find(':', text.starts_with('[') ? text.find(']') : 0);
    const std::string_view port = text.substr(std::min(text.size(), colon));
    return is_host(text.substr(0, colon)) && std::ranges::all_of(port.substr(port.empty() ? 0 : 1), is_digit);
}

std::string_view path_of(std::string_view target)
{
    const auto absolute = split_absolute(target);
    return absolute ? absolute->path : target;
}

bool is_target(std::string_view method, std::string_view target)
{
    if (target.find('#') != std::string_view::npos) {
        return false;
    }
    if (const auto absolute = split_absolute(target)) {
        const bool has_host = !absolute->authority.empty() && !absolute->authority.starts_with(':');
        return has_host && is_authority(absolute->authority);
    }
    return target.starts_with('/') || (target == "*" && method == "OPTIONS");
}

} // namespace passage::emulator
