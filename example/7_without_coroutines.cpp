// The same calls for code that has no coroutines of its own: with futures, callbacks and deferred operations, and how
// one of them is given up. `co_spawn` takes an operation and any completion token.

#include <passage/passage.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
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

using Strand = asio::strand<asio::thread_pool::executor_type>;
using User = passage::expected<passage::UserInfo>;

/// What a completion token is given: an operation throws nothing but `std::bad_alloc`, which is for nobody to handle.
void rethrow(std::exception_ptr error)
{
    if (error)
        std::rethrow_exception(error);
}

bool print(std::string_view what, const User& user)
{
    std::cout << what << ": " << (user ? user->email : to_string(user.error())) << '\n';
    return user.has_value();
}

/// A future is waited for, by a thread that runs no handlers.
User create(const Strand& strand, passage::Client& client)
{
    const auto request = passage::CreateUserRequest{}.email("future@example.com");
    return asio::co_spawn(strand, client.create_user(request), asio::use_future).get();
}

/// A callback is called where the operation was spawned; here it begins the next one.
void read_and_deactivate(const Strand& strand, passage::Client& client, const std::string& id, bool& good)
{
    asio::co_spawn(strand, client.get_user(id), [strand, &client, &good](std::exception_ptr error, User user) {
        rethrow(error);
        if (!print("called back", user))
            return;
        asio::co_spawn(strand, client.deactivate_user(user->id), [&good](std::exception_ptr failure, User inactive) {
            rethrow(failure);
            good = print("called back", inactive) && inactive->status == passage::UserStatus::inactive;
        });
    });
}

/// An operation that is deferred begins when it is given its token, and can be put together before.
auto read_status(const Strand& strand, passage::Client& client, const std::string& id)
{
    auto read = asio::co_spawn(strand, client.get_user(id), asio::deferred);
    return std::move(read)(asio::deferred([](std::exception_ptr error, User user) {
        rethrow(error);
        return asio::deferred.values(user ? std::string{user->status.text()} : to_string(user.error()));
    }));
}

/// A signal gives an operation up. It is used where the operation runs, and nowhere else.
void give_up(const Strand& strand, passage::Client& client, asio::cancellation_signal& signal, bool& given_up)
{
    asio::post(strand, [strand, &client, &signal, &given_up] {
        const auto take = [&given_up](std::exception_ptr error, const passage::expected<passage::UserPage>& page) {
            rethrow(error);
            given_up = !page && passage::is_cancelled(page.error());
            std::cout << "given up: " << (page ? "too late" : to_string(page.error())) << '\n';
        };
        asio::co_spawn(strand, client.list_users(), asio::bind_cancellation_slot(signal.slot(), take));
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
    bool given_up = false;
    bool deactivated = false;
    asio::thread_pool pool{1};
    asio::cancellation_signal signal; // goes before the pool, as what it cancels holds an executor of the pool
    const Strand strand = asio::make_strand(pool);
    passage::Client client{pool, *config};

    // The first call has a connection to make, so that no answer is faster.
    give_up(strand, client, signal, given_up);

    std::string status;
    const User user = create(strand, client);
    if (print("future", user)) {
        status = read_status(strand, client, user->id)(asio::use_future).get();
        std::cout << "deferred: " << status << '\n';
        read_and_deactivate(strand, client, user->id, deactivated);
    }
    pool.join();
    return status == "pending" && deactivated && given_up ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
