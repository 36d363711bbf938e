#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace passage::emulator {

class Store;

/// A method and path that are served.
struct Endpoint
{
    std::string_view method;
    std::string_view pattern; ///< {} matches one segment; the first {} is the app
    bool is_public = false;   ///< needs no key
};
std::vector<Endpoint> endpoints();

/// The index in endpoints() of the one that serves this method and target, if there is one.
std::optional<std::size_t> endpoint_of(std::string_view method, std::string_view target);

/// The parts of an HTTP request that its response depends on. What the views refer to must outlive the call.
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

/// The response to a request. Thread-safe.
Response answer(Store& store, const Request& request);

/// The response to a request of which only the head has been read, if the head alone makes it an error: its path is not
/// served, or it lacks an API key of the app. Thread-safe.
std::optional<Response> refusal_of_head(Store& store, const Request& head);

/// An error response.
Response refusal(unsigned status, std::string_view code, std::string_view text);

} // namespace passage::emulator
