#include "response_bytes.hpp"

#include "response_fields.hpp"
#include "routes.hpp"

#include <boost/beast/http/status.hpp>

namespace passage::emulator {
namespace http = boost::beast::http;

namespace {

std::string_view reason_of(unsigned status)
{
    const auto reason = http::obsolete_reason(static_cast<http::status>(status));
    return {reason.data(), reason.size()};
}

} // namespace

std::string to_bytes(const Response& response, bool keep_alive, bool head_only)
{
    std::string bytes;
    bytes.reserve(256 + response.body.size());
    bytes.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    bytes.append(reason_of(response.status));
    for_each_field(response, [&](std::string_view name, std::string_view value) {
        bytes.append("\r\n").append(name).append(": ").append(value);
    });
    if (!keep_alive) {
        bytes.append("\r\nConnection: close");
    }
    bytes.append("\r\n\r\n");
    if (!head_only) {
        bytes.append(response.body);
    }
    return bytes;
}

} // namespace passage::emulator
