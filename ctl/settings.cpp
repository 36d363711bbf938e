#include "settings.hpp"

#include "env_file.hpp"
#include "exit_code.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <system_error>

namespace passage::ctl {
namespace {

std::string read_file(const char* option, const std::string& name)
{
    std::ifstream file{name, std::ios::binary};
    std::string text;
    for (std::array<char, 4096> bytes{}; file;) {
        file.read(bytes.data(), bytes.size());
        text.append(bytes.data(), static_cast<std::size_t>(file.gcount()));
    }
    if (!file.eof())
        throw Failure{ExitCode::usage,
                      std::string{option} + ": " + name + ": " + std::generic_category().message(errno)};
    return text;
}

void set_variable(const char* option, const std::string& name, const std::string& value)
{
    if (value.find('\0') != value.npos || setenv(name.c_str(), value.c_str(), 1) != 0)
        throw Failure{ExitCode::usage, std::string{option} + ": the value of " + name + " cannot be used"};
}

std::string variable(const char* name)
{
    const char* const value = std::getenv(name);
    return value ? value : "";
}

} // namespace

void set_environment(const SettingOptions& options)
{
    if (!options.env_file.empty()) {
        const std::string text = read_file("--env-file", options.env_file);
        for (const auto& [name, value] : parse_env_file(text, options.env_file))
            set_variable("--env-file", name, value);
    }
    if (!options.api_key_file.empty()) {
        std::string key = read_file("--api-key-file", options.api_key_file);
        while (key.ends_with('\n') || key.ends_with('\r'))
            key.pop_back();
        if (key.empty())
            throw Failure{ExitCode::usage, "--api-key-file: " + options.api_key_file + " is empty"};
        set_variable("--api-key-file", "PASSAGE_API_KEY", key);
    }
    const auto set = [](const char* name, const std::optional<std::string>& value) {
        if (value)
            set_variable(name, name, *value);
    };
    set("PASSAGE_APP_ID", options.app_id);
    set("PASSAGE_BASE_URL", options.base_url);
    set("PASSAGE_AUTH_URL", options.auth_url);
    set("PASSAGE_CA_FILE", options.ca_file);
    set("PASSAGE_UNIX_SOCKET", options.unix_socket);
    // The library refuses some values of these, which the options override.
    if (options.no_proxy || options.proxy)
        for (const char* const name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
            unsetenv(name);
}

std::vector<std::string> missing_settings()
{
    std::vector<std::string> missing;
    if (variable("PASSAGE_APP_ID").empty())
        missing.emplace_back("PASSAGE_APP_ID is not set; set it, or use --env-file or --app-id");
    if (variable("PASSAGE_API_KEY").empty())
        missing.emplace_back("PASSAGE_API_KEY is not set; set it, or use --env-file or --api-key-file");
    if (variable("PASSAGE_BASE_URL").empty())
        missing.emplace_back("PASSAGE_BASE_URL is not set; set it, or use --env-file or --base-url");
    return missing;
}

Config read_config(const SettingOptions& options)
{
    if (const auto missing = missing_settings(); !missing.empty())
        throw Failure{ExitCode::usage, missing.front()};
    auto read = Config::from_environment();
    if (!read)
        throw Failure{read.error()};
    Config config = std::move(*read);
    config.user_agent = "passagectl/" PASSAGE_VERSION;
    config.tls.certificate_file = options.client_certificate;
    config.tls.key_file = options.client_key;
    config.http_version = options.http_version;
    config.allow_plain_http = options.allow_plain_http;
    if (options.proxy) {
        // Other users of the machine can read the arguments.
        if (options.proxy->find('@') != options.proxy->npos)
            throw Failure{ExitCode::usage, "--proxy takes no credentials; set https_proxy instead"};
        config.proxy.url = *options.proxy;
    }
    if (options.timeout) {
        const std::chrono::milliseconds total{std::llround(*options.timeout * 1000)};
        config.timeouts.total = total;
        config.timeouts.attempt = std::min(config.timeouts.attempt, total);
        config.timeouts.connect = std::min(config.timeouts.connect, total);
    }
    return config;
}

} // namespace passage::ctl
