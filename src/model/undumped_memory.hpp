#pragma once

#include <memory_resource>

namespace passage {

/// Memory for secrets: in pages that are left out of core dumps, and wiped when it is deallocated. Thread-safe; never
/// destroyed, as a static object may hold some.
std::pmr::memory_resource& undumped_memory();

} // namespace passage
