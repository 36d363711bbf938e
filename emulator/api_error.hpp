#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace passage::emulator {

/// An answer that refuses: thrown where the reason is found, written where the call was routed.
/// Its text is for the client, so it quotes nothing that a client sent.
class ApiError : public std::runtime_error
{
public:
    /// `code` is a literal of the wire.
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
