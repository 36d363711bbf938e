#include "api/requests.hpp"

#include "http/url.hpp"
#include "model/text.hpp"
#include "json/encode.hpp"

#include <algorithm>
#include <utility>

namespace passage::api {
namespace {

constexpr std::size_t max_id = 256;
/// An address has at most 254 bytes in SMTP (RFC 5321, section 4.5.3.1.3); 320 by the limits of its parts.
constexpr std::size_t max_identifier = 320;
constexpr std::size_t max_filter_value = 1024;
constexpr std::size_t max_query = 8192;
constexpr std::size_t max_url = 2048;

unexpected<Error> invalid(std::string_view what, std::string_view why)
{
    return unexpected{Error{Errc::invalid_argument, std::string{what}.append(" ").append(why)}};
}

/// What every text must fulfil that is sent at all.
expected<void> check_text(std::string_view what, std::string_view text, std::size_t max_size)
{
    if (text.size() > max_size)
        return unexpected{Error{
            Errc::too_large, std::string{what}.append(" exceeds ").append(std::to_string(max_size)).append(" bytes")}};
    if (!is_utf8(text))
        return invalid(what, "is not valid UTF-8");
    if (has_control_character(text))
        return invalid(what, "has a control character, such as CR, LF, NUL or a mark of direction");
    return {};
}

/// E.164: a plus sign and at most 15 digits, of which the first is not 0.
bool is_phone(std::string_view text)
{
    return text.size() >= 3 && text.size() <= 16 && text[0] == '+' && text[1] >= '1' && text[1] <= '9' &&
           std::all_of(text.begin() + 1, text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

expected<void> check_phone(std::string_view phone)
{
    if (!is_phone(phone))
        return invalid("phone", "is not E.164: a plus sign and 2 to 15 digits, such as +15005550007");
    return {};
}

expected<void> check_email(std::string_view email)
{
    if (auto good = check_text("email", email, max_identifier); !good)
        return good;
    const std::size_t at = email.rfind('@');
    if (at == email.npos || at == 0 || at + 1 == email.size())
        return invalid("email", "is not of the form name@domain");
    return {};
}

/// A plain value in angle brackets would be read as a comparison, such as <like:%>.
bool reads_as_comparison(std::string_view value)
{
    return value.starts_with('<');
}

/// Parameters of a query.
class Query
{
public:
    void add(std::string_view name, std::string_view value)
    {
        text_ += text_.empty() ? '?' : '&';
        text_.append(http::percent_encode(name)).append("=").append(http::percent_encode(value));
    }

    const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

std::string filter_value(const UserFilter& filter)
{
    using Comparison = UserFilter::Comparison;
    const auto with = [&](std::string_view name) {
        return std::string{"<"}.append(name).append(":").append(filter.value).append(">");
    };
    switch (filter.comparison) {
    case Comparison::equal:
        return filter.value;
    case Comparison::not_equal:
        return with("ne");
    case Comparison::greater:
        return with("gt");
    case Comparison::less:
        return with("lt");
    case Comparison::like:
        return with("like");
    case Comparison::not_like:
        return with("not_like");
    }
    return filter.value;
}

} // namespace

expected<void> check_id(std::string_view what, std::string_view id)
{
    if (id.empty())
        return invalid(what, "is empty");
    if (id == "." || id == "..")
        return invalid(what, "is a dot segment, which a URL can't carry as an id");
    return check_text(what, id, max_id);
}

namespace {

expected<void> check_recipient(const CreateMagicLinkRequest& request)
{
    using Recipient = CreateMagicLinkRequest::Recipient;
    switch (request.recipient_kind()) {
    case Recipient::email:
        return check_email(request.recipient());
    case Recipient::phone:
        return check_phone(request.recipient());
    case Recipient::user:
        return check_id("user_id", request.recipient());
    }
    return {};
}

} // namespace

Requests::Requests(std::string_view base_path, std::string_view app_id, std::size_t max_body)
    : app_path_{std::string{base_path}.append("/apps/").append(http::percent_encode(app_id))},
      users_path_{app_path_ + "/users"},
      max_body_{max_body}
{}

expected<http::Request> Requests::with_body(http::Request request, expected<std::string> body) const
{
    if (!body)
        return unexpected{std::move(body.error())};
    if (body->size() > max_body_)
        return unexpected{Error{Errc::too_large, "the request's body exceeds " + std::to_string(max_body_) + " bytes"}};
    request.body = std::move(*body);
    request.has_body = true;
    return request;
}

expected<http::Request> Requests::on_user(const Operation& operation, std::string_view user_id,
                                          std::string_view suffix) const
{
    if (auto good = check_id("user_id", user_id); !good)
        return unexpected{std::move(good.error())};
    http::Request request;
    request.method = operation.method;
    request.target.reserve(users_path_.size() + 1 + user_id.size() + suffix.size());
    request.target.append(users_path_).append("/");
    http::append_percent_encoded(request.target, user_id);
    request.target.append(suffix);
    return request;
}

expected<http::Request> Requests::create_user(const CreateUserRequest& request) const
{
    if (!request.email() && !request.phone())
        return invalid("create_user", "needs an email or a phone");
    if (request.email()) {
        if (auto good = check_email(*request.email()); !good)
            return unexpected{std::move(good.error())};
    }
    if (request.phone()) {
        if (auto good = check_phone(*request.phone()); !good)
            return unexpected{std::move(good.error())};
    }
    http::Request result;
    result.method = api::create_user.method;
    result.target = users_path_;
    return with_body(std::move(result), json::encode(request));
}

expected<http::Request> Requests::get_user(std::string_view user_id) const
{
    return on_user(api::get_user, user_id);
}

expected<http::Request> Requests::find_user(std::string_view identifier) const
{
    if (identifier.empty())
        return invalid("identifier", "is empty");
    if (reads_as_comparison(identifier))
        return invalid("identifier", "begins with '<', which the service reads as a comparison");
    if (auto good = check_text("identifier", identifier, max_identifier); !good)
        return unexpected{std::move(good.error())};
    Query query;
    query.add("limit", "1");
    query.add("identifier", lower_case(identifier));
    http::Request request;
    request.method = get_user_by_identifier.method;
    request.target = users_path_ + query.text();
    return request;
}

expected<http::Request> Requests::update_user(std::string_view user_id, const UpdateUserRequest& request) const
{
    if (request.email().kept() && request.phone().kept() && request.metadata().kept())
        return invalid("update_user", "names no field to change");
    if (request.email().value()) {
        if (auto good = check_email(*request.email().value()); !good)
            return unexpected{std::move(good.error())};
    }
    if (request.phone().value()) {
        if (auto good = check_phone(*request.phone().value()); !good)
            return unexpected{std::move(good.error())};
    }
    auto result = on_user(api::update_user, user_id);
    return result ? with_body(std::move(*result), json::encode(request)) : result;
}

expected<http::Request> Requests::activate_user(std::string_view user_id) const
{
    return on_user(api::activate_user, user_id, "/activate");
}

expected<http::Request> Requests::deactivate_user(std::string_view user_id) const
{
    return on_user(api::deactivate_user, user_id, "/deactivate");
}

expected<http::Request> Requests::delete_user(std::string_view user_id) const
{
    return on_user(api::delete_user, user_id);
}

expected<http::Request> Requests::list_user_devices(std::string_view user_id) const
{
    return on_user(api::list_user_devices, user_id, "/devices");
}

expected<http::Request> Requests::delete_user_device(std::string_view user_id, std::string_view device_id) const
{
    if (auto good = check_id("device_id", device_id); !good)
        return unexpected{std::move(good.error())};
    return on_user(api::delete_user_device, user_id, "/devices/" + http::percent_encode(device_id));
}

expected<http::Request> Requests::revoke_user_refresh_tokens(std::string_view user_id) const
{
    return on_user(api::revoke_user_refresh_tokens, user_id, "/tokens");
}

expected<http::Request> Requests::list_users(const ListUsersRequest& request) const
{
    Query query;
    if (request.page()) {
        if (*request.page() < 1)
            return invalid("page", "is less than 1");
        query.add("page", std::to_string(*request.page()));
    }
    if (request.limit()) {
        if (*request.limit() < 1 || *request.limit() > 500)
            return invalid("limit", "is not within 1 to 500");
        query.add("limit", std::to_string(*request.limit()));
    }
    if (request.created_before())
        query.add("created_before", std::to_string(request.created_before()->time_since_epoch().count()));

    std::string order;
    for (const UserOrder& by : request.orders())
        order.append(order.empty() ? "" : ",").append(by.field).append(by.descending ? ":DESC" : ":ASC");
    if (!order.empty())
        query.add("order_by", order);

    for (const UserFilter& filter : request.filters()) {
        if (auto good = check_text(filter.field, filter.value, max_filter_value); !good)
            return unexpected{std::move(good.error())};
        if (filter.value.empty())
            return invalid(filter.field, "is compared with an empty text");
        if (filter.comparison == UserFilter::Comparison::equal && reads_as_comparison(filter.value))
            return invalid(filter.field,
                           "is compared with a text that begins with '<', which the service reads as a comparison");
        query.add(filter.field, filter_value(filter));
    }
    if (query.text().size() > max_query)
        return unexpected{
            Error{Errc::too_large, "the list's conditions exceed " + std::to_string(max_query) + " bytes"}};

    http::Request result;
    result.method = api::list_users.method;
    result.target = users_path_ + query.text();
    return result;
}

expected<http::Request> Requests::create_magic_link(const CreateMagicLinkRequest& request) const
{
    if (auto good = check_recipient(request); !good)
        return unexpected{std::move(good.error())};
    if (request.channel() == MagicLinkChannel::unknown)
        return invalid("channel", "is neither email nor phone");
    if (request.type() == MagicLinkType::unknown)
        return invalid("type", "is neither login nor verify_identifier");
    if (request.language() == MagicLinkLanguage::unknown)
        return invalid("language", "is none that the service has");
    if (request.ttl() && *request.ttl() < std::chrono::minutes{1})
        return invalid("ttl", "is less than a minute");
    if (request.path()) {
        if (auto good = check_text("path", *request.path(), max_url); !good)
            return unexpected{std::move(good.error())};
    }
    if (request.redirect()) {
        if (auto good = check_text("redirect", *request.redirect(), max_url); !good)
            return unexpected{std::move(good.error())};
    }
    http::Request result;
    result.method = api::create_magic_link.method;
    result.target = app_path_ + "/magic-links";
    return with_body(std::move(result), json::encode(request));
}

expected<http::Request> Requests::get_app() const
{
    http::Request result;
    result.method = api::get_app.method;
    result.target = app_path_;
    return result;
}

expected<http::Request> Requests::token_keys() const
{
    http::Request result;
    result.method = api::authenticate.method;
    result.target = app_path_ + "/.well-known/jwks.json";
    return result;
}

} // namespace passage::api
