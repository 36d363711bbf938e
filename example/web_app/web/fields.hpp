#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace web {

/// Names and values of a request: of its query, its form or its path.
class Fields
{
public:
    void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }

    /// Returns the first value of a name; empty if there is none.
    std::string_view operator[](std::string_view name) const;

    std::size_t size() const noexcept { return fields_.size(); }

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

/// Decodes percent-encoded text. Leaves invalid encodings unchanged.
std::string percent_decode(std::string_view text, bool plus_is_space = false);

/// Percent-encodes text for a segment of a path or a value of a query.
std::string percent_encode(std::string_view text);

/// Returns the fields of a query, or of a form that was sent as `application/x-www-form-urlencoded`.
Fields decode_urlencoded(std::string_view text);

/// Returns the fields of a form whose content type is one of the two that this header decodes. Absent if the content
/// type is another one, or the body does not match it.
std::optional<Fields> decode_form(std::string_view content_type, std::string_view body);

/// Returns the fields of a form that was sent as `multipart/form-data` (RFC 7578). The value of a file is its content.
/// Absent if the body does not match the content type.
std::optional<Fields> decode_multipart(std::string_view content_type, std::string_view body);

} // namespace web
