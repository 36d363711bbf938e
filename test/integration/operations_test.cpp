#include "support/run.hpp"
#include "support/service.hpp"
#include "support/version_observer.hpp"

#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

using namespace passage;
using passage::test::run;
namespace asio = boost::asio;
namespace field = passage::user_field;

namespace {

struct Fixture
{
    explicit Fixture(EmulatorOptions options = EmulatorOptions{}) : service{std::move(options)} {}

    test::Service service;
    asio::io_context context;
    Client client{context, service.config()};
};

struct Seeded : Fixture
{
    Seeded() : Fixture{EmulatorOptions{}.seed(250)} {}
};

template <class T>
T value(expected<T> result)
{
    if (!result)
        BOOST_FAIL(to_string(result.error()));
    return std::move(*result);
}

void succeed(const expected<void>& result)
{
    if (!result)
        BOOST_FAIL(to_string(result.error()));
}

template <class T>
Error error(const expected<T>& result)
{
    BOOST_REQUIRE(!result);
    return result.error();
}

asio::awaitable<std::vector<UserSummary>> all(UserRange range)
{
    std::vector<UserSummary> users;
    for (;;) {
        auto user = value(co_await range.next());
        if (!user)
            co_return users;
        users.push_back(std::move(*user));
    }
}

} // namespace

BOOST_FIXTURE_TEST_CASE(a_created_user_can_be_read_and_found, Fixture)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        const UserInfo made = value(co_await psg.create_user(CreateUserRequest{}
                                                                 .email("Jane.Doe@example.com")
                                                                 .phone("+15005550006")
                                                                 .metadata("plan", "pro")
                                                                 .metadata("seats", 5)));
        BOOST_TEST(!made.id.empty());
        BOOST_TEST(made.email == "Jane.Doe@example.com");
        BOOST_TEST(made.phone == "+15005550006");
        BOOST_TEST((made.user_metadata == boost::json::object{{"plan", "pro"}, {"seats", 5}}));
        BOOST_TEST(made.status.text() == "pending");
        BOOST_TEST((made.created_at > never));
        BOOST_TEST((made.last_login_at == never));

        BOOST_TEST((value(co_await psg.get_user(made.id)) == made));
        BOOST_TEST((value(co_await psg.get_user_by_identifier("JANE.DOE@EXAMPLE.COM")) == made));
        BOOST_TEST((value(co_await psg.get_user_by_identifier("+15005550006")) == made));
    }(client));
}

/// A program that is run for HTTP/1.1 is told so by an argument, too.
BOOST_FIXTURE_TEST_CASE(calls_speak_the_version_of_http_that_is_meant, Fixture)
{
    const auto& suite = boost::unit_test::framework::master_test_suite();
    const bool is_for_http1 = suite.argc > 1 && std::string{suite.argv[1]} == "http1";
    const auto observer = std::make_shared<test::VersionObserver>();
    Config config = service.config();
    config.observer = observer;
    Client observed{context, config};
    value(run(context, observed.get_app()));
    const bool speaks_http2 = PASSAGE_HTTP2 && !is_for_http1 && config.http_version == HttpVersion::automatic &&
                              config.base_url.starts_with("https");
    BOOST_TEST((observer->versions == std::set{speaks_http2 ? HttpVersion::http2 : HttpVersion::http1}));
}

BOOST_FIXTURE_TEST_CASE(an_update_changes_what_it_names_and_nothing_else, Fixture)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        const UserInfo made = value(co_await psg.create_user(
            CreateUserRequest{}.email("a@example.com").phone("+15005550006").metadata("plan", "pro")));

        const UserInfo renamed = value(co_await psg.update_user(made.id, UpdateUserRequest{}.email("b@example.com")));
        BOOST_TEST(renamed.email == "b@example.com");
        BOOST_TEST(renamed.phone == made.phone);
        BOOST_TEST((renamed.user_metadata == made.user_metadata));

        const UserInfo cleared = value(co_await psg.update_user(made.id, UpdateUserRequest{}.clear_phone()));
        BOOST_TEST(cleared.phone == "");
        BOOST_TEST(cleared.email == "b@example.com");

        const UserInfo changed = value(co_await psg.update_user(made.id, UpdateUserRequest{}.metadata("plan", "free")));
        BOOST_TEST((changed.user_metadata.at("plan") == "free"));
        BOOST_TEST((value(co_await psg.get_user(made.id)) == changed));
    }(client));
}

