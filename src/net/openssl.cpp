#include "net/openssl.hpp"

#include <cerrno>
#include <new>
#include <openssl/err.h>

namespace passage::net {

SslErrors take_ssl_errors() noexcept
{
    SslErrors errors;
    while (const unsigned long code = ERR_get_error()) {
        if (errors.first == 0)
            errors.first = code;
        errors.last = code;
        errors.no_memory |= ERR_GET_REASON(code) == (ERR_SYSTEM_ERROR(code) ? ENOMEM : ERR_R_MALLOC_FAILURE);
    }
    return errors;
}

SslErrors take_ssl_errors_or_throw()
{
    const SslErrors errors = take_ssl_errors();
    if (errors.no_memory)
        throw std::bad_alloc{};
    return errors;
}

} // namespace passage::net
