#include "failure.hpp"

namespace app {
namespace {

Failure explain_kind(const passage::Error& error)
{
    using passage::Errc;
    if (passage::is_not_found(error))
        return {404, "There is no such user or device. It may have been deleted meanwhile.", {}};
    if (passage::is_rate_limited(error))
        return {429, "The user service is overloaded.", {}};
    if (passage::is_invalid_argument(error))
        return {400, error.message, {}};
    if (passage::is_unauthorized(error) || passage::is_forbidden(error))
        return {502, "The user service does not accept this site's key. Its operators must fix this.", {}};
    if (error.code == Errc::timeout)
        return {504, "The user service did not answer in time.", {}};
    if (error.code == Errc::protocol || error.code == Errc::decode || error.code == Errc::too_large ||
        (error.code == Errc::api && error.http_status != 503))
        return {502, "The user service answered with what can't be used.", {}};
    return {503, "The user service can't be reached.", {}};
}

} // namespace

Failure explain(const passage::Error& error)
{
    Failure failure = explain_kind(error);
    if (error.effect != passage::Effect::none)
        failure.text += " The change may have been made nonetheless: check before you try again.";
    if (error.retry_after)
        failure.retry_after = std::chrono::ceil<std::chrono::seconds>(*error.retry_after);
    return failure;
}

std::string explain(passage::JwtReason reason)
{
    using passage::JwtReason;
    switch (reason) {
    case JwtReason::missing:
        return "Enter a token.";
    case JwtReason::expired:
        return "This token has expired. Ask for a new one.";
    case JwtReason::not_yet_valid:
        return "This token is not valid yet.";
    case JwtReason::audience:
    case JwtReason::issuer:
        return "This token is for another site.";
    default:
        return "This is not a token of this site.";
    }
}

} // namespace app
