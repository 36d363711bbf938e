#include "fields.hpp"

#include <algorithm>
#include <charconv>

namespace web {
namespace {

/// What stands before the separator, which is cut off the text together with it; all of it if there is none.
std::string_view cut(std::string_view& text, std::string_view separator)
{
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view before = text.substr(0, end);
    text.remove_prefix(std::min(end + separator.size(), text.size()));
    return before;
}

/// The value of a parameter such as `name="csv"` behind a header field's value; browsers write `"` in it as %22.
std::optional<std::string_view> parameter(std::string_view field, std::string_view name)
{
    const std::string start = "; " + std::string{name} + "=";
    const std::size_t found = field.find(start);
    if (found == std::string_view::npos)
        return std::nullopt;
    std::string_view value = field.substr(found + start.size());
    if (!value.starts_with('"'))
        return cut(value, ";");
    value.remove_prefix(1);
    return cut(value, "\"");
}

bool starts_with_ignoring_case(std::string_view text, std::string_view start)
{
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return text.size() >= start.size() &&
           std::equal(start.begin(), start.end(), text.begin(), [&](char a, char b) { return lower(a) == lower(b); });
}

/// The name of a form's field, by the header of its part.
std::optional<std::string_view> part_name(std::string_view header)
{
    while (!header.empty()) {
        const std::string_view line = cut(header, "\r\n");
        if (starts_with_ignoring_case(line, "content-disposition: form-data"))
            return parameter(line, "name");
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

std::optional<Fields> decode_multipart(std::string_view content_type, std::string_view body)
{
    const auto boundary = parameter(content_type, "boundary");
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
