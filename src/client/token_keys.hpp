#pragma once

#include "jwt/key_set.hpp"

#include <passage/call_options.hpp>
#include <passage/detail/operation.hpp>
#include <passage/expected.hpp>

#include <memory>

namespace passage::client {

class CallReport;
class ClientState;

/// Makes a call that fetches the keys that verify an app's tokens. The base URL of `client_state` is
/// `Config::auth_url`.
std::shared_ptr<detail::Operation<expected<jwt::KeySet>>>
make_token_keys_call(const std::shared_ptr<ClientState>& client_state, const CallOptions& options,
                     std::shared_ptr<CallReport> report);

} // namespace passage::client
