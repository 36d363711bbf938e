#pragma once

#include "support/canary.hpp"

#include <passage/emulator.hpp>
#include <passage/passage.hpp>

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

namespace passage::test {

/// An emulator for a test, and the configuration of a client for it. The environment may name a proxy, or the beginning
/// of a path for Unix domain sockets, and have the emulator serve plain HTTP.
struct Service
{
    explicit Service(EmulatorOptions options = EmulatorOptions{})
        : unix_socket{next_socket()}, emulator{with_environment(std::move(options), unix_socket)}
    {}

    Config config() const
    {
        Config config;
        config.app_id = emulator.app_id();
        config.api_key = emulator.api_key();
        config.base_url = emulator.base_url();
        config.tls.ca_pem = emulator.ca_pem();
        config.http_version = http_version();
        config.unix_socket = unix_socket;
        config.proxy.url = variable("PASSAGE_TEST_PROXY");
        config.proxy.credentials = variable("PASSAGE_TEST_PROXY_CREDENTIALS");
        config.tls.ca_pem += variable("PASSAGE_TEST_PROXY_CA");
        return config;
    }

    /// HTTP/2 where the library has it, unless the environment wants HTTP/1.1.
    static HttpVersion http_version()
    {
        return variable("PASSAGE_TEST_HTTP") == "1" ? HttpVersion::http1 : HttpVersion::automatic;
    }

    static std::string_view variable(const char* name)
    {
        const char* const value = std::getenv(name);
        return value ? value : "";
    }

    static EmulatorOptions with_environment(EmulatorOptions options, const std::string& unix_socket)
    {
        options.api_key(canary_api_key);
        if (!unix_socket.empty())
            options.unix_socket(unix_socket);
        if (variable("PASSAGE_TEST_PLAIN") == "1")
            options.plain(true);
        return options;
    }

    /// Empty if the emulator listens on a port.
    static std::string next_socket()
    {
        static std::atomic<int> number = 0;
        std::string path{variable("PASSAGE_TEST_UNIX_SOCKET")};
        if (!path.empty())
            path += std::to_string(++number);
        return path;
    }

    const std::string unix_socket;
    Emulator emulator;
};

} // namespace passage::test
