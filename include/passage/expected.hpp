#pragma once

#include <passage/detail/build.hpp>
#include <passage/error.hpp>

#if PASSAGE_STD_EXPECTED
#include <expected>
#else
#include <tl/expected.hpp>
#endif

namespace passage {

#if PASSAGE_STD_EXPECTED
/// A `T`, or an `Error` in its place. An alias of `std::expected` in this build of the library.
template <class T, class E = Error>
using expected = std::expected<T, E>;
using std::unexpected;
#else
/// A `T`, or an `Error` in its place. An alias of `tl::expected` in this build of the library.
template <class T, class E = Error>
using expected = tl::expected<T, E>;
using tl::unexpected;
#endif

} // namespace passage
