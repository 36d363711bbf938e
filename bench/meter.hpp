#pragma once

#include "heap.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace passage::bench {

/// What was spent between two moments.
struct Usage
{
    std::chrono::microseconds cpu{};        ///< Of this process, user and system.
    std::chrono::microseconds server_cpu{}; ///< Of the server's process, if it is known.
    std::chrono::nanoseconds wall{};
    HeapUse heap; ///< Of the threads that worked.
};

/// Measures one stretch of work.
class Meter
{
public:
    /// `server` is a process on this machine, or 0.
    explicit Meter(int server = 0);

    /// Works on the calling thread.
    Usage measure(const std::function<void()>& work);
    /// Works on a thread for each piece of work, at the same time.
    Usage measure(const std::vector<std::function<void()>>& pieces);

private:
    std::chrono::microseconds server_cpu() const;

    int server_;
};

/// Memory of this process, in bytes.
struct MemoryUse
{
    std::size_t resident = 0; ///< In memory.
    std::size_t heap = 0;     ///< Lent out by the heap.

    friend MemoryUse operator-(MemoryUse left, const MemoryUse& right)
    {
        left.resident -= right.resident;
        left.heap -= right.heap;
        return left;
    }
};

MemoryUse memory_use();

/// The most memory that this process holds at a time from now on, beyond what it holds now.
class ResidentPeak
{
public:
    ResidentPeak();

    /// In bytes.
    std::size_t grown() const;

private:
    std::size_t before_;
};

/// Keeps this process to some of the processor's cores, counted from 0: "1" or "0,1".
void pin_to(const std::string& cores);

/// Allows as many open files as the system lets a process have.
void allow_many_files();

} // namespace passage::bench
