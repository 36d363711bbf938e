#pragma once

#include "api/redact.hpp"
#include "api/responses.hpp"
#include "fuzz.hpp"

#include <cctype>
#include <string>

/// What must hold of the answers that calls get, whatever a server sends.
namespace passage::fuzz {

/// The API key of the calls, which a service that gives it away may have put into its answer.
constexpr std::string_view key = "psg_fuzz_4f1Zc09/bA+q7";

inline std::string lower(std::string_view text)
{
    std::string result{text};
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

/// No eight characters of the key in a row.
inline bool shows_key(std::string_view text)
{
    static const std::string secret = lower(key);
    const std::string shown = lower(text);
    for (std::size_t at = 0; at + 8 <= secret.size(); ++at)
        if (shown.find(secret.substr(at, 8)) != shown.npos)
            return true;
    return false;
}

inline void check_error(Error error)
{
    // As is done with every error that leaves a call.
    api::redact(error, key);
    require(!shows_key(to_string(error)) && !shows_key(error.request_id), "no error shows the key");
    require(is_one_line(to_string(error)), "an error is one line");
    require(error.message.size() <= 2'048 && error.api_code.size() <= 256, "an error's texts are bounded");
}

template <class T>
void check_result(const expected<T>& result)
{
    if (result)
        return;
    const Error& error = result.error();
    require(error.code == Errc::decode || error.code == Errc::too_large ||
                (error.code == Errc::api && error.http_status == 404),
            "a result that is none could not be decoded, takes too much memory, or is an unknown user");
    check_error(error);
}

inline void check_response(const http::Response& response)
{
    require(response.status >= 200 && response.status < 600, "a final response has a final status");
    const Error error = api::read_error(response, key);
    require(error.code == Errc::api && error.http_status == response.status, "an error keeps its status");
    require(!shows_key(to_string(error)) && !shows_key(error.api_code), "no answer's error shows the key");
    check_error(error);
    check_result(api::read_user(response));
    check_result(api::read_user_page(response));
    check_result(api::read_devices(response));
    check_result(api::read_found_user(response));
}

} // namespace passage::fuzz
