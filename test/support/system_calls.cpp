#include "support/system_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace passage::test {
namespace {

thread_local SystemFaults* faults_of_thread = nullptr;

std::mutex names_mutex;
std::map<std::string, ScriptedName::Answer> names;

/// The replaced function.
template <class Function>
Function* original(const char* name)
{
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// Whether this call must fail. Sets errno then.
bool fails(SystemCall call) noexcept
{
    const int error = faults_of_thread ? faults_of_thread->next(call) : 0;
    if (error != 0)
        errno = error;
    return error != 0;
}

std::size_t bounded(std::size_t size) noexcept
{
    return faults_of_thread ? std::min(size, faults_of_thread->most_bytes()) : size;
}

} // namespace

SystemFaults::SystemFaults() noexcept
{
    faults_of_thread = this;
}

SystemFaults::~SystemFaults()
{
    faults_of_thread = nullptr;
}

int SystemFaults::next(SystemCall call) noexcept
{
    const std::size_t number = calls_[static_cast<std::size_t>(call)]++;
    const Plan& planned = plan(call);
    return number >= planned.after && number - planned.after < planned.times ? planned.error : 0;
}

ScriptedName::ScriptedName(std::string name, Answer answer) : name_{std::move(name)}
{
    const std::lock_guard lock{names_mutex};
    names[name_] = std::move(answer);
}

ScriptedName::ScriptedName(std::string name)
    : ScriptedName{std::move(name), [](std::string& address) {
                       address = "127.0.0.1";
                       return 0;
                   }}
{}

ScriptedName::~ScriptedName()
{
    const std::lock_guard lock{names_mutex};
    names.erase(name_);
}

} // namespace passage::test

// These replace the C library's functions.

using namespace passage::test;

extern "C" [[gnu::visibility("default")]] int socket(int domain, int type, int protocol) noexcept
{
    static const auto system = original<decltype(socket)>("socket");
    if (faults_of_thread && (type & SOCK_CLOEXEC) == 0)
        faults_of_thread->note_inherited_socket();
    return fails(SystemCall::socket) ? -1 : system(domain, type, protocol);
}

extern "C" [[gnu::visibility("default")]] int connect(int descriptor, const sockaddr* address, socklen_t size)
{
    static const auto system = original<decltype(connect)>("connect");
    return fails(SystemCall::connect) ? -1 : system(descriptor, address, size);
}

extern "C" [[gnu::visibility("default")]] ssize_t send(int descriptor, const void* data, std::size_t size, int flags)
{
    static const auto system = original<decltype(send)>("send");
    if (faults_of_thread && (flags & MSG_NOSIGNAL) == 0)
        faults_of_thread->note_send_that_signals();
    return fails(SystemCall::send) ? -1 : system(descriptor, data, bounded(size), flags);
}

extern "C" [[gnu::visibility("default")]] ssize_t recv(int descriptor, void* data, std::size_t size, int flags)
{
    static const auto system = original<decltype(recv)>("recv");
    return fails(SystemCall::recv) ? -1 : system(descriptor, data, bounded(size), flags);
}

extern "C" [[gnu::visibility("default")]] int epoll_ctl(int epoll, int operation, int descriptor,
                                                        epoll_event* event) noexcept
{
    static const auto system = original<decltype(epoll_ctl)>("epoll_ctl");
    if (faults_of_thread && operation != EPOLL_CTL_DEL && (event->events & EPOLLOUT) != 0)
        faults_of_thread->note_watch_for_room();
    const bool failed = (operation == EPOLL_CTL_ADD && fails(SystemCall::epoll_add)) ||
                        (operation == EPOLL_CTL_MOD && fails(SystemCall::epoll_modify));
    return failed ? -1 : system(epoll, operation, descriptor, event);
}

extern "C" [[gnu::visibility("default")]] int epoll_wait(int epoll, epoll_event* events, int most, int timeout)
{
    static const auto system = original<decltype(epoll_wait)>("epoll_wait");
    return fails(SystemCall::epoll_wait) ? -1 : system(epoll, events, most, timeout);
}

extern "C" [[gnu::visibility("default")]] int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                                                          addrinfo** found)
{
    static const auto system = original<decltype(getaddrinfo)>("getaddrinfo");
    ScriptedName::Answer answer;
    if (name) {
        const std::lock_guard lock{names_mutex};
        if (const auto known = names.find(name); known != names.end())
            answer = known->second;
    }
    if (!answer)
        return system(name, service, hints, found);
    std::string address;
    const int status = answer(address);
    return status != 0 ? status : system(address.c_str(), service, hints, found);
}
