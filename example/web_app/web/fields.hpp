#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace web {

/// Names and values that came with a request: of its query, its form or its path.
class Fields
{
public:
    void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }

    /// The first value of a name; empty if there is none.
    std::string_view operator[](std::string_view name) const;

    std::size_t size() const noexcept { return fields_.size(); }

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

/// The text that a percent-encoded one stands for; what is no encoding stays as it is.
std::string percent_decode(std::string_view text, bool plus_is_space = false);

/// A text as a segment of a path or a value of a query.
std::string percent_encode(std::string_view text);

/// The fields of a query, or of a form sent as `application/x-www-form-urlencoded`.
Fields decode_urlencoded(std::string_view text);

/// The fields of a form by the type of its content, which is one of the two below. None if it is another one, or the
/// body is not what it says.
std::optional<Fields> decode_form(std::string_view content_type, std::string_view body);

/// The fields of a form sent as `multipart/form-data` (RFC 7578); a file's value is its content. None if the body is
/// not what its content type says.
std::optional<Fields> decode_multipart(std::string_view content_type, std::string_view body);

} // namespace web
