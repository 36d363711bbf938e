#include <passage/error.hpp>

#include "model/failure.hpp"

#include <array>
#include <ostream>
#include <utility>

namespace passage {
namespace {

constexpr std::array<std::string_view, 17> errc_names{
    "invalid_argument", "dns",       "connect",   "tls",    "timeout",  "pool_timeout",
    "protocol",         "truncated", "too_large", "decode", "api",      "rate_limited",
    "cancelled",        "shut_down", "jwt",       "jwks",   "no_memory"};

constexpr std::array<std::string_view, 8> stage_names{"none", "pool",  "dns",      "connect",
                                                      "tls",  "write", "response", "backoff"};

constexpr std::array<std::string_view, 12> jwt_reason_names{"none",        "missing",       "too_large", "malformed",
                                                            "unsupported", "unknown_key",   "signature", "claims",
                                                            "expired",     "not_yet_valid", "audience",  "issuer"};

constexpr std::array<std::string_view, 3> effect_names{"none", "done", "unknown"};

std::string_view to_string(Errc code) noexcept
{
    const auto index = static_cast<std::size_t>(code) - 1;
    return index < errc_names.size() ? errc_names[index] : "unknown";
}

class Category final : public boost::system::error_category
{
public:
    const char* name() const noexcept override { return "passage"; }

    std::string message(int value) const override { return std::string{to_string(static_cast<Errc>(value))}; }

    boost::system::error_condition default_error_condition(int value) const noexcept override
    {
        namespace errc = boost::system::errc;
        switch (static_cast<Errc>(value)) {
        case Errc::invalid_argument:
            return errc::make_error_condition(errc::invalid_argument);
        case Errc::timeout:
        case Errc::pool_timeout:
            return errc::make_error_condition(errc::timed_out);
        case Errc::protocol:
            return errc::make_error_condition(errc::protocol_error);
        case Errc::cancelled:
            return errc::make_error_condition(errc::operation_canceled);
        case Errc::no_memory:
            return errc::make_error_condition(errc::not_enough_memory);
        default:
            return {value, *this};
        }
    }
};

/// Appends "503" or "truncated (response)".
void append_kind(std::string& line, Errc code, Stage stage, int http_status)
{
    if (http_status != 0 && (code == Errc::api || code == Errc::rate_limited)) {
        line += std::to_string(http_status);
        return;
    }
    line += to_string(code);
    if (stage != Stage::none)
        line.append(" (").append(to_string(stage)).append(")");
}

} // namespace

void append_failure(std::string& line, const FailedAttempt& failure)
{
    append_kind(line, failure.code, failure.stage, failure.http_status);
    if (failure.code == Errc::connect && failure.http_status != 0)
        line.append(": status ").append(std::to_string(failure.http_status)).append(" of the proxy");
    if (failure.cause)
        line.append(": ").append(failure.cause.message());
}

const boost::system::error_category& error_category() noexcept
{
    static const Category category;
    return category;
}

boost::system::error_code make_error_code(Errc code) noexcept
{
    return {static_cast<int>(code), error_category()};
}

std::string_view to_string(Effect effect) noexcept
{
    return effect_names[static_cast<std::size_t>(effect)];
}

std::string_view to_string(Stage stage) noexcept
{
    return stage_names[static_cast<std::size_t>(stage)];
}

std::string_view to_string(JwtReason reason) noexcept
{
    return jwt_reason_names[static_cast<std::size_t>(reason)];
}

std::string to_string(const Error& error)
{
    std::string line;
    if (!error.operation.empty())
        line.append(error.operation).append(": ");

    append_kind(line, error.code, error.stage, error.http_status);
    if (!error.api_code.empty() && (error.code == Errc::api || error.code == Errc::rate_limited))
        line.append(" ").append(error.api_code);
    if (error.jwt_reason != JwtReason::none)
        line.append(" (").append(to_string(error.jwt_reason)).append(")");
    if (!error.message.empty())
        line.append(": ").append(error.message);
    if (error.cause)
        line.append(": ").append(error.cause.message());

    if (error.attempts > 0) {
        const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(error.elapsed);
        line.append(" (attempt ").append(std::to_string(error.attempts));
        line.append(", ").append(std::to_string(milliseconds.count())).append(" ms");
        if (error.effect != Effect::none)
            line.append(", effect ").append(to_string(error.effect));
        std::string_view before = "; before: ";
        for (const FailedAttempt& attempt : error.earlier_attempts) {
            line += std::exchange(before, ", ");
            append_failure(line, attempt);
        }
        line += ')';
    }
    return line;
}

std::ostream& operator<<(std::ostream& stream, const Error& error)
{
    return stream << to_string(error);
}

bool is_not_found(const Error& error) noexcept
{
    return error.code == Errc::api && error.http_status == 404 &&
           (error.api_code == "user_not_found" || error.api_code == "device_not_found");
}

bool is_unauthorized(const Error& error) noexcept
{
    return error.code == Errc::api && error.http_status == 401;
}

bool is_forbidden(const Error& error) noexcept
{
    return error.code == Errc::api && error.http_status == 403;
}

bool is_invalid_argument(const Error& error) noexcept
{
    // A response's `too_large` has a stage or a status, also in a batch's errors of items that were not begun.
    const bool is_of_argument = error.attempts == 0 && error.stage == Stage::none && error.http_status == 0;
    return error.code == Errc::invalid_argument || (error.code == Errc::too_large && is_of_argument) ||
           (error.code == Errc::api && error.http_status == 400 && !error.api_code.empty());
}

bool is_rate_limited(const Error& error) noexcept
{
    return error.code == Errc::rate_limited || (error.code == Errc::api && error.http_status == 429);
}

bool is_timeout(const Error& error) noexcept
{
    return error.code == Errc::timeout || error.code == Errc::pool_timeout;
}

bool is_cancelled(const Error& error) noexcept
{
    return error.code == Errc::cancelled;
}

bool is_token_refused(const Error& error) noexcept
{
    return error.code == Errc::jwt;
}

bool is_retryable(const Error& error) noexcept
{
    return error.retryable;
}

} // namespace passage
