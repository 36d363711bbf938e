#include "http/request.hpp"

#include "model/invalid.hpp"
#include "model/text.hpp"

#include <algorithm>
#include <array>

namespace passage::http {
namespace {

constexpr std::array<std::string_view, 19> reserved_fields{
    "accept",          "accept-encoding",     "authorization",    "connection", "content-encoding",
    "content-length",  "content-type",        "expect",           "host",       "keep-alive",
    "passage-version", "proxy-authorization", "proxy-connection", "te",         "traceparent",
    "trailer",         "transfer-encoding",   "upgrade",          "user-agent"};

/// More than servers accept.
constexpr std::size_t max_extra_bytes = 64 * 1024;

/// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) noexcept
{
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(),
                                        [&](char c) { return is_alphanumeric(c) || marks.find(c) != marks.npos; });
}

void append_field(std::string& out, std::string_view name, std::string_view value)
{
    out.append(name).append(": ").append(value).append("\r\n");
}

} // namespace

bool states_length(const Request& request) noexcept
{
    return request.has_body || request.method == "PATCH" || request.method == "POST";
}

CommonFields::CommonFields(std::string_view host_field, const Secret& api_key, std::string_view product)
    : host{host_field},
      user_agent{product},
      version{"passage-cpp " PASSAGE_VERSION},
      accept{json_type},
      accept_encoding{"identity"},
      authorization{api_key.empty() ? Secret{} : Secret::join({"Bearer ", api_key.reveal()})}
{
    if (!user_agent.empty())
        user_agent += ' ';
    user_agent += "passage-cpp/" PASSAGE_VERSION;
}

RequestWriter::RequestWriter(const CommonFields& common)
    : common_fields_{Secret::join(
          {"Host: ", common.host, "\r\nUser-Agent: ", common.user_agent, "\r\nPassage-Version: ", common.version,
           "\r\nAccept: ", common.accept, "\r\nAccept-Encoding: ", common.accept_encoding,
           common.authorization.empty() ? "" : "\r\nAuthorization: ", common.authorization.reveal(), "\r\n"})}
{}

Secret RequestWriter::write(const Request& request, std::string_view trace_parent) const
{
    std::string fields;
    if (!trace_parent.empty())
        append_field(fields, trace_parent_field, trace_parent);
    for (const auto& [name, value] : request.extra)
        append_field(fields, name, value);
    if (request.has_body)
        append_field(fields, "Content-Type", json_type);
    if (states_length(request))
        append_field(fields, "Content-Length", std::to_string(request.body.size()));
    return Secret::join(
        {request.method, " ", request.target, " HTTP/1.1\r\n", common_fields_.reveal(), fields, "\r\n", request.body});
}

expected<void> check_extra_fields(const ExtraFields& fields)
{
    const auto refuse = [](std::string_view name, std::string_view why) {
        return invalid("header field \"" + printable(name, 64) + "\":", why);
    };
    std::size_t size = 0;
    for (const auto& [name, value] : fields) {
        size += name.size() + value.size();
        if (size > max_extra_bytes)
            return unexpected{
                Error{Errc::too_large, "the added header fields exceed " + std::to_string(max_extra_bytes) + " bytes"}};
        if (!is_token(name))
            return refuse(name, "the name is not a token");
        if (std::find(reserved_fields.begin(), reserved_fields.end(), lower_case(name)) != reserved_fields.end())
            return refuse(name, "it is reserved");
        if (!is_field_value(value))
            return refuse(name, "the value has a byte that is not printable ASCII, or begins or ends with a space");
    }
    return {};
}

bool is_field_value(std::string_view text) noexcept
{
    if (text.empty())
        return true;
    if (text.front() == ' ' || text.back() == ' ')
        return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

} // namespace passage::http
