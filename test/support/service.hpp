#pragma once

#include "support/canary.hpp"

#include <passage/emulator.hpp>
#include <passage/passage.hpp>

namespace passage::test {

/// An emulator of a test's own, and how a client reaches it.
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
        return config;
    }

    Emulator emulator;
};

} // namespace passage::test