BOOST_FIXTURE_TEST_CASE(a_user_is_deactivated_activated_and_deleted, Fixture)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        const std::string id = value(co_await psg.create_user(CreateUserRequest{}.email("a@example.com"))).id;
        BOOST_TEST((value(co_await psg.deactivate_user(id)).status == UserStatus::inactive));
        BOOST_TEST((value(co_await psg.activate_user(id)).status == UserStatus::active));
        succeed(co_await psg.revoke_user_refresh_tokens(id));
        succeed(co_await psg.delete_user(id));
        BOOST_TEST(is_not_found(error(co_await psg.get_user(id))));
        BOOST_TEST(is_not_found(error(co_await psg.delete_user(id))));
    }(client));
}

BOOST_FIXTURE_TEST_CASE(devices_are_listed_and_deleted, Fixture)
{
    run(context, [](Client& psg, Emulator& emulator) -> asio::awaitable<void> {
        const std::string id = value(co_await psg.create_user(CreateUserRequest{}.email("a@example.com"))).id;
        const std::string kept = emulator.plant_device(id, R"({"friendly_name":"Chrome on Mac","type":"passkey"})");
        const std::string removed = emulator.plant_device(id, R"({"friendly_name":"Key","type":"security_key"})");

        const auto devices = value(co_await psg.list_user_devices(id));
        BOOST_REQUIRE_EQUAL(devices.size(), 2);
        BOOST_TEST((value(co_await psg.get_user(id)).webauthn_devices == devices));

        succeed(co_await psg.delete_user_device(id, removed));
        const auto left = value(co_await psg.list_user_devices(id));
        BOOST_REQUIRE_EQUAL(left.size(), 1);
        BOOST_TEST(left.front().id == kept);
        BOOST_TEST(left.front().friendly_name == "Chrome on Mac");
        BOOST_TEST((left.front().type == WebAuthnType::passkey));

        const Error gone = error(co_await psg.delete_user_device(id, removed));
        BOOST_TEST(gone.http_status == 404);
        BOOST_TEST(gone.api_code == "device_not_found");
    }(client, service.emulator));
}

BOOST_FIXTURE_TEST_CASE(deprecated_names_do_what_their_successors_do, Fixture)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    run(context, [](Client& psg, Emulator& emulator) -> asio::awaitable<void> {
        const std::string id = value(co_await psg.create_user(CreateUserRequest{}.email("a@example.com"))).id;
        const std::string device = emulator.plant_device(id);
        succeed(co_await psg.revoke_user_device(id, device));
        BOOST_TEST(value(co_await psg.list_user_devices(id)).empty());
        succeed(co_await psg.signout(id));
    }(client, service.emulator));
#pragma GCC diagnostic pop
}

BOOST_FIXTURE_TEST_CASE(what_the_service_refuses_is_told_with_status_and_code, Fixture)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        const std::string id = value(co_await psg.create_user(CreateUserRequest{}.email("a@example.com"))).id;

        const Error taken = error(co_await psg.create_user(CreateUserRequest{}.email("A@EXAMPLE.COM")));
        BOOST_TEST((taken.code == Errc::api));
        BOOST_TEST(taken.http_status == 400);
        BOOST_TEST(taken.api_code == "invalid_request");
        BOOST_TEST((taken.effect == Effect::none));
        BOOST_TEST(taken.operation == "create_user");
        BOOST_TEST(taken.attempts == 1u);
        BOOST_TEST(is_invalid_argument(taken));

        const Error unknown = error(co_await psg.get_user_by_identifier("nobody@example.com"));
        BOOST_TEST(is_not_found(unknown));
        BOOST_TEST(unknown.api_code == "user_not_found");
        BOOST_TEST(unknown.operation == "get_user_by_identifier");

        for (const char* nobody : {"nobody", "a/b", "a%2Fb", "a b", "a?b#c", "\xc3\xa9", "..."})
            BOOST_TEST(is_not_found(error(co_await psg.get_user(nobody))));
        BOOST_TEST((value(co_await psg.get_user(id)).id == id));
    }(client));
}

