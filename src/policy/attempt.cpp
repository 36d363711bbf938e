#include "policy/attempt.hpp"

namespace passage::policy {

Effect effect_of(const Attempt& attempt) noexcept
{
    // With a status below 500 the service refused (RFC 9110, sections 15.4 and 15.5). From 500 on it may have failed
    // after it acted.
    if (refuses_to_process(attempt.status))
        return attempt.in_step ? Effect::none : Effect::unknown;
    if (attempt.status != 0)
        return attempt.status < 500 ? Effect::none : Effect::unknown;
    return attempt.request_sent ? Effect::unknown : Effect::none;
}

} // namespace passage::policy
