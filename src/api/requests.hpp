#pragma once

#include "api/operation.hpp"
#include "http/request.hpp"

#include <passage/expected.hpp>
#include <passage/list_users.hpp>
#include <passage/magic_link.hpp>
#include <passage/requests.hpp>

#include <string>
#include <string_view>

namespace passage::api {

/// Turns arguments into requests for one app; what can't be sent is `Errc::invalid_argument` with a sentence.
class Requests
{
public:
    /// `base_path` is the base URL's path; the app's id must be a valid id.
    Requests(std::string_view base_path, std::string_view app_id, std::size_t max_body);

    expected<http::Request> create_user(const CreateUserRequest& request) const;
    expected<http::Request> get_user(std::string_view user_id) const;
    /// The look-up by which a user's id is found.
    expected<http::Request> find_user(std::string_view identifier) const;
    expected<http::Request> update_user(std::string_view user_id, const UpdateUserRequest& request) const;
    expected<http::Request> activate_user(std::string_view user_id) const;
    expected<http::Request> deactivate_user(std::string_view user_id) const;
    expected<http::Request> delete_user(std::string_view user_id) const;
    expected<http::Request> list_user_devices(std::string_view user_id) const;
    expected<http::Request> delete_user_device(std::string_view user_id, std::string_view device_id) const;
    expected<http::Request> revoke_user_refresh_tokens(std::string_view user_id) const;
    expected<http::Request> list_users(const ListUsersRequest& request) const;
    expected<http::Request> create_magic_link(const CreateMagicLinkRequest& request) const;
    expected<http::Request> get_app() const;
    /// The keys of the app's tokens.
    expected<http::Request> token_keys() const;

    /// What stands before the id in the path of a request on a user, but for the slash.
    std::string_view users_path() const noexcept { return users_path_; }

private:
    expected<http::Request> on_user(const Operation& operation, std::string_view user_id,
                                    std::string_view suffix = {}) const;
    expected<http::Request> with_body(http::Request request, expected<std::string> body) const;

    std::string app_path_;
    std::string users_path_;
    std::size_t max_body_;
};

/// Checks an id that becomes a segment of a path: not empty, no dot segment, valid UTF-8 without control bytes, at most
/// 256 bytes. `what` names it in the message.
expected<void> check_id(std::string_view what, std::string_view id);

} // namespace passage::api
