#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace passage::emulator {

class Store;

/// What is served.
struct Endpoint
{
    std::string_view method;
    std::string_view pattern; ///< {} stands for any one segment; the first is the app
    bool is_public = false;   ///< needs no key
};
std::vector<Endpoint> endpoints();

/// What of an HTTP request decides its answer. The views must outlive the call that takes them.
struct Request
{
    std::string_view method;
    std::string_view target; ///< path and query, as sent
    std::optional<std::string_view> user_agent;
    std::optional<std::string_view> authorization;
    std::string_view body;
};

struct Response
{
    unsigned status = 200;
    std::string body;  ///< JSON, or empty
    std::string allow; ///< for 405: the methods that the path knows
    std::optional<std::chrono::seconds> retry_after{};
};

/// The answer to a request. Knows HTTP's meaning and nothing of its bytes. Any thread may ask.
Response answer(Store& store, const Request& request);

/// The answer to a request of which the head alone is known, if that is not worth a large body: it names nothing that
/// is served, or has no key of the app. Any thread may ask.
std::optional<Response> refusal_of_head(Store& store, const Request& head);

/// An answer that says what is wrong.
Response refusal(unsigned status, std::string_view code, std::string_view text);

} // namespace passage::emulator
