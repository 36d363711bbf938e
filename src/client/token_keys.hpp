#pragma once

#include "jwt/key_set.hpp"

#include <passage/call_options.hpp>
#include <passage/expected.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>

namespace passage::client {

class CallReport;
class Core;

/// Fetches the keys by which an app's tokens are verified. `core` is for `Config::auth_url`.
boost::asio::awaitable<expected<jwt::KeySet>>
fetch_token_keys(const std::shared_ptr<Core>& core, const CallOptions& options, std::shared_ptr<CallReport> report);

} // namespace passage::client
