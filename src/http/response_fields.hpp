#pragma once

#include "http/response.hpp"

#include <string_view>

namespace passage::http {

/// Reads the header fields of a response that mean the same in every version of HTTP.
class ResponseFields
{
public:
    /// Reads a field into the response; the case of the name does not matter. Returns why the response can't be used
    /// with this field; null if it can.
    const char* put(Response& response, std::string_view name, std::string_view value);

private:
    bool retry_after_seen_ = false;
    bool retry_after_ms_seen_ = false;
};

} // namespace passage::http
