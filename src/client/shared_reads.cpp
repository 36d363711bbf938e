#include "client/shared_reads.hpp"

#include "api/operations.hpp"

#include <new>
#include <utility>

namespace passage::client {

class SharedReads::Share
{
public:
    /// The arguments must outlive this object.
    Share(SharedReads& of, const std::string& id, const ReadPtr& read) : of_{of}, id_{id}, read_{read} {}
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() { of_.leave(id_, read_); }

private:
    SharedReads& of_;
    const std::string& id_;
    const ReadPtr& read_;
};

SharedReads::ReadPtr SharedReads::join(const std::string& id, WaitingLimit::Permit& permit, bool& is_new)
{
    const std::lock_guard lock{mutex_};
    const auto at = under_way_.find(id);
    is_new = at == under_way_.end();
    if (is_new) {
        const ReadPtr read = under_way_.emplace(id, std::make_shared<Read>(executor_)).first->second;
        read->callers = 1;
        return read;
    }
    permit = limit_.enter();
    if (!permit)
        return nullptr;
    ++at->second->callers;
    return at->second;
}

void SharedReads::start(const std::string& id, const ReadPtr& read, const MakeCall& make_call)
{
    // Other callers may be waiting already, so the read must finish even if something throws.
    auto end = exactly_once<UserInfo>(
        [read] { return read->is_started ? Errc::shut_down : Errc::no_memory; },
        [self = shared_from_this(), id, read](expected<UserInfo> user) { self->finish(id, *read, std::move(user)); });
    const Call call = make_call(read->report);
    call->start(detail::Handler<Call>{std::move(end)}, executor_, false);
    read->is_started = true;
    const std::lock_guard lock{mutex_};
    read->call = call;
}

void SharedReads::finish(const std::string& id, Read& read, expected<UserInfo> user)
{
    {
        const std::lock_guard lock{mutex_};
        if (const auto at = under_way_.find(id); at != under_way_.end() && at->second.get() == &read)
            under_way_.erase(at);
    }
    read.result.emplace(std::move(user));
    read.wait->finish();
}

void SharedReads::leave(const std::string& id, const ReadPtr& read)
{
    Call unwanted;
    {
        const std::lock_guard lock{mutex_};
        if (--read->callers > 0)
            return;
        if (const auto at = under_way_.find(id); at != under_way_.end() && at->second == read)
            under_way_.erase(at);
        unwanted = read->call.lock();
    }
    try {
        if (unwanted)
            unwanted->cancel();
    } catch (const std::bad_alloc&) { // the call ends by itself
    }
}

void SharedReads::forget() noexcept
{
    decltype(under_way_) former; // is destroyed without the mutex
    const std::lock_guard lock{mutex_};
    former.swap(under_way_);
}

asio::awaitable<expected<UserInfo>> SharedReads::read(std::shared_ptr<SharedReads> self, std::string id,
                                                      MakeCall make_call, SharedWait::Clock::time_point deadline)
{
    const auto began = SharedWait::Clock::now();
    const auto failure = [&](Errc kind, std::string message) {
        Error error{kind, std::move(message)};
        error.operation = api::coalesced_get_user.name;
        error.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(SharedWait::Clock::now() - began);
        error.retryable = kind == Errc::timeout || kind == Errc::pool_timeout;
        return error;
    };
    if (co_await accept_cancellation())
        co_return unexpected{failure(Errc::cancelled, "")};
    if (began >= deadline) {
        Error error = failure(Errc::timeout, "the deadline passed");
        error.stage = Stage::pool;
        co_return unexpected{std::move(error)};
    }

    WaitingLimit::Permit permit;
    bool is_new = false;
    const ReadPtr read = self->join(id, permit, is_new);
    if (!read)
        co_return unexpected{failure(Errc::pool_timeout, std::to_string(self->limit_.most()) +
                                                             " callers are already waiting for shared reads")};
    const Share share{*self, id, read};
    if (is_new)
        self->start(id, read, make_call);
    make_call = nullptr; // waiting callers must not keep the client's state alive
    const SharedWait::End end = co_await SharedWait::wait(read->wait, deadline);
    if (end != SharedWait::End::finished) {
        const bool expired = end == SharedWait::End::expired;
        Error error = failure(expired ? Errc::timeout : Errc::cancelled, expired ? "the deadline passed" : "");
        read->report->add_to(error);
        co_return unexpected{std::move(error)};
    }
    const expected<UserInfo>& user = *read->result;
    throw_if_no_memory(user);
    if (!user)
        co_return unexpected{Error{user.error()}};
    co_return UserInfo{*user}; // not the `expected`: tl::expected ends the program if its copy throws
}

} // namespace passage::client
