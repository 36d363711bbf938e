#include "api/responses.hpp"

#include "api/arguments.hpp"
#include "api/redact.hpp"
#include "model/text.hpp"
#include "json/decode.hpp"

#include <algorithm>

namespace passage::api {
namespace {

/// Whether a type is `application/json` or has the suffix `+json` (RFC 6839). Ignores parameters (RFC 8259, section
/// 11).
bool is_json(std::string_view content_type)
{
    constexpr std::string_view usual = "application/json";
    if (content_type == usual)
        return true;
    std::string_view type = content_type.substr(0, content_type.find(';'));
    type = type.substr(0, type.find_last_not_of(" \t") + 1);
    constexpr std::string_view suffix = "+json";
    return equal_ignoring_case(type, usual) ||
           (type.size() > suffix.size() && equal_ignoring_case(type.substr(type.size() - suffix.size()), suffix));
}

expected<void> check_json(const http::Response& response)
{
    if (response.content_type.empty() || is_json(response.content_type))
        return {};
    return unexpected{
        Error{Errc::decode, "the response's type is \"" + printable(response.content_type, 100) + "\", not JSON"}};
}

template <class T>
expected<T> read(const http::Response& response, std::size_t limit,
                 expected<T> (*decode)(std::string_view, std::size_t))
{
    if (auto good = check_json(response); !good)
        return unexpected{std::move(good.error())};
    return decode(response.body, limit);
}

} // namespace

bool is_success(int status) noexcept
{
    return status >= 200 && status < 300;
}

bool is_success_of(const Operation& operation, int status) noexcept
{
    constexpr int last_in_a_row = 208;
    constexpr int im_used = 226;
    const bool is_registered = (status >= 200 && status <= last_in_a_row) || status == im_used;
    if (status == 200 || !is_registered)
        return is_success(status);
    return (status == 201 && operation.success == Success::created) ||
           (status == 204 && operation.success == Success::empty);
}

bool is_gone(const Operation& operation, const Error& error) noexcept
{
    return operation.repeated_not_found_is_success && is_not_found(error);
}

Error read_error(const http::Response& response, std::string_view secret)
{
    Error error{Errc::api};
    error.http_status = response.status;
    error.request_id = response.request_id;
    const auto body = json::decode_error(response.body);
    if (body)
        error.api_code = printable(body->code, 64);
    // A service that knows the path would have a code for what it did not find.
    if (response.status == 404 && (error.api_code.empty() || error.api_code == "route_not_found"))
        error.message =
            response.body.empty() ? "is the path of the base URL right?" : "is the path of the base URL right? ";
    error.message += body ? printable(body->error, 512 - error.message.size()) : printable(response.body, 200);
    redact(error, secret);
    return error;
}

expected<UserInfo> read_user(const http::Response& response, std::size_t limit)
{
    return read(response, limit, json::decode_user);
}

expected<UserPage> read_user_page(const http::Response& response, std::size_t limit)
{
    return read(response, limit, json::decode_user_page);
}

expected<std::vector<WebAuthnDevice>> read_devices(const http::Response& response, std::size_t limit)
{
    return read(response, limit, json::decode_devices);
}

expected<MagicLink> read_magic_link(const http::Response& response, std::size_t limit)
{
    return read(response, limit, json::decode_magic_link);
}

expected<AppInfo> read_app(const http::Response& response, std::size_t limit)
{
    return read(response, limit, json::decode_app);
}

expected<jwt::KeySet> read_token_keys(const http::Response& response, std::size_t limit)
{
    return read(response, std::min(limit / 8, jwt::max_set_size), jwt::read_key_set);
}

expected<UserSummary> read_found_user(const http::Response& response, std::size_t limit)
{
    auto page = read_user_page(response, limit);
    if (!page)
        return unexpected{std::move(page.error())};
    if (page->users.size() > 1)
        return unexpected{Error{Errc::decode, "at /users: one user at most was asked for"}};
    if (page->users.size() == 1) {
        UserSummary& user = page->users.front();
        if (!check_id("id", user.id))
            return unexpected{Error{Errc::decode, "at /users/0/id: no id of a user"}};
        return std::move(user);
    }
    Error error{Errc::api, "No user has this identifier."};
    error.http_status = 404;
    error.api_code = "user_not_found";
    return unexpected{std::move(error)};
}

} // namespace passage::api
