#include "api/arguments.hpp"

#include "http/url.hpp"
#include "model/invalid.hpp"
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

/// Checks what is required of every text that is sent.
expected<void> check_text(std::string_view what, std::string_view text, std::size_t max_size)
{
    if (text.size() > max_size)
        return unexpected{Error{
            Errc::too_large, std::string{what}.append(" exceeds ").append(std::to_string(max_size)).append(" bytes")}};
    if (printable_ascii_size(text) == text.size()) // the common case
        return {};
    if (!is_utf8(text))
        return invalid(what, "is not valid UTF-8");
    if (has_control_character(text))
        return invalid(what, "has a control character, such as CR, LF, NUL or a mark of direction");
    return {};
}

/// Whether a text is E.164: a plus sign and 2 to 15 digits, of which the first is not 0.
bool is_phone(std::string_view text)
{
    return text.size() >= 3 && text.size() <= 16 && text[0] == '+' && text[1] != '0' &&
           std::all_of(text.begin() + 1, text.end(), is_digit);
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

/// Whether the service might read a plain value as a comparison, such as <like:%>.
bool reads_as_comparison(std::string_view value)
{
    return value.starts_with('<');
}

void add(Query& query, std::string_view name, std::string_view value)
{
    query.text += query.text.empty() ? '?' : '&';
    query.text.append(http::percent_encode(name)).append("=").append(http::percent_encode(value));
}

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

expected<void> check_id(std::string_view what, Id id)
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

expected<Body> body(expected<std::string> json)
{
    if (!json)
        return unexpected{std::move(json.error())};
    return Body{std::move(*json)};
}

} // namespace

expected<Query> encode(const Identifier& identifier)
{
    if (identifier.text.empty())
        return invalid("identifier", "is empty");
    if (reads_as_comparison(identifier.text))
        return invalid("identifier", "begins with '<', which the service reads as a comparison");
    if (auto good = check_text("identifier", identifier.text, max_identifier); !good)
        return unexpected{std::move(good.error())};
    Query query;
    add(query, "limit", "1");
    add(query, "identifier", lower_case(identifier.text));
    return query;
}

expected<Query> encode(const ListUsersRequest& request)
{
    Query query;
    if (request.page()) {
        if (*request.page() < 1)
            return invalid("page", "is less than 1");
        add(query, "page", std::to_string(*request.page()));
    }
    if (request.limit()) {
        if (*request.limit() < 1 || *request.limit() > 500)
            return invalid("limit", "is not within 1 to 500");
        add(query, "limit", std::to_string(*request.limit()));
    }
    if (request.created_before())
        add(query, "created_before", std::to_string(request.created_before()->time_since_epoch().count()));

    const auto too_large = [] {
        return unexpected{
            Error{Errc::too_large, "the list's conditions exceed " + std::to_string(max_query) + " bytes"}};
    };
    std::string order;
    for (const UserOrder& by : request.orders()) {
        order.append(order.empty() ? "" : ",").append(by.field).append(by.descending ? ":DESC" : ":ASC");
        if (order.size() > max_query)
            return too_large();
    }
    if (!order.empty())
        add(query, "order_by", order);

    for (const UserFilter& filter : request.filters()) {
        if (auto good = check_text(filter.field, filter.value, max_filter_value); !good)
            return unexpected{std::move(good.error())};
        if (filter.value.empty())
            return invalid(filter.field, "is compared with an empty text");
        if (filter.comparison == UserFilter::Comparison::equal && reads_as_comparison(filter.value))
            return invalid(filter.field,
                           "is compared with a text that begins with '<', which the service reads as a comparison");
        add(query, filter.field, filter_value(filter));
        if (query.text.size() > max_query)
            return too_large();
    }
    if (query.text.size() > max_query)
        return too_large();
    return query;
}

expected<Body> encode(const CreateUserRequest& request)
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
    return body(json::encode(request));
}

expected<Body> encode(const UpdateUserRequest& request)
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
    return body(json::encode(request));
}

expected<Body> encode(const CreateMagicLinkRequest& request)
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
    return body(json::encode(request));
}

} // namespace passage::api
