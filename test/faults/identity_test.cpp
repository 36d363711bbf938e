// Answers that are well formed and another request's.

#include "driver.hpp"

#include <boost/test/unit_test.hpp>

using namespace passage;
using namespace passage::test;

namespace {

std::string json(int status, std::string_view body)
{
    return response(status, "Content-Type: application/json\r\n", body);
}

const std::string other_user = answer_with_user("other");
const std::string other_email =
    json(200, R"({"user":{"id":"subject","email":"john@example.com","phone":"","status":"active"}})");

template <class Call>
auto call(Call what)
{
    return [what](Client& client) -> asio::awaitable<Result> {
        Result result;
        if (auto answer = co_await what(client); !answer)
            result.error = std::move(answer.error());
        co_return result;
    };
}

std::string page_with(std::string_view user)
{
    return json(200, R"({"page":1,"limit":1,"total_users":1,"users":[)" + std::string{user} + "]}");
}

} // namespace

BOOST_AUTO_TEST_CASE(an_answer_that_names_another_is_no_answer)
{
    struct Row
    {
        const char* name;
        std::function<asio::awaitable<Result>(Client&)> call;
        std::vector<std::string> answers;
    };
    const std::string found = page_with(R"({"id":"subject","email":"jane@example.com"})");
    const std::vector<Row> rows{
        {"get_user", call([](Client& c) { return c.get_user("subject"); }), {other_user}},
        {"update_user",
         call([](Client& c) { return c.update_user("subject", UpdateUserRequest{}.email("john@example.com")); }),
         {other_user}},
        {"activate_user", call([](Client& c) { return c.activate_user("subject"); }), {other_user}},
        {"deactivate_user", call([](Client& c) { return c.deactivate_user("subject"); }), {other_user}},
        {"delete_user", call([](Client& c) { return c.delete_user("subject"); }), {other_user}},
        {"revoke_user_refresh_tokens",
         call([](Client& c) { return c.revoke_user_refresh_tokens("subject"); }),
         {other_user}},
        {"create_user by e-mail",
         call([](Client& c) { return c.create_user(CreateUserRequest{}.email("jane@example.com")); }),
         {other_email}},
        {"create_user by phone",
         call([](Client& c) { return c.create_user(CreateUserRequest{}.phone("+15005550006")); }),
         {other_email}},
        {"a search that finds another",
         call([](Client& c) { return c.get_user_by_identifier("jane@example.com"); }),
         {page_with(R"({"id":"subject","email":"john@example.com"})")}},
        {"a search whose user has another id",
         call([](Client& c) { return c.get_user_by_identifier("jane@example.com"); }),
         {found, other_user}},
        {"a search whose user has another e-mail address",
         call([](Client& c) { return c.get_user_by_identifier("jane@example.com"); }),
         {found, other_email}},
        {"create_magic_link by e-mail",
         call([](Client& c) { return c.create_magic_link(CreateMagicLinkRequest::for_email("jane@example.com")); }),
         {json(201, R"({"magic_link":{"id":"l1","identifier":"john@example.com"}})")}},
        {"create_magic_link by user",
         call([](Client& c) {
             return c.create_magic_link(CreateMagicLinkRequest::for_user("subject", MagicLinkChannel::email));
         }),
         {json(201, R"({"magic_link":{"id":"l1","user_id":"other","identifier":"jane@example.com"}})")}},
        {"get_app", call([](Client& c) { return c.get_app(); }), {json(200, R"({"app":{"id":"other"}})")}},
    };
    Driver driver;
    for (const Row& row : rows) {
        count_case();
        std::vector<Step> all{steps::tls()};
        for (const std::string& answer : row.answers) {
            all.push_back(steps::request());
            all.push_back(steps::send(answer));
        }
        all.push_back(steps::expect_end());
        driver.run({.name = row.name,
                    .scripts = {{std::move(all)}},
                    .expected = {.error = Errc::protocol,
                                 .status = row.answers.back().starts_with("HTTP/1.1 201") ? 201 : 200,
                                 .effect = Effect::unknown,
                                 .requests = row.answers.size(),
                                 .attempts = static_cast<unsigned>(row.answers.size()),
                                 .kept = false},
                    .call = row.call});
    }
}

BOOST_AUTO_TEST_CASE(an_answer_that_names_what_was_asked_for_in_another_case_is_one)
{
    Driver driver;
    count_case();
    driver.run({.name = "create_user",
                .scripts = {},
                .expected = {.requests = 1, .kept = true},
                .call = call([](Client& c) { return c.create_user(CreateUserRequest{}.email("Jane@Example.COM")); })});
    count_case();
    driver.run({.name = "get_user_by_identifier",
                .scripts = {},
                .expected = {.requests = 2, .kept = true},
                .call = call([](Client& c) { return c.get_user_by_identifier("JANE@example.com"); })});
}

BOOST_AUTO_TEST_CASE(an_answer_that_comes_just_after_the_next_request_left_is_not_taken_for_its_own)
{
    // No look at the socket can tell: the surplus answer is there only when the next request is.
    Driver driver;
    count_case();
    driver.run({.name = "one answer too many",
                .scripts = {{{steps::tls(), steps::request(), steps::answer(), steps::request(),
                              steps::send(answer_with_user("first")), steps::expect_end()}}},
                .expected = {.error = Errc::protocol, .status = 200, .effect = Effect::unknown, .requests = 2},
                .call = [](Client& client) -> asio::awaitable<Result> {
                    BOOST_TEST((co_await get(client, "first")).id == "first");
                    co_return co_await perform(client, Operation::get);
                }});
}