BOOST_FIXTURE_TEST_CASE(metadata_that_the_emulator_accepts_can_be_decoded, Fixture)
{
    int planted = 0;
    const auto plant = [&](const std::string& metadata) {
        return service.emulator.plant_user(R"({"email":")" + std::to_string(++planted) +
                                           R"(@example.com","user_metadata":)" + metadata + "}");
    };
    const auto nested = [](std::size_t depth) {
        return R"({"x":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
    };
    BOOST_CHECK_THROW(plant(nested(30)), std::invalid_argument);
    BOOST_CHECK_THROW(plant(R"({"x":1.7976931348623159e308})"), std::invalid_argument);
    const std::vector<std::string> ids{plant(nested(29)), plant(R"({"x":[1.7976931348623158e308,1e-400,-0e400]})")};
    for (const std::string& id : ids)
        BOOST_TEST(value(run(context, client.get_user(id))).id == id);
    BOOST_TEST(run(context, all(client.users())).size() == ids.size());
}

BOOST_FIXTURE_TEST_CASE(a_wrong_key_is_refused, Fixture)
{
    Config config = service.config();
    config.api_key = "psg_canary_5e1f0c9d2b7a4836_wrong";
    Client stranger{context, config};
    run(context, [](Client& psg) -> asio::awaitable<void> {
        const Error refused = error(co_await psg.get_user("anyone"));
        BOOST_TEST(is_unauthorized(refused));
        BOOST_TEST(refused.api_code == "invalid_access_token");
        BOOST_TEST(refused.attempts == 1u);
    }(stranger));
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_sent_is_refused_before_any_connection, Fixture)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        const auto refuse = [](const Error& refused) {
            BOOST_TEST((refused.code == Errc::invalid_argument));
            BOOST_TEST(!refused.message.empty());
            BOOST_TEST(refused.attempts == 0u);
        };
        refuse(error(co_await psg.create_user(CreateUserRequest{})));
        refuse(error(co_await psg.create_user(CreateUserRequest{}.phone("5550006"))));
        refuse(error(co_await psg.create_user(CreateUserRequest{}.email("a@b\r\nBcc: c@d"))));
        refuse(error(co_await psg.get_user("")));
        refuse(error(co_await psg.get_user("..")));
        refuse(error(co_await psg.get_user(std::string_view{"a\0b", 3})));
        refuse(error(co_await psg.get_user_by_identifier("<like:%>")));
        refuse(error(co_await psg.update_user("a", UpdateUserRequest{})));
        refuse(error(co_await psg.list_users(ListUsersRequest{}.limit(501))));
        refuse(error(co_await psg.get_user("a", CallOptions{}.header("X-Trace", "a\r\nX-Other: b"))));
        refuse(error(co_await psg.get_user("a", CallOptions{}.header("Authorization", "none"))));
    }(client));
    BOOST_TEST(service.emulator.connections_accepted() == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_range_yields_every_user_once, Seeded)
{
    for (const int limit : {1, 7, 100, 250, 500}) {
        const auto users = run(context, all(client.users(ListUsersRequest{}.limit(limit))));
        std::set<std::string> ids;
        for (const UserSummary& user : users)
            ids.insert(user.id);
        BOOST_TEST(users.size() == 250u);
        BOOST_TEST(ids.size() == 250u);
    }
}

BOOST_FIXTURE_TEST_CASE(users_may_be_deleted_as_a_range_yields_them, Seeded)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        for (int i = 0; i < 100; ++i)
            value(co_await psg.create_user(CreateUserRequest{}.email("same" + std::to_string(i) + "@example.com")));
        UserRange range = psg.users(ListUsersRequest{}.limit(20));
        std::size_t deleted = 0;
        for (;;) {
            const auto user = value(co_await range.next());
            if (!user)
                break;
            succeed(co_await psg.delete_user(user->id));
            ++deleted;
            if (deleted % 50 == 0)
                value(co_await psg.create_user(
                    CreateUserRequest{}.email("late" + std::to_string(deleted) + "@example.com")));
        }
        BOOST_TEST(deleted >= 350u);
        for (const UserSummary& left : value(co_await psg.list_users(ListUsersRequest{}.limit(500))).users)
            BOOST_TEST(left.email.starts_with("late"), left.email);
    }(client));
}

