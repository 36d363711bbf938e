#pragma once

#include <memory_resource>

namespace passage {

/// Memory in pages that are left out of core dumps. Thread-safe; never destroyed, as a static object may hold some.
std::pmr::memory_resource& undumped_memory();

} // namespace passage
