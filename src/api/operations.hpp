#pragma once

#include "api/responses.hpp"
#include "api/row.hpp"
#include "jwt/key_set.hpp"

#include <passage/app.hpp>
#include <passage/list_users.hpp>
#include <passage/magic_link.hpp>
#include <passage/requests.hpp>
#include <passage/user.hpp>

#include <cstddef>
#include <vector>

/// The table of operations.
namespace passage::api {

inline constexpr Row<UserInfo(CreateUserRequest)> create_user{
    {.name = "create_user", .method = "POST", .path = "/users", .success = Success::created, .idempotent = false},
    {read_user, &Question::created}};

inline constexpr Row<UserInfo(Id)> get_user{{.name = "get_user", .method = "GET", .path = "/users/{user_id}"},
                                            {read_user, &Question::is_answered_by}};

inline constexpr Row<UserInfo(Id)> coalesced_get_user{
    {.name = "coalesced_get_user", .method = "GET", .path = "/users/{user_id}"},
    {read_user, &Question::is_answered_by}};

/// The second request of `get_user_by_identifier`: gets the user that the first one found.
expected<http::Request> get_found_user(const Requests& requests, const http::Response& first, std::size_t limit,
                                       const Question& question);

inline constexpr Row<UserInfo(Identifier)> get_user_by_identifier{
    {.name = "get_user_by_identifier", .method = "GET", .path = "/users"},
    {read_user, &Question::is_answered_by},
    get_found_user};

inline constexpr Row<UserInfo(Id, UpdateUserRequest)> update_user{
    {.name = "update_user", .method = "PATCH", .path = "/users/{user_id}"}, {read_user, &Question::is_answered_by}};

inline constexpr Row<UserInfo(Id)> activate_user{
    {.name = "activate_user", .method = "PATCH", .path = "/users/{user_id}/activate"},
    {read_user, &Question::is_answered_by}};

inline constexpr Row<UserInfo(Id)> deactivate_user{
    {.name = "deactivate_user", .method = "PATCH", .path = "/users/{user_id}/deactivate"},
    {read_user, &Question::is_answered_by}};

inline constexpr Row<void(Id)> delete_user{{.name = "delete_user",
                                            .method = "DELETE",
                                            .path = "/users/{user_id}",
                                            .success = Success::empty,
                                            .repeated_not_found_is_success = true}};

inline constexpr Row<std::vector<WebAuthnDevice>(Id)> list_user_devices{
    {.name = "list_user_devices", .method = "GET", .path = "/users/{user_id}/devices"}, {read_devices}};

inline constexpr Row<void(Id, Id)> delete_user_device{{.name = "delete_user_device",
                                                       .method = "DELETE",
                                                       .path = "/users/{user_id}/devices/{device_id}",
                                                       .success = Success::empty,
                                                       .repeated_not_found_is_success = true}};

inline constexpr Row<void(Id)> revoke_user_refresh_tokens{{.name = "revoke_user_refresh_tokens",
                                                           .method = "DELETE",
                                                           .path = "/users/{user_id}/tokens",
                                                           .success = Success::empty}};

inline constexpr Row<UserPage(ListUsersRequest)> list_users{{.name = "list_users", .method = "GET", .path = "/users"},
                                                            {read_user_page}};

inline constexpr Row<MagicLink(CreateMagicLinkRequest)> create_magic_link{{.name = "create_magic_link",
                                                                           .method = "POST",
                                                                           .path = "/magic-links",
                                                                           .success = Success::created,
                                                                           .idempotent = false},
                                                                          {read_magic_link, &Question::is_answered_by}};

inline constexpr Row<AppInfo()> get_app{{.name = "get_app", .method = "GET", .path = ""},
                                        {read_app, &Question::is_answered_by}};

/// Fetches the token keys for `Authenticator::authenticate`.
inline constexpr Row<jwt::KeySet()> authenticate{
    {.name = "authenticate", .method = "GET", .path = "/.well-known/jwks.json"}, {read_token_keys}};

} // namespace passage::api
