#pragma once

#include <passage/expected.hpp>
#include <passage/secret.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace passage::http {

/// Names and values of additional header fields.
using ExtraFields = std::vector<std::pair<std::string, std::string>>;

/// The parts of a request that differ between the requests of a client.
struct Request
{
    std::string_view method;        ///< In static storage.
    std::string_view path_template; ///< Below the app's path, with placeholders for ids. In static storage.
    std::string target;             ///< Origin form, percent-encoded (RFC 9112, section 3.2.1).
    std::string body;               ///< JSON; empty if there is no body.
    bool has_body = false;
    ExtraFields extra; ///< Fields that the caller adds.
};

/// Whether the request says how long its body is: also if it has none, but the method expects one (RFC 9110, section
/// 8.6).
bool states_length(const Request& request) noexcept;

inline constexpr std::string_view json_type = "application/json";
inline constexpr std::string_view trace_parent_field = "traceparent";

/// The fields that all requests of a client share.
struct CommonFields
{
    /// An empty key leaves out the authorization field.
    CommonFields(std::string_view host_field, const Secret& api_key, std::string_view user_agent);

    std::string host; ///< `Host`, or `:authority` in HTTP/2.
    std::string user_agent;
    std::string_view version;         ///< `Passage-Version`.
    std::string_view accept;          ///< `Accept`.
    std::string_view accept_encoding; ///< `Accept-Encoding`.
    Secret authorization;             ///< `Authorization`; empty if there is none.
};

/// Writes requests of HTTP/1.1. Prepares the fields that all requests of a client share.
class RequestWriter
{
public:
    explicit RequestWriter(const CommonFields& common);

    /// The bytes of a request. They include the API key. `trace_parent` may be empty.
    Secret write(const Request& request, std::string_view trace_parent) const;

private:
    Secret common_fields_;
};

/// Fails with `Errc::invalid_argument` on a field that the library sets or that would break the framing, and on a name
/// or value that RFC 9110, section 5, does not allow; with `Errc::too_large` if all fields together exceed 64 KiB.
expected<void> check_extra_fields(const ExtraFields& fields);

/// Whether a text is allowed as a field's value (RFC 9110, section 5.5). Refuses bytes from 0x80 on, too.
bool is_field_value(std::string_view text) noexcept;

} // namespace passage::http
