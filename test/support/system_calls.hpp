#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <limits>
#include <string>

namespace passage::test {

/// What a client asks of the system.
enum class SystemCall { socket, connect, send, recv, epoll_add, epoll_modify, epoll_wait };
inline constexpr std::size_t system_calls = 7;

/// While one lives, the system fails its thread as it is told to. A program that links this has the C library's
/// functions replaced; other threads, such as those of a server, do not notice. One at a time in a thread.
class SystemFaults
{
public:
    SystemFaults() noexcept;
    ~SystemFaults();
    SystemFaults(const SystemFaults&) = delete;
    SystemFaults& operator=(const SystemFaults&) = delete;

    /// Each send and recv moves at most so many bytes.
    void limit_transfers(std::size_t bytes) noexcept { most_bytes_ = bytes; }
    /// Calls of a kind fail with an errno: so many, after so many others.
    void fail(SystemCall call, int error, std::size_t after = 0, std::size_t times = always) noexcept
    {
        plan(call) = {error, after, times};
    }
    /// Calls of a kind so far.
    std::size_t calls(SystemCall call) const noexcept { return calls_[static_cast<std::size_t>(call)]; }

    /// Sends so far that a lost connection would have answered with SIGPIPE.
    std::size_t sends_that_signal() const noexcept { return sends_that_signal_; }

    /// Calls of epoll_ctl so far that ask to be told of room to send.
    std::size_t watches_for_room() const noexcept { return watches_for_room_; }

    static constexpr std::size_t always = std::numeric_limits<std::size_t>::max();

    /// Notes a call; its errno if it is to fail, else 0. For the functions in place of the system's.
    int next(SystemCall call) noexcept;
    std::size_t most_bytes() const noexcept { return most_bytes_; }
    void note_send_that_signals() noexcept { ++sends_that_signal_; }
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
    std::size_t watches_for_room_ = 0;
    std::size_t most_bytes_ = std::numeric_limits<std::size_t>::max();
};

/// While one lives, `getaddrinfo` answers for a name as it is told to, in all threads. May be destroyed while a look-up
/// is under way.
class ScriptedName
{
public:
    /// Runs on the thread of a look-up. 0 and an address as text, or an EAI_ code.
    using Answer = std::function<int(std::string& address)>;

    ScriptedName(std::string name, Answer answer);
    /// A name of 127.0.0.1.
    explicit ScriptedName(std::string name);
    ~ScriptedName();
    ScriptedName(const ScriptedName&) = delete;
    ScriptedName& operator=(const ScriptedName&) = delete;

private:
    std::string name_;
};

} // namespace passage::test
