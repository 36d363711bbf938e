#include "http/request.hpp"

#include "model/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace passage::http {
namespace {

constexpr std::array<std::string_view, 18> reserved_fields{"accept",
                                                           "accept-encoding",
                                                           "authorization",
                                                           "connection",
                                                           "content-encoding",
                                                           "content-length",
                                                           "content-type",
                                                           "expect",
                                                           "host",
                                                           "keep-alive",
                                                           "passage-version",
                                                           "proxy-authorization",
                                                           "proxy-connection",
                                                           "te",
                                                           "trailer",
                                                           "transfer-encoding",
                                                           "upgrade",
                                                           "user-agent"};

/// More than servers take.
constexpr std::size_t max_extra_bytes = 64 * 1024;

/// RFC 9110, section 5.6.2.
bool is_token(std::string_view text) noexcept
{
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x80 && (std::isalnum(byte) != 0 || marks.find(c) != marks.npos);
    });
}

void append_field(std::string& out, std::string_view name, std::string_view value)
{
    out.append(name).append(": ").append(value).append("\r\n");
}

} // namespace

RequestWriter::RequestWriter(std::string_view host_field, const Secret& api_key, std::string_view user_agent)
{
    std::string fields;
    // Reserved in full, so that no smaller buffer with the key in it is left behind.
    fields.reserve(512 + host_field.size() + api_key.reveal().size() + user_agent.size());
    append_field(fields, "Host", host_field);
    append_field(fields, "User-Agent",
                 std::string{user_agent}.append(user_agent.empty() ? "" : " ").append("passage-cpp/" PASSAGE_VERSION));
    append_field(fields, "Passage-Version", "passage-cpp " PASSAGE_VERSION);
    append_field(fields, "Accept", "application/json");
    append_field(fields, "Accept-Encoding", "identity");
    fields.append("Authorization: Bearer ").append(api_key.reveal()).append("\r\n");
    common_fields_ = Secret{std::move(fields)};
}

Secret RequestWriter::write(const Request& request, const ExtraFields& extra) const
{
    const std::string& common = common_fields_.reveal();
    std::size_t size = request.method.size() + request.target.size() + common.size() + request.body.size() + 128;
    for (const auto& [name, value] : extra)
        size += name.size() + value.size() + 4;

    std::string bytes;
    bytes.reserve(size);
    bytes.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
    bytes.append(common);
    for (const auto& [name, value] : extra)
        append_field(bytes, name, value);
    if (request.has_body) {
        append_field(bytes, "Content-Type", "application/json");
        append_field(bytes, "Content-Length", std::to_string(request.body.size()));
    }
    bytes.append("\r\n").append(request.body);
    return Secret{std::move(bytes)};
}

expected<void> check_extra_fields(const ExtraFields& fields)
{
    const auto refuse = [](std::string_view name, std::string_view why) {
        return unexpected{Error{Errc::invalid_argument,
                                std::string{"header field \""}.append(printable(name, 64)).append("\": ").append(why)}};
    };
    std::size_t size = 0;
    for (const auto& [name, value] : fields) {
        size += name.size() + value.size();
        if (size > max_extra_bytes)
            return unexpected{Error{Errc::too_large,
                                    "the further header fields exceed " + std::to_string(max_extra_bytes) + " bytes"}};
        if (!is_token(name))
            return refuse(name, "the name is not a token");
        std::string lower = name;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        if (std::find(reserved_fields.begin(), reserved_fields.end(), lower) != reserved_fields.end())
            return refuse(name, "the library sets this field itself");
        if (!is_field_value(value))
            return refuse(name, "the value has bytes that a field's value can't have");
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
