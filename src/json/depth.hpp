#pragma once

#include <cstddef>

namespace passage::json {

/// How deep a document's objects and arrays may nest.
inline constexpr std::size_t max_depth = 32;

/// How deep metadata may nest, itself included. It is returned inside a user, a list and a page.
inline constexpr std::size_t max_metadata_depth = max_depth - 3;

} // namespace passage::json
