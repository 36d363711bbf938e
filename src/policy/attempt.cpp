#include "policy/attempt.hpp"

namespace passage::policy {

Effect effect_of(const Attempt& attempt) noexcept
{
    // A status below 500 says that the service refused (RFC 9110, sections 15.4 and 15.5); one from 500 on leaves open
    // how far it came.
    if (refuses_to_process(attempt.status))
        return attempt.in_step ? Effect::none : Effect::unknown;
    if (attempt.status != 0)
        return attempt.status < 500 ? Effect::none : Effect::unknown;
    return attempt.request_sent ? Effect::unknown : Effect::none;
}

} // namespace passage::policy
