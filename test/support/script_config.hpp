#pragma once

#include "support/canary.hpp"
#include "support/script_server.hpp"

#include <passage/config.hpp>

namespace passage::test {

/// The configuration of a client for a scripted server.
inline Config config_for(const ScriptServer& server, const std::string& host = "127.0.0.1")
{
    Config config;
    config.app_id = "app";
    config.api_key = canary_api_key;
    config.base_url = server.url(host);
    config.tls.ca_pem = server.ca_pem();
    return config;
}

} // namespace passage::test
