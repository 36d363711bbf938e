#pragma once

namespace passage::test {

/// Makes allocations of OpenSSL fail, those of the current thread.
class OpensslMemory
{
public:
    /// Whether OpenSSL allocates by this class: it does unless it had allocated before.
    static bool is_in_place() noexcept;

    /// The `n`th allocation from now fails, counted from 0, and with `all` all after it. None does after `stop`.
    static void fail_from(long n, bool all) noexcept;

    /// Returns whether an allocation failed.
    static bool stop() noexcept;
};

} // namespace passage::test
