#pragma once

#include <passage/error.hpp>
#include <passage/expected.hpp>

namespace passage::test {

/// The error of a result, for the message of a check; an empty one if the result has a value.
template <class T>
Error error_of(const expected<T>& result)
{
    return result ? Error{} : result.error();
}

} // namespace passage::test
