#include "columns.hpp"

#include "../exit_code.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace passage::ctl {
namespace {

using Use = Column::Use;

char lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Lower case, without ASCII blanks and punctuation: "E-Mail address" is "emailaddress".
std::string folded(std::string_view name)
{
    std::string result;
    for (const char c : name) {
        const char small = lower(c);
        const bool is_ascii_letter_or_digit = (small >= 'a' && small <= 'z') || (small >= '0' && small <= '9');
        if (is_ascii_letter_or_digit || static_cast<unsigned char>(c) >= 0x80)
            result += small;
    }
    return result;
}

struct Known
{
    std::string_view folded;
    Use use;
    std::string_view name; ///< Of the field in the API, if the API cannot set it.
};

constexpr std::array known_names{
    Known{"email", Use::email, {}},
    Known{"emailaddress", Use::email, {}},
    Known{"mail", Use::email, {}},
    Known{"useremail", Use::email, {}},
    Known{"phone", Use::phone, {}},
    Known{"phonenumber", Use::phone, {}},
    Known{"userphone", Use::phone, {}},
    Known{"telephone", Use::phone, {}},
    Known{"tel", Use::phone, {}},
    Known{"mobile", Use::phone, {}},
    Known{"mobilephone", Use::phone, {}},
    Known{"mobilenumber", Use::phone, {}},
    Known{"cellphone", Use::phone, {}},
    Known{"status", Use::status, {}},
    Known{"userstatus", Use::status, {}},
    Known{"metadata", Use::metadata, {}},
    Known{"usermetadata", Use::metadata, {}},
    Known{"id", Use::not_carried, "id"},
    Known{"userid", Use::not_carried, "id"},
    Known{"emailverified", Use::not_carried, "email_verified"},
    Known{"phoneverified", Use::not_carried, "phone_verified"},
    Known{"externalid", Use::not_carried, "external_id"},
    Known{"created", Use::not_carried, "created_at"},
    Known{"createdat", Use::not_carried, "created_at"},
    Known{"updated", Use::not_carried, "updated_at"},
    Known{"updatedat", Use::not_carried, "updated_at"},
    Known{"lastlogin", Use::not_carried, "last_login_at"},
    Known{"lastloginat", Use::not_carried, "last_login_at"},
    Known{"logins", Use::not_carried, "login_count"},
    Known{"logincount", Use::not_carried, "login_count"},
    Known{"webauthn", Use::not_carried, "webauthn"},
    Known{"webauthntypes", Use::not_carried, "webauthn_types"},
    Known{"webauthndevices", Use::not_carried, "webauthn_devices"},
    Known{"recentevents", Use::not_carried, "recent_events"},
    Known{"socialconnections", Use::not_carried, "social_connections"},
};

/// The NAME of `metadata.NAME`.
std::optional<std::string> metadata_field(std::string_view name)
{
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos || dot + 1 == name.size())
        return std::nullopt;
    const std::string object = folded(name.substr(0, dot));
    if (object != "metadata" && object != "usermetadata")
        return std::nullopt;
    return std::string{name.substr(dot + 1)};
}

Column mapped_to(std::string_view field, const std::string& text)
{
    if (auto name = metadata_field(field))
        return {Use::metadata_field, *std::move(name)};
    if (field == "email")
        return {Use::email, {}};
    if (field == "phone")
        return {Use::phone, {}};
    if (field == "status")
        return {Use::status, {}};
    if (field == "metadata")
        return {Use::metadata, {}};
    if (field == "skip")
        return {Use::skipped, {}};
    throw Failure{ExitCode::usage,
                  "--map " + text + ": the field must be email, phone, status, metadata, metadata.NAME or skip"};
}

} // namespace

std::string lower(std::string_view text)
{
    std::string result{text};
    for (char& c : result)
        c = lower(c);
    return result;
}

Columns::Columns(const std::vector<std::string>& maps, Unknown unknown) : unknown_{unknown}
{
    for (const std::string& text : maps) {
        const std::size_t equals = text.rfind('=');
        if (equals == std::string::npos || folded(text.substr(0, equals)).empty())
            throw Failure{ExitCode::usage, "--map " + text + ": must be COLUMN=FIELD"};
        std::string column = text.substr(0, equals);
        std::string name = folded(column);
        mapped_.push_back({std::move(column), std::move(name), mapped_to(text.substr(equals + 1), text)});
    }
}

Column Columns::find(std::string_view name) const
{
    const std::string short_name = folded(name);
    const auto by_user = std::ranges::find(mapped_, short_name, &Mapped::folded);
    if (by_user != mapped_.end())
        return by_user->to;
    if (auto field = metadata_field(name))
        return {Use::metadata_field, *std::move(field)};
    const auto known = std::ranges::find(known_names, short_name, &Known::folded);
    if (known != known_names.end())
        return {known->use, std::string{known->name}};
    switch (unknown_) {
    case Unknown::metadata:
        return {Use::metadata_field, std::string{name}};
    case Unknown::skip:
        return {Use::skipped, {}};
    case Unknown::refuse:
        break;
    }
    return {Use::refused, {}};
}

std::vector<std::string> Columns::unmatched(const std::vector<std::string>& names) const
{
    std::vector<std::string> result;
    for (const Mapped& mapped : mapped_)
        if (std::ranges::none_of(names, [&](const std::string& name) { return folded(name) == mapped.folded; }))
            result.push_back(mapped.column);
    return result;
}

} // namespace passage::ctl
