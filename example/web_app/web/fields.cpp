#include "fields.hpp"

#include "text.hpp"

#include <algorithm>
#include <charconv>

namespace web {
namespace {

/// Removes and returns the part of the text before a separator, and removes the separator; the whole text if there is
/// none.
std::string_view cut(std::string_view& text, std::string_view separator)
{
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view before = text.substr(0, end);
    text.remove_prefix(std::min(end + separator.size(), text.size()));
    return before;
}

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view blank = " \t";
    text.remove_prefix(std::min(text.find_first_not_of(blank), text.size()));
    return text.substr(0, text.find_last_not_of(blank) + 1);
}

/// Removes and returns the part of a header field's value before a semicolon. Semicolons in quotes, where `\"` does not
/// end the quotes, are ignored.
std::string_view cut_parameter(std::string_view& field)
{
    bool quoted = false;
    std::size_t end = 0;
    for (; end < field.size() && (quoted || field[end] != ';'); ++end) {
        if (field[end] == '"')
            quoted = !quoted;
        else if (quoted && field.substr(end, 2) == "\\\"")
            ++end;
    }
    const std::string_view parameter = trimmed(field.substr(0, end));
    field.remove_prefix(std::min(end + 1, field.size()));
    return parameter;
}

/// Returns the value of a parameter of a header field, such as `name="csv"`. Browsers write `"` in it as %22.
std::optional<std::string_view> find_parameter(std::string_view field, std::string_view name)
{
    cut_parameter(field);
    while (!field.empty()) {
        std::string_view value = cut_parameter(field);
        if (to_lower(cut(value, "=")) != name)
            continue;
        if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"'))
            return value.substr(1, value.size() - 2);
        return value;
    }
    return std::nullopt;
}

/// Returns a header field's value without its parameters, in lower case.
std::string main_value(std::string_view field)
{
    return to_lower(cut_parameter(field));
}

/// Returns the name of a form's field from the header of its part.
std::optional<std::string_view> part_name(std::string_view header)
{
    while (!header.empty()) {
        std::string_view value = cut(header, "\r\n");
        if (to_lower(cut(value, ":")) == "content-disposition" && main_value(value) == "form-data")
            return find_parameter(value, "name");
    }
    return std::nullopt;
}

} // namespace

std::string_view Fields::operator[](std::string_view name) const
{
    const auto found = std::ranges::find(fields_, name, &std::pair<std::string, std::string>::first);
    return found == fields_.end() ? std::string_view{} : found->second;
}

std::string percent_decode(std::string_view text, bool plus_is_space)
{
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned char byte = 0;
        const char* const digits = text.data() + i + 1;
        if (text[i] == '%' && i + 2 < text.size() && std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
            decoded += static_cast<char>(byte);
            i += 2;
        } else {
            decoded += text[i] == '+' && plus_is_space ? ' ' : text[i];
        }
    }
    return decoded;
}

std::string percent_encode(std::string_view text)
{
    constexpr std::string_view unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        if (unreserved.find(c) != std::string_view::npos) {
            encoded += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            encoded += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return encoded;
}

Fields decode_urlencoded(std::string_view text)
{
    Fields fields;
    while (!text.empty()) {
        std::string_view value = cut(text, "&");
        const std::string_view name = cut(value, "=");
        fields.add(percent_decode(name, true), percent_decode(value, true));
    }
    return fields;
}

std::optional<Fields> decode_form(std::string_view content_type, std::string_view body)
{
    const std::string type = main_value(content_type);
    if (type == "multipart/form-data")
        return decode_multipart(content_type, body);
    if (type == "application/x-www-form-urlencoded")
        return decode_urlencoded(body);
    return std::nullopt;
}

std::optional<Fields> decode_multipart(std::string_view content_type, std::string_view body)
{
    const auto boundary = find_parameter(content_type, "boundary");
    if (!boundary || boundary->empty())
        return std::nullopt;
    const std::string opening = "--" + std::string{*boundary};
    const std::string delimiter = "\r\n" + opening;
    if (!body.starts_with(opening))
        return std::nullopt;
    body.remove_prefix(opening.size());

    Fields fields;
    while (body.starts_with("\r\n")) {
        body.remove_prefix(2);
        const std::size_t header_end = body.find("\r\n\r\n");
        const std::size_t end = body.find(delimiter);
        if (header_end == std::string_view::npos || end == std::string_view::npos || end < header_end + 4)
            return std::nullopt;
        const auto name = part_name(body.substr(0, header_end));
        if (!name)
            return std::nullopt;
        fields.add(std::string{*name}, std::string{body.substr(header_end + 4, end - header_end - 4)});
        body.remove_prefix(end + delimiter.size());
    }
    if (!body.starts_with("--"))
        return std::nullopt;
    return fields;
}

} // namespace web
