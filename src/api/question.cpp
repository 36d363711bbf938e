#include "api/question.hpp"

#include "api/requests.hpp"
#include "http/url.hpp"
#include "model/text.hpp"
#include "json/decode.hpp"

#include <algorithm>

namespace passage::api {
namespace {

constexpr std::string_view users = "/users/";
constexpr std::string_view identifier_parameter = "identifier=";

/// Whether the service returns a text unchanged except for case. It may store another form of non-ASCII text, such as a
/// host name in Punycode.
bool is_kept(std::string_view text) noexcept
{
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

bool is_kept_encoded(std::string_view text) noexcept
{
    for (std::size_t at = text.find('%'); at != text.npos; at = text.find('%', at + 1))
        if (at + 1 < text.size() && (text[at + 1] < '2' || text[at + 1] > '7'))
            return false;
    return true;
}

bool is_same_email(std::string_view asked, std::string_view answered)
{
    return equal_ignoring_case(asked, answered) || !is_kept(asked);
}

/// Whether a percent-encoded text stands for `text`.
bool encodes(std::string_view encoded, std::string_view text)
{
    // Without an escape they are the same.
    return encoded.find('%') == encoded.npos ? encoded == text : encoded == http::percent_encode(text);
}

bool is_identified(std::string_view encoded, const UserSummary& user)
{
    return encodes(encoded, lower_case(user.email)) || encodes(encoded, user.phone) || !is_kept_encoded(encoded);
}

} // namespace

Error answer_of_another()
{
    return Error{Errc::protocol, "the answer names another than the one that was asked for"};
}

Question::Question(const Requests& requests, const http::Request& request) noexcept
    : requests_{requests}, target_{request.target}, body_{request.body}
{}

std::string_view Question::identifier() const noexcept
{
    const std::size_t at = target_.find(identifier_parameter);
    return at == target_.npos ? std::string_view{} : target_.substr(at + identifier_parameter.size());
}

bool Question::is_answered_by(const UserInfo& user) const
{
    std::string_view segment = target_;
    segment.remove_prefix(std::min(segment.size(), requests_.app_path().size() + users.size()));
    segment = segment.substr(0, segment.find('/'));
    return encodes(segment, user.id) && (earlier_identifier_.empty() || is_identified(earlier_identifier_, user));
}

bool Question::is_answered_by(const UserSummary& found) const
{
    return is_identified(identifier(), found);
}

bool Question::created(const UserInfo& user) const
{
    const auto asked = json::decode_recipient(body_);
    return asked && (asked->email.empty() || is_same_email(asked->email, user.email)) &&
           (asked->phone.empty() || asked->phone == user.phone);
}

bool Question::is_answered_by(const MagicLink& link) const
{
    const auto asked = json::decode_recipient(body_);
    if (!asked)
        return false;
    if (!asked->user_id.empty())
        return asked->user_id == link.user_id;
    return asked->phone.empty() ? is_same_email(asked->email, link.identifier) : asked->phone == link.identifier;
}

bool Question::may_have_body(std::string_view body) const
{
    if (body.empty())
        return true;
    const expected<UserInfo> user = json::decode_user(body);
    return !user || is_answered_by(*user);
}

bool Question::is_answered_by(const AppInfo& app) const
{
    return encodes(target_.substr(target_.rfind('/') + 1), app.id);
}

} // namespace passage::api
