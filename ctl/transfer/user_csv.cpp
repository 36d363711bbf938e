#include "user_csv.hpp"

#include <passage/list_users.hpp>

#include <boost/json/serialize.hpp>

#include <array>
#include <string_view>

namespace passage::ctl {
namespace {

constexpr std::array<std::string_view, 12> columns{
    "id",     "email",      "email_verified", "phone",         "phone_verified", "external_id",
    "status", "created_at", "updated_at",     "last_login_at", "login_count",    "user_metadata"};

std::string text_of(bool value)
{
    return value ? "true" : "false";
}

std::string text_of(Timestamp time)
{
    return time == never ? std::string{} : user_field::to_text(time);
}

/// Appends a field and a comma, quoted if it needs to be.
void add_field(std::string& record, std::string_view text, bool is_for_spreadsheets)
{
    const bool is_formula = !text.empty() && std::string_view{"=+-@\t\r"}.find(text.front()) != std::string_view::npos;
    const bool has_blanks_around =
        text.starts_with(' ') || text.starts_with('\t') || text.ends_with(' ') || text.ends_with('\t');
    const char* const mark = is_for_spreadsheets && is_formula ? "'" : "";
    if (!has_blanks_around && text.find_first_of(",\"\r\n") == std::string_view::npos) {
        record.append(mark).append(text).append(",");
        return;
    }
    record.append("\"").append(mark);
    for (const char c : text)
        record.append(c == '"' ? 2 : 1, c);
    record.append("\",");
}

} // namespace

std::string csv_header()
{
    std::string record;
    for (const std::string_view column : columns)
        add_field(record, column, false);
    record.back() = '\r';
    return record + '\n';
}

std::string csv_row(const UserSummary& user, bool is_for_spreadsheets)
{
    const std::array<std::string, columns.size()> fields{
        user.id,
        user.email,
        text_of(user.email_verified),
        user.phone,
        text_of(user.phone_verified),
        user.external_id,
        std::string{user.status.text()},
        text_of(user.created_at),
        text_of(user.updated_at),
        text_of(user.last_login_at),
        std::to_string(user.login_count),
        user.user_metadata.empty() ? std::string{} : boost::json::serialize(user.user_metadata)};
    std::string record;
    for (const std::string& field : fields)
        add_field(record, field, is_for_spreadsheets);
    record.back() = '\r';
    return record + '\n';
}

} // namespace passage::ctl
