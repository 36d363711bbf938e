// Calls operations with completion tokens instead of coroutines: futures, callbacks and deferred operations. Also shows
// how to cancel an operation.

#include <passage/passage.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <string_view>

namespace asio = boost::asio;

namespace {

using User = passage::expected<passage::UserInfo>;

bool print(std::string_view what, const User& user)
{
    std::cout << what << ": " << (user ? user->email : to_string(user.error())) << '\n';
    return user.has_value();
}

/// A callback is called on its associated executor, which defaults to the client's. Here it starts the next operation.
void read_and_deactivate(passage::Client& client, const std::string& id, bool& good)
{
    client.get_user(id, [&client, &good](const User& user) {
        if (!print("called back", user))
            return;
        client.deactivate_user(user->id, [&good](const User& inactive) {
            good = print("called back", inactive) && inactive->status == passage::UserStatus::inactive;
        });
    });
}

/// A deferred operation starts when it gets a completion token. Before that it can be combined with others.
auto read_status(passage::Client& client, const std::string& id)
{
    return client.get_user(id, asio::deferred)(asio::deferred([](const User& user) {
        return asio::deferred.values(user ? std::string{user->status.text()} : to_string(user.error()));
    }));
}

/// A signal cancels an operation. Signals and slots are not thread-safe, so both are used only on a strand.
void start_and_cancel(passage::Client& client, asio::cancellation_signal& signal, bool& cancelled)
{
    const auto strand = asio::make_strand(client.get_executor());
    asio::post(strand, [strand, &client, &signal, &cancelled] {
        auto done = [&cancelled](const passage::expected<passage::UserPage>& page) {
            cancelled = !page && passage::is_cancelled(page.error());
            std::cout << "cancelled: " << (page ? "too late" : to_string(page.error())) << '\n';
        };
        client.list_users(passage::ListUsersRequest{},
                          asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(strand, std::move(done))));
        signal.emit(asio::cancellation_type::terminal);
    });
}

} // namespace

int main()
try {
    auto config = passage::Config::from_environment();
    if (!config) {
        std::cerr << config.error() << '\n';
        return 2;
    }
    bool cancelled = false;
    bool deactivated = false;
    asio::thread_pool pool{1};
    asio::cancellation_signal signal; // destroyed before the pool: its slot holds an executor of the pool
    passage::Client client{pool, *config};

    // The first call must establish a connection, so no response can arrive before the signal.
    start_and_cancel(client, signal, cancelled);

    std::string status;
    // This thread runs no handlers, so it may wait for a future.
    const User user =
        client.create_user(passage::CreateUserRequest{}.email("future@example.com"), asio::use_future).get();
    if (print("future", user)) {
        status = read_status(client, user->id)(asio::use_future).get();
        std::cout << "deferred: " << status << '\n';
        read_and_deactivate(client, user->id, deactivated);
    }
    pool.join();
    return status == "pending" && deactivated && cancelled ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
