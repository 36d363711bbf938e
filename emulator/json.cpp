#include "json.hpp"

#include "limits.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

namespace passage::emulator {
namespace json = boost::json;

void JsonWriter::separate()
{
    if (comma_due_) {
        text_ += ',';
    }
    comma_due_ = true;
}

JsonWriter& JsonWriter::open(char bracket)
{
    separate();
    text_ += bracket;
    comma_due_ = false;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket)
{
    text_ += bracket;
    comma_due_ = true;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name)
{
    string(name);
    text_ += ':';
    comma_due_ = false;
    return *this;
}

JsonWriter& JsonWriter::string(std::string_view value)
{
    constexpr std::string_view digits = "0123456789abcdef";
    separate();
    text_ += '"';
    const auto is_special = [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; };
    for (auto plain = value.begin(); plain != value.end();) {
        const auto special = std::find_if(plain, value.end(), is_special);
        text_.append(plain, special);
        if (special == value.end()) {
            break;
        }
        text_ += '\\';
        if (const auto byte = static_cast<unsigned char>(*special); byte >= 0x20) {
            text_ += *special;
        } else {
            text_ += "u00";
            text_ += digits[byte >> 4];
            text_ += digits[byte & 15];
        }
        plain = std::next(special);
    }
    text_ += '"';
    return *this;
}

JsonWriter& JsonWriter::number(std::int64_t value)
{
    std::array<char, 24> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return raw({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

JsonWriter& JsonWriter::boolean(bool value)
{
    return raw(value ? "true" : "false");
}

JsonWriter& JsonWriter::null()
{
    return raw("null");
}

JsonWriter& JsonWriter::raw(std::string_view json)
{
    separate();
    text_ += json;
    return *this;
}

namespace {

/// Whether a number's exponent has more than nine digits, leading zeros aside: versions of Boost.JSON differ in what
/// they make of those.
bool is_exponent_too_long(std::string_view number)
{
    const std::size_t e = number.find_first_of("eE");
    const std::size_t digits = e == number.npos ? e : number.find_first_of("123456789", e);
    return digits != number.npos && number.size() - digits > 9;
}

/// Whether a number is beyond the range of a double. Numbers too close to 0 are not: they are read as 0.
bool is_out_of_range(std::string_view number, double approximation)
{
    double exact = 0;
    const auto error = std::from_chars(number.data(), number.data() + number.size(), exact).ec;
    return error == std::errc::result_out_of_range && std::fabs(approximation) >= 1;
}

/// A handler of the parser that keeps each member of the outermost object as it was written.
class MemberHandler
{
public:
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

    using Error = boost::system::error_code;

    bool on_document_begin(Error&) { return true; }
    bool on_document_end(Error&) { return true; }

    bool on_object_begin(Error&)
    {
        if (depth_++ == 0) {
            is_object_ = true;
        } else {
            writer_.begin_object();
        }
        return true;
    }
    bool on_object_end(std::size_t, Error&)
    {
        if (--depth_ > 0) {
            writer_.end_object();
            finish_value();
        }
        return true;
    }
    bool on_array_begin(Error&)
    {
        ++depth_;
        writer_.begin_array();
        return true;
    }
    bool on_array_end(std::size_t, Error&)
    {
        --depth_;
        writer_.end_array();
        finish_value();
        return true;
    }

    bool on_key_part(json::string_view part, std::size_t, Error&) { return gather(part); }
    bool on_key(json::string_view part, std::size_t, Error&)
    {
        gather(part);
        if (depth_ == 1) {
            name_ = std::move(token_);
        } else {
            writer_.key(token_);
        }
        token_.clear();
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t, Error&) { return gather(part); }
    bool on_string(json::string_view part, std::size_t, Error&)
    {
        gather(part);
        writer_.string(token_);
        return finish_scalar();
    }
    bool on_number_part(json::string_view part, Error&) { return gather(part); }
    bool on_int64(std::int64_t, json::string_view part, Error&) { return finish_number(part); }
    bool on_uint64(std::uint64_t, json::string_view part, Error&) { return finish_number(part); }
    bool on_double(double approximation, json::string_view part, Error& error)
    {
        gather(part);
        if (is_exponent_too_long(token_) || is_out_of_range(token_, approximation)) {
            error = json::error::exponent_overflow;
            return false;
        }
        return finish_number({});
    }
    bool on_bool(bool value, Error&)
    {
        writer_.boolean(value);
        return finish_scalar();
    }
    bool on_null(Error&)
    {
        writer_.null();
        return finish_scalar();
    }
    bool on_comment_part(json::string_view, Error&) { return true; }
    bool on_comment(json::string_view, Error&) { return true; }

    bool is_object() const { return is_object_; }
    JsonMembers take() { return std::move(members_); }

private:
    bool gather(json::string_view part)
    {
        token_.append(part.data(), part.size());
        return true;
    }
    bool finish_number(json::string_view part)
    {
        gather(part);
        writer_.raw(token_);
        return finish_scalar();
    }
    bool finish_scalar()
    {
        token_.clear();
        finish_value();
        return true;
    }
    void finish_value()
    {
        if (depth_ == 1 && is_object_) {
            members_.insert_or_assign(std::move(name_), writer_.take());
            writer_ = {};
        }
    }

    JsonMembers members_;
    std::string name_;  // of the member being read
    std::string token_; // the string or number being read
    JsonWriter writer_;
    std::size_t depth_ = 0;
    bool is_object_ = false;
};

} // namespace

std::optional<JsonMembers> parse_members(std::string_view text)
{
    json::parse_options options;
    options.max_depth = max_body_depth;
    json::basic_parser<MemberHandler> parser{options};
    boost::system::error_code error;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
    if (error || used != text.size() || !parser.handler().is_object()) {
        return std::nullopt;
    }
    return parser.handler().take();
}

std::optional<std::vector<std::string>> parse_elements(std::string_view json_text)
{
    boost::system::error_code error;
    const json::value value = json::parse({json_text.data(), json_text.size()}, error);
    if (error || !value.is_array()) {
        return std::nullopt;
    }
    std::vector<std::string> elements;
    for (const json::value& element : value.get_array()) {
        elements.push_back(json::serialize(element));
    }
    return elements;
}

std::optional<std::string> parse_string(std::string_view json_text)
{
    boost::system::error_code error;
    const json::value value = json::parse({json_text.data(), json_text.size()}, error);
    if (error || !value.is_string()) {
        return std::nullopt;
    }
    return std::string{value.get_string().data(), value.get_string().size()};
}

} // namespace passage::emulator
