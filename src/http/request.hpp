#pragma once

#include <passage/expected.hpp>
#include <passage/secret.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace passage::http {

/// What distinguishes one request from the others of a client.
struct Request
{
    std::string_view method; ///< Static storage.
    std::string target;      ///< Origin form, percent-encoded (RFC 9112, section 3.2.1).
    std::string body;        ///< JSON; empty for none.
    bool has_body = false;
};

/// Further header fields of a request: names and values.
using ExtraFields = std::vector<std::pair<std::string, std::string>>;

/// Writes requests; the fields that are the same in each are put together once.
class RequestWriter
{
public:
    /// Without a key nothing is sent in its place.
    RequestWriter(std::string_view host_field, const Secret& api_key, std::string_view user_agent);

    /// The bytes of a request. They hold the API key, so they are a secret.
    Secret write(const Request& request, const ExtraFields& extra) const;

private:
    Secret common_fields_;
};

/// A request with a further field.
Secret add_field(std::string_view request, std::string_view name, std::string_view value);

/// Refuses fields that the library sets itself or that would break the framing, and names and values that RFC 9110,
/// section 5, does not allow; `Errc::too_large` if they exceed 64 KiB together.
expected<void> check_extra_fields(const ExtraFields& fields);

/// Whether a text can be a field's value (RFC 9110, section 5.5); bytes from 0x80 on are not allowed either.
bool is_field_value(std::string_view text) noexcept;

} // namespace passage::http
