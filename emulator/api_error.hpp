#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace passage::emulator {

/// An error response as an exception. Its text is sent to the client, and contains nothing that a client sent.
class ApiError : public std::runtime_error
{
public:
    /// `code` is the code in the response, and must be a literal.
    ApiError(unsigned status, std::string_view code, const std::string& text)
        : std::runtime_error(text), status_(status), code_(code)
    {}

    unsigned status() const { return status_; }
    std::string_view code() const { return code_; }

private:
    unsigned status_;
    std::string_view code_;
};

inline ApiError invalid_request(const std::string& text)
{
    return {400, "invalid_request", text};
}

inline ApiError user_not_found()
{
    return {404, "user_not_found", "User not found."};
}

} // namespace passage::emulator
