// Calls every operation in turn, provokes one failure, and makes a thousand calls at once.
//
// Needs a service with some users, at least one of which has a device: `passage-emulator --seed 100`.
// Exits with 0 only if every result was as expected.

#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <random>
#include <string>
#include <vector>

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {

double milliseconds_since(Clock::time_point begin)
{
    return std::chrono::duration<double, std::milli>{Clock::now() - begin}.count();
}

/// Prints a line for each call and records whether all results were as expected.
class Report
{
public:
    template <class T>
    void call(const char* what, Clock::time_point begin, const passage::expected<T>& result, bool right,
              const std::string& shown)
    {
        const double time = milliseconds_since(begin);
        right = right && result.has_value();
        line(what, time, right, result ? shown : to_string(result.error()));
    }

    void line(const char* what, double time, bool right, const std::string& shown)
    {
        std::printf("%-28s %8.2f ms  %s %s\n", what, time, right ? "ok   " : "WRONG", shown.c_str());
        good_ = good_ && right;
    }

    bool good() const { return good_; }

private:
    bool good_ = true;
};

/// Returns an address that no earlier run has used.
std::string new_address()
{
    std::random_device random;
    return "demo-" + std::to_string(random()) + "@example.com";
}

/// Returns the first user that has a device; an empty user if there is none.
asio::awaitable<passage::UserInfo> find_user_with_device(passage::Client& client)
{
    passage::UserRange users = client.users(passage::ListUsersRequest{}.limit(100));
    for (;;) {
        const auto listed = co_await users.next();
        if (!listed || !*listed)
            co_return passage::UserInfo{};
        auto user = co_await client.get_user((*listed)->id);
        if (user && !user->webauthn_devices.empty())
            co_return std::move(*user);
    }
}

asio::awaitable<void> every_operation(passage::Client& client, Report& report)
{
    const std::string address = new_address();

    auto begin = Clock::now();
    auto user = co_await client.create_user(
        passage::CreateUserRequest{}.email(address).metadata("plan", "pro").metadata("seats", 5));
    report.call("create_user", begin, user, user && user->email == address, user ? user->id + " " + user->email : "");
    if (!user)
        co_return;
    const std::string id = user->id;

    begin = Clock::now();
    user = co_await client.get_user(id);
    report.call("get_user", begin, user, user && user->id == id && user->user_metadata.at("seats") == 5,
                user ? user->email + ", " + std::string{user->status.text()} : "");

    begin = Clock::now();
    user = co_await client.get_user_by_identifier(address);
    report.call("get_user_by_identifier", begin, user, user && user->id == id, user ? user->id : "");

    begin = Clock::now();
    user = co_await client.update_user(id, passage::UpdateUserRequest{}.metadata("plan", "free"));
    report.call("update_user", begin, user, user && user->email == address && user->user_metadata.at("plan") == "free",
                user ? boost::json::serialize(user->user_metadata) : "");

    begin = Clock::now();
    user = co_await client.deactivate_user(id);
    report.call("deactivate_user", begin, user, user && user->status == passage::UserStatus::inactive,
                user ? std::string{user->status.text()} : "");

    begin = Clock::now();
    user = co_await client.activate_user(id);
    report.call("activate_user", begin, user, user && user->status == passage::UserStatus::active,
                user ? std::string{user->status.text()} : "");

    begin = Clock::now();
    const auto page = co_await client.list_users(passage::ListUsersRequest{}
                                                     .limit(5)
                                                     .where(passage::user_field::identifier.like("demo-%"))
                                                     .order_by(passage::user_field::created_at.descending()));
    report.call("list_users", begin, page, page && !page->users.empty() && page->users.front().id == id,
                page ? std::to_string(page->users.size()) + " of " + std::to_string(page->total_users) : "");

    const passage::UserInfo owner = co_await find_user_with_device(client);
    begin = Clock::now();
    const auto devices = co_await client.list_user_devices(owner.id);
    const bool same = devices && *devices == owner.webauthn_devices && !devices->empty();
    report.call("list_user_devices", begin, devices, same, same ? devices->front().friendly_name : "");
    if (!same)
        co_return;

    begin = Clock::now();
    const auto removed = co_await client.delete_user_device(owner.id, devices->front().id);
    report.call("delete_user_device", begin, removed, true, devices->front().id);

    begin = Clock::now();
    const auto revoked = co_await client.revoke_user_refresh_tokens(id);
    report.call("revoke_user_refresh_tokens", begin, revoked, true, id);

    begin = Clock::now();
    const auto deleted = co_await client.delete_user(id);
    report.call("delete_user", begin, deleted, true, id);

    begin = Clock::now();
    const auto gone = co_await client.get_user(id);
    const bool refused = !gone && passage::is_not_found(gone.error());
    report.line("get_user, to fail", milliseconds_since(begin), refused, gone ? gone->id : to_string(gone.error()));
}

/// Starts all calls at once. They share the client's connections.
asio::awaitable<void> many_at_once(passage::Client& client, Report& report, std::size_t calls)
{
    const auto page = co_await client.list_users(passage::ListUsersRequest{}.limit(1));
    if (!page || page->users.empty()) {
        report.line("1,000 get_user at once", 0, false, "there is no user");
        co_return;
    }
    const std::string id = page->users.front().id;
    const auto executor = co_await asio::this_coro::executor;

    std::vector<double> times;
    std::size_t left = calls;
    std::size_t wrong = 0;
    asio::steady_timer all_done{executor, Clock::time_point::max()};
    const auto begin = Clock::now();
    const auto one = [&]() -> asio::awaitable<void> {
        const auto user = co_await client.get_user(id);
        times.push_back(milliseconds_since(begin));
        wrong += !user || user->id != id;
        if (--left == 0)
            all_done.cancel();
    };
    for (std::size_t i = 0; i < calls; ++i) {
        asio::co_spawn(executor, one, [](std::exception_ptr error) {
            if (error)
                std::rethrow_exception(error);
        });
    }
    boost::system::error_code cancelled;
    co_await all_done.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));

    const double total = milliseconds_since(begin);
    std::sort(times.begin(), times.end());
    const auto percentile = [&](std::size_t percent) { return times[(times.size() - 1) * percent / 100]; };
    char text[160];
    std::snprintf(text, sizeof text, "%.0f calls/s; p50 %.1f, p90 %.1f, p99 %.1f ms; %zu connections; %zu wrong",
                  static_cast<double>(calls) * 1000 / total, percentile(50), percentile(90), percentile(99),
                  client.stats().peak_connections, wrong);
    report.line("1,000 get_user at once", total, wrong == 0, text);
}

} // namespace

int main()
try {
    auto config = passage::Config::from_environment();
    if (!config) {
        std::cerr << config.error() << '\n';
        return 2;
    }
    asio::io_context context;
    passage::Client client{context, *config};
    Report report;
    asio::co_spawn(
        context,
        [&]() -> asio::awaitable<void> {
            co_await every_operation(client, report);
            co_await many_at_once(client, report, 1000);
        },
        [](std::exception_ptr error) {
            if (error)
                std::rethrow_exception(error);
        });
    context.run();
    return report.good() ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
