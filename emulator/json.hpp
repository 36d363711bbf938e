#pragma once

#include "times.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace passage::emulator {

/// Writes JSON text value by value. The caller must close what it opens.
class JsonWriter
{
public:
    JsonWriter& begin_object() { return open('{'); }
    JsonWriter& end_object() { return close('}'); }
    JsonWriter& begin_array() { return open('['); }
    JsonWriter& end_array() { return close(']'); }
    JsonWriter& key(std::string_view name);
    JsonWriter& string(std::string_view value);
    JsonWriter& number(std::int64_t value);
    JsonWriter& boolean(bool value);
    JsonWriter& null();
    /// Writes a value that is JSON text.
    JsonWriter& raw(std::string_view json);

    JsonWriter& field(std::string_view name, std::string_view value) { return key(name).string(value); }
    JsonWriter& field(std::string_view name, const char* value) { return field(name, std::string_view{value}); }
    JsonWriter& field(std::string_view name, std::int64_t value) { return key(name).number(value); }
    JsonWriter& field(std::string_view name, bool value) { return key(name).boolean(value); }
    JsonWriter& field(std::string_view name, Time value) { return field(name, to_text(value)); }
    template <class T>
    JsonWriter& field(std::string_view name, const std::optional<T>& value)
    {
        return value ? field(name, *value) : key(name).null();
    }

    std::string take() { return std::move(text_); }

private:
    JsonWriter& open(char bracket);
    JsonWriter& close(char bracket);
    void separate();

    std::string text_;
    bool comma_due_ = false;
};

/// The members of a JSON object, each value as JSON text without white space. Numbers keep their digits, so that what a
/// user stored is served unchanged.
using JsonMembers = std::map<std::string, std::string, std::less<>>;

/// The members of `text`. Of equal names the last one counts. Nullopt if it is not a JSON object, nests deeper than
/// `max_body_depth`, or has a number beyond the range of a double, which clients can't decode.
std::optional<JsonMembers> parse_members(std::string_view text);

/// The elements of a JSON array, as JSON text. Nullopt if it is another value.
std::optional<std::vector<std::string>> parse_elements(std::string_view json);

/// The value of a JSON string. Nullopt if it is another value.
std::optional<std::string> parse_string(std::string_view json);

} // namespace passage::emulator
