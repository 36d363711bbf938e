#include "listing.hpp"

#include "api_error.hpp"
#include "percent.hpp"
#include "times.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace passage::emulator {
namespace {

constexpr std::int64_t max_limit = 500;
constexpr std::int64_t max_page = std::numeric_limits<std::int32_t>::max();
// SQLite limits the depth of expressions.
constexpr std::size_t max_filter_values = 100;
// Later than the year 9999. Does not overflow in microseconds.
constexpr std::int64_t max_seconds = 1'000'000'000'000;

enum class Type { text, status, number, time };

struct Field
{
    std::string_view name;
    Type type;
    bool sortable;
    bool unique;                             ///< among the users of an app
    std::array<std::string_view, 2> columns; ///< an identifier filter applies to both
};

constexpr std::array<Field, 7> fields{{
    {"identifier", Type::text, false, true, {"email", "phone"}},
    {"id", Type::text, true, true, {"id"}},
    {"login_count", Type::number, true, false, {"login_count"}},
    {"status", Type::status, true, false, {"status"}},
    {"created_at", Type::time, true, false, {"created_at"}},
    {"updated_at", Type::time, true, false, {"updated_at"}},
    {"last_login_at", Type::time, true, false, {"last_login_at"}},
}};

struct Operator
{
    std::string_view name;
    std::string_view sql;
    bool negated; ///< negates the comparison
    bool pattern;
};

constexpr Operator equal{"", " = ?", false, false};
constexpr std::array<Operator, 5> operators{{
    {"ne", " = ?", true, false},
    {"gt", " > ?", false, false},
    {"lt", " < ?", false, false},
    {"like", " LIKE ? ESCAPE '\\'", false, true},
    {"not_like", " LIKE ? ESCAPE '\\'", true, true},
}};

const Field* find_field(std::string_view name)
{
    const auto found = std::ranges::find(fields, name, &Field::name);
    return found != fields.end() ? &*found : nullptr;
}

std::int64_t read_number(std::string_view name, std::string_view text, std::int64_t least, std::int64_t most)
{
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < least || value > most) {
        throw invalid_request(std::string{name} + " must be a whole number from " + std::to_string(least) + " to " +
                              std::to_string(most) + ".");
    }
    return value;
}

/// Splits `<op:value>`. Any other text is a value to compare with.
std::pair<const Operator*, std::string_view> split_operator(const Field& field, std::string_view text)
{
    if (!text.starts_with('<')) {
        return {&equal, text};
    }
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || !text.ends_with('>')) {
        throw invalid_request("The filter on " + std::string{field.name} + " must be a value or <operator:value>.");
    }
    const std::string_view name = text.substr(1, colon - 1);
    const auto found = std::ranges::find(operators, name, &Operator::name);
    const bool is_text = field.type == Type::text || field.type == Type::status;
    if (found == operators.end() || (found->pattern && !is_text)) {
        throw invalid_request("The filter on " + std::string{field.name} + " has an operator that it does not take.");
    }
    return {&*found, text.substr(colon + 1, text.size() - colon - 2)};
}

/// `%` matches any characters. A value without `%` matches anywhere in the text.
std::string like_pattern(std::string_view value)
{
    std::string pattern;
    for (const char c : value) {
        if (c == '_' || c == '\\') {
            pattern += '\\';
        }
        pattern += c;
    }
    return value.find('%') == std::string_view::npos ? '%' + pattern + '%' : pattern;
}

Listing::Value read_value(const Field& field, const Operator& op, std::string_view text)
{
    if (op.pattern) {
        return like_pattern(text);
    }
    switch (field.type) {
    case Type::number:
        return read_number(field.name, text, std::numeric_limits<std::int64_t>::min(),
                           std::numeric_limits<std::int64_t>::max());
    case Type::time:
        if (const auto time = parse_time(text)) {
            return std::int64_t{time->time_since_epoch().count()};
        }
        throw invalid_request("The filter on " + std::string{field.name} +
                              " must be a time such as 2006-01-02T15:04:05.000000Z.");
    case Type::status:
        if (text != "active" && text != "inactive" && text != "pending") {
            throw invalid_request("The filter on status must be active, inactive or pending.");
        }
        return std::string{text};
    case Type::text:
        break;
    }
    return std::string{text};
}

void add_filter(Listing& listing, const Field& field, std::string_view text)
{
    const auto [op, value_text] = split_operator(field, text);
    const Listing::Value value = read_value(field, *op, value_text);
    std::string any;
    for (const std::string_view column : field.columns) {
        if (column.empty()) {
            continue;
        }
        any += any.empty() ? "" : " OR ";
        // A missing e-mail or phone equals no value, and is `not_like` any value.
        any += op->negated ? "ifnull(" : "";
        any += column;
        any += op->sql;
        any += op->negated ? ", 0)" : "";
        listing.values.push_back(value);
    }
    listing.is_lookup = listing.is_lookup || (field.unique && op == &equal);
    listing.condition += op->negated ? " AND NOT (" : " AND (";
    listing.condition += any + ")";
}

std::string read_order(std::string_view text)
{
    std::string order;
    while (true) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view term = text.substr(0, comma);
        const std::size_t colon = std::min(term.find(':'), term.size());
        const Field* field = find_field(term.substr(0, colon));
        const std::string_view direction = term.substr(colon);
        if (field == nullptr || !field->sortable || (direction != ":ASC" && direction != ":DESC")) {
            throw invalid_request("order_by must be a comma-separated list of field:ASC or "
                                  "field:DESC, without identifier.");
        }
        order += field->columns[0];
        order += ' ';
        order += direction.substr(1);
        order += ", ";
        if (comma == text.size()) {
            return order;
        }
        text.remove_prefix(comma + 1);
    }
}

} // namespace

std::int64_t Listing::last_page(std::int64_t total_users) const
{
    return std::max<std::int64_t>(1, (total_users + limit - 1) / limit);
}

Listing read_listing(const Parameters& parameters)
{
    Listing listing;
    listing.limit = max_limit;
    for (const auto& [name, text] : parameters) {
        if (name == "page") {
            listing.page = read_number(name, text, 1, max_page);
        } else if (name == "limit") {
            listing.limit = read_number(name, text, 1, max_limit);
        } else if (name == "created_before") {
            listing.created_before = read_number(name, text, 0, max_seconds);
        } else if (name == "order_by") {
            listing.order = read_order(text);
        } else if (const Field* field = find_field(name)) {
            add_filter(listing, *field, text);
            if (listing.values.size() > max_filter_values) {
                throw invalid_request("There are too many filters.");
            }
        }
    }
    listing.order += "pk";
    return listing;
}

std::string link_to_page(std::string_view path, const Parameters& parameters, const Listing& listing,
                         std::int64_t created_before, std::int64_t page)
{
    std::string link{path};
    link += "?page=" + std::to_string(page);
    link += "&limit=" + std::to_string(listing.limit);
    link += "&created_before=" + std::to_string(created_before);
    for (const auto& [name, text] : parameters) {
        if (name == "order_by" || find_field(name) != nullptr) {
            link += '&' + name + '=' + percent_encode(text);
        }
    }
    return link;
}

} // namespace passage::emulator
