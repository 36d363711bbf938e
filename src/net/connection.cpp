#include "net/connection.hpp"

namespace passage::net {

Failure connection_lost(error_code cause)
{
    Failure failure{Error{Errc::truncated, "the connection was lost"}, true};
    failure.error.cause = cause;
    return failure;
}

} // namespace passage::net
