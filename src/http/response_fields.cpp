#include "http/response_fields.hpp"

#include "model/text.hpp"

namespace passage::http {
namespace {

constexpr std::size_t longest_request_id = 128;

void take_single(std::string& slot, bool& seen, std::string_view value)
{
    slot = seen ? std::string_view{} : value;
    seen = true;
}

} // namespace

const char* ResponseFields::put(Response& response, std::string_view name, std::string_view value)
{
    const auto is = [name](std::string_view field) { return equal_ignoring_case(name, field); };
    // Most fields are told apart by their length.
    switch (name.size()) {
    case 4:
        if (is("date"))
            response.date = value;
        break;
    case 11:
        if (is("retry-after"))
            take_single(response.retry_after, retry_after_seen_, value);
        break;
    case 12:
        if (is("content-type"))
            response.content_type = value;
        else if (is("x-request-id"))
            response.request_id = printable(value, longest_request_id);
        break;
    case 14:
        if (is("retry-after-ms"))
            take_single(response.retry_after_ms, retry_after_ms_seen_, value);
        break;
    case 16:
        if (is("content-encoding") && !equal_ignoring_case(value, "identity"))
            return "a Content-Encoding that was not asked for";
        break;
    default:
        break;
    }
    return nullptr;
}

} // namespace passage::http
