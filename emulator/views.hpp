#pragma once

#include "store.hpp"

#include <string>
#include <string_view>
#include <vector>

/// Responses as JSON.
namespace passage::emulator {

std::string show_user(const User& user);
std::string show_devices(const User& user);
/// `path` is the path of the listing, for the links to other pages.
std::string show_users(const UserPage& page, const Listing& listing, const Parameters& parameters,
                       std::string_view path);
std::string show_app(std::string_view app_id, const App& app);
std::string show_magic_link(const MagicLink& link);
/// The public keys as a JWK set.
std::string show_key_set(const std::vector<SigningKey>& keys);
std::string show_token(std::string_view token);
std::string show_id(std::string_view id);
std::string show_error(std::string_view code, std::string_view text);

} // namespace passage::emulator
