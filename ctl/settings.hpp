#pragma once

#include <passage/config.hpp>
#include <passage/http_version.hpp>

#include <optional>
#include <string>
#include <vector>

namespace passage::ctl {

/// The options of the command line that say how the server is reached. What is absent comes from the environment.
struct SettingOptions
{
    std::string env_file;
    std::string api_key_file;
    std::optional<std::string> app_id;
    std::optional<std::string> base_url;
    std::optional<std::string> auth_url;
    std::optional<std::string> ca_file;
    std::optional<std::string> unix_socket;
    std::optional<std::string> proxy;
    bool no_proxy = false;
    std::string client_certificate;
    std::string client_key;
    HttpVersion http_version = HttpVersion::automatic;
    std::optional<double> timeout; ///< Seconds.
    bool allow_plain_http = false;
};

/// Sets the environment variables that the files and options stand for, and unsets those for which `--proxy` and
/// `--no-proxy` stand. Options take precedence over the file of `--env-file`, and that over the environment.
///
/// Throws `Failure` if a file cannot be read or is invalid. The message shows nothing of its values.
void set_environment(const SettingOptions& options);

/// Returns what is required and not set: a name of a variable and how to set it, for each.
std::vector<std::string> missing_settings();

/// Returns the configuration of a client from the environment, after `set_environment`, and the other options.
///
/// Throws `Failure` if a setting is missing or invalid.
Config read_config(const SettingOptions& options);

} // namespace passage::ctl
