#pragma once

#include <passage/error.hpp>

#include <boost/system/system_error.hpp>

#include <string>

namespace passage::client {

/// Makes the exception that a constructor throws. Its text ends with that of its code.
inline boost::system::system_error to_exception(const Error& error)
{
    std::string what = error.message;
    if (error.cause)
        what.append(": ").append(error.cause.message());
    return boost::system::system_error{make_error_code(error.code), what};
}

} // namespace passage::client
