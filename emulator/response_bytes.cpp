#include "response_bytes.hpp"

#include "routes.hpp"

#include <boost/beast/http/status.hpp>

#include <cstdio>
#include <ctime>

namespace passage::emulator {
namespace http = boost::beast::http;

namespace {

std::string_view reason_of(unsigned status)
{
    const auto reason = http::obsolete_reason(static_cast<http::status>(status));
    return {reason.data(), reason.size()};
}

std::string http_date()
{
    const std::time_t time = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&time, &parts);
    constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[48];
    const int size =
        std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[parts.tm_wday], parts.tm_mday,
                      months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
    return {text, static_cast<std::size_t>(size)};
}

} // namespace

std::string to_bytes(const Response& response, bool keep_alive, bool head_only)
{
    std::string bytes;
    bytes.reserve(256 + response.body.size());
    bytes.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    bytes.append(reason_of(response.status)).append("\r\nDate: ").append(http_date());
    if (!response.body.empty()) {
        bytes.append("\r\nContent-Type: application/json; charset=utf-8");
    }
    if (!response.allow.empty()) {
        bytes.append("\r\nAllow: ").append(response.allow);
    }
    if (response.retry_after) {
        bytes.append("\r\nRetry-After: ").append(std::to_string(response.retry_after->count()));
    }
    if (response.status == 401) {
        bytes.append("\r\nWWW-Authenticate: Bearer");
    }
    if (!keep_alive) {
        bytes.append("\r\nConnection: close");
    }
    bytes.append("\r\nContent-Length: ").append(std::to_string(response.body.size()));
    bytes.append("\r\n\r\n");
    if (!head_only) {
        bytes.append(response.body);
    }
    return bytes;
}

} // namespace passage::emulator
