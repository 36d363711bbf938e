#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>

namespace passage::test {

/// System calls of a client that can be made to fail.
enum class SystemCall { socket, connect, send, recv, epoll_add, epoll_modify, epoll_wait };
inline constexpr std::size_t system_calls = 7;

/// Makes system calls of the current thread fail during its lifetime. Linking this replaces functions of the C library;
/// other threads, such as those of a server, are not affected. One at a time in a thread.
class SystemFaults
{
public:
    SystemFaults() noexcept;
    ~SystemFaults();
    SystemFaults(const SystemFaults&) = delete;
    SystemFaults& operator=(const SystemFaults&) = delete;

    /// Limits the bytes that each send and recv transfers.
    void limit_transfers(std::size_t bytes) noexcept { most_bytes_ = bytes; }
    /// Makes `times` calls fail with an errno, after `after` others.
    void fail(SystemCall call, int error, std::size_t after = 0, std::size_t times = always) noexcept
    {
        plan(call) = {error, after, times};
    }
    /// Calls of a kind so far.
    std::size_t calls(SystemCall call) const noexcept { return calls_[static_cast<std::size_t>(call)]; }

    /// Sends so far that would raise SIGPIPE on a lost connection.
    std::size_t sends_that_signal() const noexcept { return sends_that_signal_; }

    /// Sockets so far that child processes would inherit.
    std::size_t inherited_sockets() const noexcept { return inherited_sockets_; }

    /// Calls of epoll_ctl so far that wait until a socket is writable.
    std::size_t watches_for_room() const noexcept { return watches_for_room_; }

    static constexpr std::size_t always = std::numeric_limits<std::size_t>::max();

    /// Counts a call. Returns its errno if it must fail, or 0. For the replaced functions.
    int next(SystemCall call) noexcept;
    std::size_t most_bytes() const noexcept { return most_bytes_; }
    void note_send_that_signals() noexcept { ++sends_that_signal_; }
    void note_inherited_socket() noexcept { ++inherited_sockets_; }
    void note_watch_for_room() noexcept { ++watches_for_room_; }

private:
    struct Plan
    {
        int error = 0;
        std::size_t after = 0;
        std::size_t times = 0;
    };
    Plan& plan(SystemCall call) noexcept { return plans_[static_cast<std::size_t>(call)]; }

    std::array<Plan, system_calls> plans_{};
    std::array<std::size_t, system_calls> calls_{};
    std::size_t sends_that_signal_ = 0;
    std::size_t inherited_sockets_ = 0;
    std::size_t watches_for_room_ = 0;
    std::size_t most_bytes_ = std::numeric_limits<std::size_t>::max();
};

/// Replaces the answer of `getaddrinfo` for a name, in all threads, during its lifetime. May be destroyed while a
/// lookup is running.
class ScriptedName
{
public:
    /// Called on the thread of a lookup. Returns 0 and sets an address, or returns an EAI_ code.
    using Answer = std::function<int(std::string& address)>;

    ScriptedName(std::string name, Answer answer);
    /// Answers with 127.0.0.1.
    explicit ScriptedName(std::string name);
    ~ScriptedName();
    ScriptedName(const ScriptedName&) = delete;
    ScriptedName& operator=(const ScriptedName&) = delete;

private:
    std::string name_;
};

} // namespace passage::test
