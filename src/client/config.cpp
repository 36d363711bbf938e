#include <passage/config.hpp>

#include "model/invalid.hpp"

#include <cstdlib>

namespace passage {

expected<Config> Config::from_environment()
{
    const auto variable = [](const char* name) -> std::string_view {
        const char* const value = std::getenv(name);
        return value ? value : "";
    };
    const auto missing = [](std::string_view name) {
        return invalid(std::string{"the environment variable "}.append(name), "is not set");
    };

    Config config;
    config.app_id = variable("PASSAGE_APP_ID");
    if (config.app_id.empty())
        return missing("PASSAGE_APP_ID");
    config.api_key = variable("PASSAGE_API_KEY");
    if (config.api_key.empty())
        return missing("PASSAGE_API_KEY");
    config.base_url = variable("PASSAGE_BASE_URL");
    if (config.base_url.empty())
        return missing("PASSAGE_BASE_URL");
    config.auth_url = variable("PASSAGE_AUTH_URL");
    config.tls.ca_file = variable("PASSAGE_CA_FILE");
    return config;
}

} // namespace passage
