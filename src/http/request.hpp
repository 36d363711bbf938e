#pragma once

#include <passage/expected.hpp>
#include <passage/secret.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace passage::http {

/// Further header fields of a request: names and values.
using ExtraFields = std::vector<std::pair<std::string, std::string>>;

/// What distinguishes one request from the others of a client. It stays in parts until a connection writes it.
struct Request
{
    std::string_view method; ///< Static storage.
    std::string target;      ///< Origin form, percent-encoded (RFC 9112, section 3.2.1).
    std::string body;        ///< JSON; empty for none.
    bool has_body = false;
    ExtraFields extra; ///< Of the caller's.
};

inline constexpr std::string_view json_type = "application/json";
inline constexpr std::string_view trace_parent_field = "traceparent";

/// The fields that are the same in all requests of a client.
struct CommonFields
{
    /// Without a key nothing is sent in its place.
    CommonFields(std::string_view host_field, const Secret& api_key, std::string_view user_agent);

    std::string host; ///< `Host`, or `:authority`.
    std::string user_agent;
    std::string_view version;         ///< `Passage-Version`.
    std::string_view accept;          ///< `Accept`.
    std::string_view accept_encoding; ///< `Accept-Encoding`.
    Secret authorization;             ///< `Authorization`; none if empty.
};

/// Writes requests of HTTP/1.1; the fields that are the same in each are put together once.
class RequestWriter
{
public:
    explicit RequestWriter(const CommonFields& common);

    /// The bytes of a request. They hold the API key, so they are a secret. `trace_parent` may be empty.
    Secret write(const Request& request, std::string_view trace_parent) const;

private:
    Secret common_fields_;
};

/// Refuses fields that the library sets itself or that would break the framing, and names and values that RFC 9110,
/// section 5, does not allow; `Errc::too_large` if they exceed 64 KiB together.
expected<void> check_extra_fields(const ExtraFields& fields);

/// Whether a text can be a field's value (RFC 9110, section 5.5); bytes from 0x80 on are not allowed either.
bool is_field_value(std::string_view text) noexcept;

} // namespace passage::http
