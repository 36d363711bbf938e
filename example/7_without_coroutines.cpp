// The same operations with other completion tokens than awaitables: futures, callbacks, deferred operations; and how an
// operation is cancelled.

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

/// A callback is called on its associated executor, or else on the client's; here it starts the next operation.
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

/// A deferred operation starts when it is given its token, and can be combined with others before.
auto read_status(passage::Client& client, const std::string& id)
{
    return client.get_user(id, asio::deferred)(asio::deferred([](const User& user) {
        return asio::deferred.values(user ? std::string{user->status.text()} : to_string(user.error()));
    }));
}

/// A signal cancels an operation. Signals and slots are not thread-safe, so a strand keeps both to one thread.
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
    asio::cancellation_signal signal; // goes before the pool, as what it cancels holds an executor of the pool
    passage::Client client{pool, *config};

    // The first call has a connection to make, so no answer is faster than the signal.
    start_and_cancel(client, signal, cancelled);

    std::string status;
    // A future is waited for, by a thread that runs no handlers.
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
