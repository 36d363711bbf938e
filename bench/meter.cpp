#include "meter.hpp"

#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace passage::bench {
namespace {

using namespace std::chrono;

[[noreturn]] void fail(const char* what)
{
    throw std::system_error{errno, std::generic_category(), what};
}

microseconds own_cpu()
{
    rusage usage{};
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        fail("getrusage");
    const auto time = [](const timeval& value) { return seconds{value.tv_sec} + microseconds{value.tv_usec}; };
    return time(usage.ru_utime) + time(usage.ru_stime);
}

/// The peak of the resident set, in bytes.
std::size_t highest_resident()
{
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:"))
            return std::stoul(line.substr(6)) * 1024;
    }
    throw std::runtime_error{"/proc/self/status has no peak of the resident set"};
}

} // namespace

Meter::Meter(int server) : server_{server} {}

microseconds Meter::server_cpu() const
{
    if (server_ == 0)
        return {};
    nanoseconds all{};
    // Of each thread: time on a core, in nanoseconds, comes first.
    for (const auto& thread : std::filesystem::directory_iterator{"/proc/" + std::to_string(server_) + "/task"}) {
        std::int64_t time = 0;
        if (!(std::ifstream{thread.path() / "schedstat"} >> time))
            throw std::runtime_error{"the server's CPU time can't be read"};
        all += nanoseconds{time};
    }
    return duration_cast<microseconds>(all);
}

Usage Meter::measure(const std::function<void()>& work)
{
    Usage usage;
    const HeapUse heap = heap_use();
    const microseconds server = server_cpu();
    const microseconds cpu = own_cpu();
    const auto begin = steady_clock::now();
    work();
    usage.wall = steady_clock::now() - begin;
    usage.cpu = own_cpu() - cpu;
    usage.server_cpu = server_cpu() - server;
    usage.heap = heap_use() - heap;
    return usage;
}

Usage Meter::measure(const std::vector<std::function<void()>>& pieces)
{
    std::vector<HeapUse> heaps(pieces.size());
    Usage usage = measure([&] {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            threads.emplace_back([&piece = pieces[i], &heap = heaps[i]] {
                const HeapUse before = heap_use();
                piece();
                heap = heap_use() - before;
            });
        }
    });
    for (const HeapUse& heap : heaps)
        usage.heap += heap;
    return usage;
}

MemoryUse memory_use()
{
    std::size_t size = 0;
    std::size_t resident = 0;
    if (!(std::ifstream{"/proc/self/statm"} >> size >> resident))
        throw std::runtime_error{"/proc/self/statm can't be read"};
    const struct mallinfo2 info = mallinfo2();
    return {resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), info.uordblks + info.hblkhd};
}

ResidentPeak::ResidentPeak()
{
    // What the heap keeps free would be taken without the process growing.
    malloc_trim(0);
    // Forgets the peak so far: proc(5).
    if (!(std::ofstream{"/proc/self/clear_refs"} << "5" << std::flush))
        throw std::runtime_error{"/proc/self/clear_refs can't be written"};
    before_ = highest_resident();
}

std::size_t ResidentPeak::grown() const
{
    return highest_resident() - before_;
}

void pin_to(const std::string& cores)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    std::istringstream input{cores};
    for (std::string core; std::getline(input, core, ',');)
        CPU_SET(std::stoul(core), &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        fail("the process can't be kept to these cores");
}

void allow_many_files()
{
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        fail("setrlimit");
}

} // namespace passage::bench
