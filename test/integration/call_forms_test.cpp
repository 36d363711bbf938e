// The forms in which calls are written, above all those with temporaries inside a co_await expression, which compilers
// have got wrong. Their value is in running under AddressSanitizer.

#include "support/run.hpp"
#include "support/service.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <future>
#include <memory>
#include <type_traits>

using namespace passage;
using passage::test::run;
using namespace std::chrono_literals;
namespace asio = boost::asio;

static_assert(!std::is_aggregate_v<CreateUserRequest>);
static_assert(!std::is_aggregate_v<UpdateUserRequest>);
static_assert(!std::is_aggregate_v<ListUsersRequest>);
static_assert(!std::is_aggregate_v<CallOptions>);
static_assert(!std::is_aggregate_v<Config>);
static_assert(!std::is_aggregate_v<UserFilter>);

namespace {

struct Fixture
{
    test::Service service;
    asio::io_context context;
    Client client{context, service.config()};
    std::string id = run(context, [](Client& psg) -> asio::awaitable<std::string> {
        co_return (co_await psg.create_user(CreateUserRequest{}.email("a@example.com"))).value().id;
    }(client));
};

/// Longer than any small string, so that its memory is on the heap.
std::string long_text(std::string_view text)
{
    return std::string{text} + std::string(64, 'x') + "@example.com";
}

} // namespace

BOOST_FIXTURE_TEST_CASE(requests_are_made_inside_the_co_await_expression, Fixture)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        BOOST_TEST((co_await psg.create_user(CreateUserRequest{}.email(long_text("b")))).has_value());
        BOOST_TEST((co_await psg.create_user(
                        CreateUserRequest{}.email(long_text("c")).metadata("plan", std::string(100, 'p'))))
                       .has_value());
        BOOST_TEST((co_await psg.create_user(
                        CreateUserRequest{}.email(long_text("d")).metadata("plan", "pro").metadata("seats", 5),
                        CallOptions{}.timeout(20s).retries(false).header("X-Trace", std::string(100, 't'))))
                       .has_value());
        const std::string found = (co_await psg.get_user_by_identifier(long_text("B"))).value().id;
        BOOST_TEST((co_await psg.update_user(
                        found, UpdateUserRequest{}.email(long_text("e")).metadata("note", long_text("g"))))
                       ->email == long_text("e"));
        BOOST_TEST((co_await psg.list_users(ListUsersRequest{}
                                                .limit(2)
                                                .where(user_field::identifier.like("%" + std::string(40, 'x') + "%"))
                                                .order_by(user_field::created_at.descending())))
                       ->total_users == 3);
    }(client));
}

BOOST_FIXTURE_TEST_CASE(a_call_can_be_the_condition_of_a_statement, Fixture)
{
    run(context, [](Client& psg, std::string known) -> asio::awaitable<void> {
        if (const auto user = co_await psg.get_user(known); user)
            BOOST_TEST(user->id == known);
        else
            BOOST_ERROR(user.error());
        BOOST_TEST(((co_await psg.get_user(known)) ? true : false));
        const auto ids = {known, known};
        for (const std::string& each : ids)
            BOOST_TEST((co_await psg.get_user(each)).value().id == known);
        if (auto deleted = co_await psg.delete_user(known))
            BOOST_TEST(!co_await psg.delete_user(known));
        else
            BOOST_ERROR(deleted.error());
    }(client, id));
}

BOOST_FIXTURE_TEST_CASE(arguments_may_be_gone_when_the_call_is_awaited, Fixture)
{
    run(context, [](Client& psg, std::string known) -> asio::awaitable<void> {
        auto text = std::make_unique<std::string>(long_text("f"));
        auto request = std::make_unique<CreateUserRequest>(CreateUserRequest{}.email(*text).metadata("a", *text));
        auto options = std::make_unique<CallOptions>(CallOptions{}.header("X-Trace", *text));
        auto create = psg.create_user(*request, *options);
        auto find = psg.get_user_by_identifier(*text, *options);
        auto view = std::make_unique<std::string>(known);
        auto get = psg.get_user(std::string_view{*view}, *options);
        text->assign(text->size(), '!');
        text.reset();
        request.reset();
        options.reset();
        view->assign(view->size(), '!');
        view.reset();

        const auto created = co_await std::move(create);
        BOOST_TEST(created->email == long_text("f"));
        BOOST_TEST((co_await std::move(find))->id == created->id);
        BOOST_TEST((co_await std::move(get))->id == known);
    }(client, id));
}

BOOST_FIXTURE_TEST_CASE(a_call_that_is_never_awaited_does_nothing, Fixture)
{
    const auto before = service.emulator.requests_served();
    {
        auto never_awaited = client.create_user(CreateUserRequest{}.email("never@example.com"));
    }
    run(context, [](Client& psg, std::string known) -> asio::awaitable<void> {
        BOOST_TEST((co_await psg.get_user(known)).has_value());
    }(client, id));
    BOOST_TEST(service.emulator.requests_served() == before + 1);
}

BOOST_FIXTURE_TEST_CASE(calls_run_side_by_side, Fixture)
{
    run(context, [](Client& psg, std::string known) -> asio::awaitable<void> {
        using namespace asio::experimental::awaitable_operators;
        const auto [user, page, nobody] = co_await (psg.get_user(known) && psg.list_users() && psg.get_user("nobody"));
        BOOST_TEST(user->id == known);
        BOOST_TEST(page->total_users == 1);
        BOOST_TEST(is_not_found(nobody.error()));
    }(client, id));
}

BOOST_FIXTURE_TEST_CASE(code_without_coroutines_uses_callbacks_and_futures, Fixture)
{
    std::string called_back;
    asio::co_spawn(context, client.get_user(id), [&](std::exception_ptr error, expected<UserInfo> user) {
        BOOST_TEST(!error);
        called_back = user->id;
    });
    std::future<expected<UserInfo>> future = asio::co_spawn(context, client.get_user(id), asio::use_future);
    context.restart();
    context.run();
    BOOST_TEST(called_back == id);
    BOOST_TEST(future.get()->id == id);
}

BOOST_FIXTURE_TEST_CASE(calls_follow_the_client_that_was_moved, Fixture)
{
    Client moved = std::move(client);
    run(context, [](Client& from, Client& to, std::string known) -> asio::awaitable<void> {
        BOOST_TEST((co_await to.get_user(known))->id == known);
        const auto none = co_await from.get_user(known);
        BOOST_TEST((none.error().code == Errc::shut_down));
        const auto no_one = co_await from.users().next();
        BOOST_TEST((no_one.error().code == Errc::shut_down));
    }(client, moved, id));
}
