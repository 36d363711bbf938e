#include "filters.hpp"

#include "exit_code.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace passage::ctl {
namespace {

enum class Kind { text, status, number, time };

struct Field
{
    std::string_view name;
    Kind kind;
};

constexpr std::array<Field, 7> fields{{{"identifier", Kind::text},
                                       {"id", Kind::text},
                                       {"status", Kind::status},
                                       {"login_count", Kind::number},
                                       {"created_at", Kind::time},
                                       {"updated_at", Kind::time},
                                       {"last_login_at", Kind::time}}};

using Comparison = UserFilter::Comparison;

struct Operator
{
    std::string_view text;
    Comparison comparison;
};

constexpr std::array<Operator, 6> operators{{{"!=", Comparison::not_equal},
                                             {"!~", Comparison::not_like},
                                             {"=", Comparison::equal},
                                             {">", Comparison::greater},
                                             {"<", Comparison::less},
                                             {"~", Comparison::like}}};

[[noreturn]] void refuse(const std::string& text, const std::string& reason)
{
    throw Failure{ExitCode::usage, "\"" + text + "\" " + reason};
}

std::string field_names(std::string_view excepted)
{
    std::string names;
    for (const Field& field : fields)
        if (field.name != excepted)
            names.append(names.empty() ? "" : ", ").append(field.name);
    return names;
}

const Field* find_field(std::string_view name)
{
    const auto* const found =
        std::find_if(fields.begin(), fields.end(), [&](const Field& field) { return field.name == name; });
    return found == fields.end() ? nullptr : found;
}

std::string value_of(Kind kind, const std::string& value, const std::string& filter)
{
    switch (kind) {
    case Kind::text:
        break;
    case Kind::status:
        if (OpenEnum<UserStatus>::from_text(value) == UserStatus::unknown)
            refuse(filter, "has no status: it must be active, inactive or pending");
        break;
    case Kind::number: {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (error != std::errc{} || end != value.data() + value.size())
            refuse(filter, "has no number");
        return user_field::to_text(number);
    }
    case Kind::time:
        return user_field::to_text(parse_time(value));
    }
    return value;
}

UserFilter parse_filter(const std::string& text)
{
    // All of them, so that "==" and ">=" are refused, and not taken for an operator and a value that begins with "=".
    constexpr const char* operator_characters = "!=<>~";
    const std::size_t end = std::min(text.find_first_of(operator_characters), text.size());
    const std::size_t value = std::min(text.find_first_not_of(operator_characters, end), text.size());
    const Field* const field = find_field(std::string_view{text}.substr(0, end));
    if (!field)
        refuse(text, "does not begin with a field: " + field_names(""));
    for (const Operator& op : operators) {
        if (std::string_view{text}.substr(end, value - end) != op.text)
            continue;
        const bool is_pattern = op.comparison == Comparison::like || op.comparison == Comparison::not_like;
        const bool is_order = op.comparison == Comparison::greater || op.comparison == Comparison::less;
        if (is_pattern && field->kind != Kind::text)
            refuse(text, "has an operator for identifier and id only");
        if (is_order && field->kind == Kind::status)
            refuse(text, "has an operator for numbers and times only");
        return {field->name, op.comparison, value_of(field->kind, text.substr(value), text)};
    }
    refuse(text, "must have one of the operators = != > < ~ !~");
}

UserOrder parse_order(const std::string& text)
{
    const std::size_t colon = std::min(text.find(':'), text.size());
    const std::string_view direction = std::string_view{text}.substr(colon);
    if (!direction.empty() && direction != ":asc" && direction != ":desc")
        refuse(text, "must be FIELD, FIELD:asc or FIELD:desc");
    const Field* const field = find_field(std::string_view{text}.substr(0, colon));
    if (!field || field->name == "identifier")
        refuse(text, "is not a field to order by: " + field_names("identifier"));
    return {field->name, direction == ":desc"};
}

/// Reads a number of exactly so many digits at the front of a text, and what follows it.
std::optional<int> take_number(std::string_view& text, std::size_t digits, std::string_view separator = {})
{
    int number = 0;
    if (text.size() < digits)
        return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
    if (error != std::errc{} || end != text.data() + digits || text.front() == '-' ||
        !text.substr(digits).starts_with(separator))
        return std::nullopt;
    text.remove_prefix(digits + separator.size());
    return number;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text)
{
    const auto year = take_number(text, 4, "-");
    const auto month = year ? take_number(text, 2, "-") : std::nullopt;
    const auto day = month ? take_number(text, 2) : std::nullopt;
    if (!day)
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    return date.ok() ? std::optional{std::chrono::sys_days{date}} : std::nullopt;
}

std::optional<std::chrono::microseconds> take_time_of_day(std::string_view& text)
{
    const auto hour = take_number(text, 2, ":");
    const auto minute = hour ? take_number(text, 2, ":") : std::nullopt;
    const auto second = minute ? take_number(text, 2) : std::nullopt;
    if (!second || *hour > 23 || *minute > 59 || *second > 60)
        return std::nullopt;
    std::chrono::microseconds time =
        std::chrono::hours{*hour} + std::chrono::minutes{*minute} + std::chrono::seconds{*second};
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        std::chrono::microseconds unit{100'000};
        for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; unit /= 10, text.remove_prefix(1))
            time += unit * (text.front() - '0');
    }
    return time;
}

std::optional<std::chrono::minutes> take_offset(std::string_view& text)
{
    if (text.starts_with('Z') || text.starts_with('z')) {
        text.remove_prefix(1);
        return std::chrono::minutes{0};
    }
    if (!text.starts_with('+') && !text.starts_with('-'))
        return std::nullopt;
    const int sign = text.front() == '-' ? -1 : 1;
    text.remove_prefix(1);
    const auto hours = take_number(text, 2, ":");
    const auto minutes = hours ? take_number(text, 2) : std::nullopt;
    if (!minutes || *hours > 23 || *minutes > 59)
        return std::nullopt;
    return sign * (std::chrono::hours{*hours} + std::chrono::minutes{*minutes});
}

} // namespace

void select(ListUsersRequest& request, const Selection& selection)
{
    for (const std::string& filter : selection.filters)
        request.where(parse_filter(filter));
    for (const std::string& orders : selection.orders)
        for (std::size_t at = 0; at <= orders.size();) {
            const std::size_t end = std::min(orders.find(',', at), orders.size());
            request.order_by(parse_order(orders.substr(at, end - at)));
            at = end + 1;
        }
    if (!selection.created_before.empty())
        request.created_before(std::chrono::ceil<std::chrono::seconds>(parse_time(selection.created_before)));
}

Timestamp parse_time(const std::string& text)
{
    std::string_view rest = text;
    if (const auto day = take_date(rest)) {
        if (rest.empty())
            return *day;
        if (rest.front() == 'T' || rest.front() == 't' || rest.front() == ' ') {
            rest.remove_prefix(1);
            const auto time = take_time_of_day(rest);
            const auto offset = time ? take_offset(rest) : std::nullopt;
            if (offset && rest.empty())
                return *day + *time - *offset;
        }
    }
    refuse(text, "is not a time: write 2024-01-31 or 2024-01-31T12:00:00Z");
}

} // namespace passage::ctl
