#pragma once

#include <atomic>

/// Has allocations of the library fail, by `operator new` and by nghttp2 for its sessions.
///
/// Whoever links it has these functions replaced. Only the allocations of threads that take part are counted, for the
/// server's must succeed.
namespace passage::test::scarce_memory {

/// Allocations until one fails; none if negative.
extern std::atomic<long> allocations_left;
/// Whether those after it fail too.
extern std::atomic<bool> all_fail;
/// Of this thread.
extern thread_local constinit bool takes_part;

/// Counts an allocation. Whether it is to fail.
bool fails_now() noexcept;

} // namespace passage::test::scarce_memory
