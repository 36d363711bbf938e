#include "parse_json.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace passage::ctl {
namespace {

namespace json = boost::json;
using boost::system::error_code;

/// Handles the parser's events and builds a value of them.
class Builder
{
public:
    // No limits: the size of the text limits its parts.
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return begin(json::object{}); }
    bool on_object_end(std::size_t, error_code&) { return end(); }
    bool on_array_begin(error_code&) { return begin(json::array{}); }
    bool on_array_end(std::size_t, error_code&) { return end(); }
    bool on_key_part(json::string_view part, std::size_t, error_code&) { return add_part(part); }
    bool on_key(json::string_view last, std::size_t, error_code&)
    {
        add_part(last);
        keys_.push_back(std::exchange(text_, {}));
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t, error_code&) { return add_part(part); }
    bool on_string(json::string_view last, std::size_t, error_code&)
    {
        add_part(last);
        return add(std::exchange(text_, {}));
    }
    bool on_number_part(json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t number, json::string_view, error_code&) { return add(number); }
    bool on_uint64(std::uint64_t number, json::string_view, error_code&) { return add(number); }
    bool on_double(double approximation, json::string_view text, error_code&)
    {
        double number = 0;
        if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc{}) // beyond the range
            number = std::copysign(std::fabs(approximation) < 1 ? 0.0 : HUGE_VAL, approximation);
        return add(number);
    }
    bool on_bool(bool flag, error_code&) { return add(flag); }
    bool on_null(error_code&) { return add(nullptr); }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }

    json::value release() { return std::move(result_); }
    /// A name that an object has twice, if there is one.
    const std::optional<json::string>& repeated() const { return repeated_; }

private:
    bool add_part(json::string_view part)
    {
        text_.append(part);
        return true;
    }

    bool begin(json::value container)
    {
        open_.push_back(std::move(container));
        return true;
    }

    bool end()
    {
        json::value container = std::move(open_.back());
        open_.pop_back();
        return add(std::move(container));
    }

    bool add(json::value value)
    {
        if (open_.empty()) {
            result_ = std::move(value);
        } else if (json::array* const array = open_.back().if_array()) {
            array->push_back(std::move(value));
        } else {
            if (!open_.back().get_object().emplace(keys_.back(), std::move(value)).second)
                repeated_ = keys_.back();
            keys_.pop_back();
        }
        return true;
    }

    std::vector<json::value> open_;  ///< Arrays and objects that have not ended.
    std::vector<json::string> keys_; ///< Of members whose values have not ended.
    json::string text_;              ///< The string that is being read.
    json::value result_;
    std::optional<json::string> repeated_;
};

} // namespace

expected<json::value, std::string> parse_json(std::string_view text)
{
    json::basic_parser<Builder> parser{json::parse_options{}};
    error_code error;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
    if (!error && used < text.size())
        error = json::error::extra_data;
    if (error)
        return unexpected{"is not JSON: " + error.message()};
    Builder& builder = parser.handler();
    if (const auto& name = builder.repeated())
        return unexpected{"has two members \"" + std::string{name->begin(), name->end()} + '"'};
    return builder.release();
}

} // namespace passage::ctl
