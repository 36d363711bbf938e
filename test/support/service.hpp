#pragma once

#include "support/canary.hpp"

#include <passage/emulator.hpp>
#include <passage/passage.hpp>

#include <cstdlib>
#include <string_view>

namespace passage::test {

/// An emulator for a test, and the configuration of a client for it.
struct Service
{
    explicit Service(EmulatorOptions options = EmulatorOptions{}) : emulator{options.api_key(canary_api_key)} {}

    Config config() const
    {
        Config config;
        config.app_id = emulator.app_id();
        config.api_key = emulator.api_key();
        config.base_url = emulator.base_url();
        config.tls.ca_pem = emulator.ca_pem();
        config.http_version = http_version();
        return config;
    }

    /// HTTP/2 where the library has it, unless the environment wants HTTP/1.1.
    static HttpVersion http_version()
    {
        const char* const wanted = std::getenv("PASSAGE_TEST_HTTP");
        return wanted && std::string_view{wanted} == "1" ? HttpVersion::http1 : HttpVersion::automatic;
    }

    Emulator emulator;
};

} // namespace passage::test