BOOST_FIXTURE_TEST_CASE(a_second_next_of_a_range_is_refused_while_one_is_under_way, Seeded)
{
    UserRange range = client.users();
    std::size_t users = 0;
    std::string refused;
    for (int i = 0; i < 2; ++i)
        asio::co_spawn(context, range.next(),
                       [&](std::exception_ptr, const expected<std::optional<UserSummary>>& user) {
                           users += user && user->has_value();
                           if (!user)
                               refused = to_string(user.error());
                       });
    context.run();
    BOOST_TEST(users == 1u);
    BOOST_TEST(refused == "list_users: invalid_argument: another next() of this range is under way");
    context.restart();
    BOOST_TEST(value(run(context, range.next())).has_value());
}

BOOST_FIXTURE_TEST_CASE(a_client_that_cannot_be_made_says_why_once, Fixture)
{
    Config config = service.config();
    config.api_key = Secret{};
    const auto what = [&] {
        try {
            const Client made{context, config};
        } catch (const boost::system::system_error& error) {
            return std::string{error.what()};
        }
        return std::string{};
    };
    BOOST_TEST(what() == "api_key is empty: invalid_argument [passage:1]");
    config = service.config();
    config.base_url.clear();
    BOOST_TEST(what() == "base_url is empty: set it to where the server is, as https://host[:port][/path]: "
                         "invalid_argument [passage:1]");
}

BOOST_FIXTURE_TEST_CASE(a_call_without_time_makes_no_attempt, Fixture)
{
    const auto user = run(context, client.get_user("u", CallOptions{}.deadline(std::chrono::steady_clock::now())));
    BOOST_TEST(is_timeout(error(user)));
    BOOST_TEST(error(user).attempts == 0u);
    BOOST_TEST(to_string(error(user)).find("attempt") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(users_created_while_a_range_is_read_are_not_in_it, Seeded)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        // Users of the current second are not in the set, which is fixed by whole seconds; the seeded ones are older.
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        UserRange range =
            psg.users(ListUsersRequest{}.limit(100).created_before(now).order_by(field::created_at.descending()));
        std::set<std::string> ids;
        for (;;) {
            const auto user = value(co_await range.next());
            if (!user)
                break;
            BOOST_TEST(ids.insert(user->id).second);
            if (ids.size() % 50 == 1)
                value(co_await psg.create_user(
                    CreateUserRequest{}.email("late" + std::to_string(ids.size()) + "@example.com")));
        }
        BOOST_TEST(ids.size() == 250u);
    }(client));
}

BOOST_FIXTURE_TEST_CASE(filters_and_orders_select_as_they_say, Seeded)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        const auto everybody = co_await all(psg.users(ListUsersRequest{}.limit(500)));
        const auto count = [&](auto condition) { return std::count_if(everybody.begin(), everybody.end(), condition); };
        const auto total = [](const UserPage& page) { return page.total_users; };

        BOOST_TEST(
            total(value(co_await psg.list_users(ListUsersRequest{}.where(field::status == UserStatus::active)))) ==
            count([](const UserSummary& user) { return user.status == UserStatus::active; }));
        BOOST_TEST(total(value(co_await psg.list_users(ListUsersRequest{}.where(field::login_count > 3)))) ==
                   count([](const UserSummary& user) { return user.login_count > 3; }));
        const Timestamp middle = everybody[everybody.size() / 2].created_at;
        BOOST_TEST(total(value(co_await psg.list_users(ListUsersRequest{}.where(field::created_at < middle)))) ==
                   count([&](const UserSummary& user) { return user.created_at < middle; }));
        BOOST_TEST(total(value(co_await psg.list_users(ListUsersRequest{}.where(field::id != everybody.front().id)))) ==
                   249);

        const auto ordered = value(co_await psg.list_users(
            ListUsersRequest{}.limit(500).order_by(field::login_count.descending()).order_by(field::id.ascending())));
        BOOST_TEST(std::is_sorted(ordered.users.begin(), ordered.users.end(), [](const auto& a, const auto& b) {
            return std::tie(b.login_count, a.id) < std::tie(a.login_count, b.id);
        }));
    }(client));
}

BOOST_FIXTURE_TEST_CASE(a_range_that_fails_asks_for_the_same_page_again, Seeded)
{
    run(context, [](Client& psg) -> asio::awaitable<void> {
        UserRange range =
            psg.users(ListUsersRequest{}.limit(100), CallOptions{}.deadline(std::chrono::steady_clock::now()));
        BOOST_TEST(is_timeout(error(co_await range.next())));
        BOOST_TEST(is_timeout(error(co_await range.next())));
    }(client));
}
