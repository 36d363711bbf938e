#include "exit_code.hpp"

namespace passage::ctl {

ExitCode exit_code_of(const Error& error) noexcept
{
    if (is_not_found(error))
        return ExitCode::not_found;
    switch (error.code) {
    case Errc::invalid_argument:
        return ExitCode::usage;
    case Errc::dns:
    case Errc::connect:
    case Errc::tls:
    case Errc::timeout:
    case Errc::pool_timeout:
    case Errc::truncated:
    case Errc::rate_limited:
    case Errc::jwks:
        return ExitCode::unreachable;
    case Errc::api:
        return error.http_status >= 500 || is_rate_limited(error) ? ExitCode::unreachable : ExitCode::refused;
    case Errc::jwt:
        return ExitCode::refused;
    case Errc::cancelled:
    case Errc::shut_down:
        return ExitCode::interrupted;
    case Errc::too_large:
        return error.attempts == 0 ? ExitCode::usage : ExitCode::failed; // a request, or a response
    case Errc::protocol:
    case Errc::decode:
    case Errc::no_memory:
        break;
    }
    return ExitCode::failed;
}

Failure::Failure(const Error& error) : Failure{exit_code_of(error), to_string(error)} {}

} // namespace passage::ctl
