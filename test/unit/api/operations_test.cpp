#include "api/operations.hpp"

#include "api/requests.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

using namespace passage;
using namespace passage::api;

namespace {

const Requests requests{"/v1", "app", 1024};

constexpr const char* jane = R"({"user":{"id":"u1","email":"jane@b.c"}})";
constexpr const char* john = R"({"user":{"id":"u2","email":"john@b.c"}})";
constexpr const char* page_of_jane = R"({"page":1,"limit":1,"total_users":1,"users":[{"id":"u1","email":"jane@b.c"}]})";

http::Response response(std::string_view body)
{
    http::Response result;
    result.status = 200;
    result.body = body;
    result.content_type = "application/json";
    return result;
}

/// What a row must say.
struct Facts
{
    Success success = Success::content;
    bool idempotent = true;
    bool answer_names_subject = false;
    bool repeated_not_found_is_success = false;
};

/// A row, with arguments and answers for it.
struct Case
{
    std::string name; ///< The expected name.
    std::string sent; ///< The request line up to the version, and the body.
    Facts facts;
    std::string answer;
    std::string another; ///< A response to another request; empty if such a response can't be recognised.

    const Operation* operation = nullptr;
    std::size_t ids = 0;
    /// Builds the request, with one of its ids replaced.
    std::function<expected<http::Request>(std::size_t which, std::string_view id)> with_id = {};
    std::function<expected<http::Request>()> build = {};
    /// Reads an answer to the last request.
    std::function<expected<void>(std::string_view body)> read = {};
};

template <class T, class... Args>
expected<void> read_with(const Row<T(Args...)>& row, http::Request request, std::string_view body)
{
    std::string identifier;
    if (row.follow) {
        const Question first{requests, request};
        identifier = first.identifier();
        request = row.follow(requests, response(page_of_jane), 1024 * 1024, first).value();
    }
    Question question{requests, request};
    question.also(identifier);
    auto value = row.answer.read(response(body), 1024 * 1024, question);
    if (!value)
        return unexpected{std::move(value.error())};
    return {};
}

template <class T, class... Args>
Case with(Case test, const Row<T(Args...)>& row, std::type_identity_t<Args>... args)
{
    test.operation = &row;
    test.ids = row.ids;
    test.build = [&row, args...] { return requests.build(row, args...); };
    test.with_id = [&row, args...](std::size_t which, std::string_view id) {
        [[maybe_unused]] std::size_t at = 0;
        [[maybe_unused]] const auto replaced = [&](const auto& arg) {
            if constexpr (std::is_same_v<decltype(arg), const Id&>)
                return at++ == which ? id : arg;
            else
                return arg;
        };
        const std::tuple<Args...> all{replaced(args)...};
        return std::apply([&](const auto&... each) { return requests.build(row, each...); }, all);
    };
    test.read = [&row, build = test.build](std::string_view body) { return read_with(row, build().value(), body); };
    return test;
}

const std::vector<Case>& rows()
{
    using enum Success;
    const std::string users = "/v1/apps/app/users";
    static const std::vector<Case> all{
        with({"create_user", "POST " + users + R"( {"email":"jane@b.c"})", {created, false, true}, jane, john},
             create_user, CreateUserRequest{}.email("jane@b.c")),
        with({"get_user", "GET " + users + "/u1", {content, true, true}, jane, john}, get_user, "u1"),
        with({"coalesced_get_user", "GET " + users + "/u1", {content, true, true}, jane, john}, coalesced_get_user,
             "u1"),
        with({"get_user_by_identifier", "GET " + users + "?limit=1&identifier=jane%40b.c", {}, jane, john},
             get_user_by_identifier, Identifier{"Jane@b.c"}),
        with({"update_user", "PATCH " + users + R"(/u1 {"phone":null})", {content, true, true}, jane, john},
             update_user, "u1", UpdateUserRequest{}.clear_phone()),
        with({"activate_user", "PATCH " + users + "/u1/activate", {content, true, true}, jane, john}, activate_user,
             "u1"),
        with({"deactivate_user", "PATCH " + users + "/u1/deactivate", {content, true, true}, jane, john},
             deactivate_user, "u1"),
        with({"delete_user", "DELETE " + users + "/u1", {empty, true, false, true}, "", john}, delete_user, "u1"),
        with({"list_user_devices", "GET " + users + "/u1/devices", {}, R"({"devices":[{"id":"d1"}]})", ""},
             list_user_devices, "u1"),
        with({"delete_user_device", "DELETE " + users + "/u1/devices/d1", {empty, true, false, true}, "", john},
             delete_user_device, "u1", "d1"),
        with({"revoke_user_refresh_tokens", "DELETE " + users + "/u1/tokens", {empty}, "", john},
             revoke_user_refresh_tokens, "u1"),
        with({"list_users", "GET " + users + "?page=2", {}, page_of_jane, ""}, list_users, ListUsersRequest{}.page(2)),
        with({"create_magic_link",
              R"(POST /v1/apps/app/magic-links {"email":"jane@b.c","channel":"email","send":false})",
              {created, false, true},
              R"({"magic_link":{"id":"m1","identifier":"jane@b.c"}})",
              R"({"magic_link":{"id":"m1","identifier":"john@b.c"}})"},
             create_magic_link, CreateMagicLinkRequest::for_email("jane@b.c")),
        with({"get_app", "GET /v1/apps/app", {}, R"({"app":{"id":"app"}})", R"({"app":{"id":"other"}})"}, get_app),
        with({"authenticate", "GET /v1/apps/app/.well-known/jwks.json", {}, R"({"keys":[]})", ""}, authenticate),
    };
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(each_operation)

BOOST_AUTO_TEST_CASE(is_among_those_that_are_tested)
{
    std::ifstream file{PASSAGE_SOURCE_DIR "/src/api/operations.hpp"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    constexpr std::string_view begin = "inline constexpr Row<";
    std::size_t found = 0;
    for (std::size_t at = text.find(begin); at != text.npos; at = text.find(begin, at + begin.size()))
        ++found;
    BOOST_TEST(found == rows().size());
}

BOOST_AUTO_TEST_CASE(has_its_name_and_facts)
{
    std::set<std::string_view> names;
    for (const Case& row : rows()) {
        BOOST_TEST_CONTEXT(row.name)
        {
            const Operation& operation = *row.operation;
            BOOST_TEST(operation.name == row.name);
            BOOST_TEST(names.insert(operation.name).second);
            BOOST_TEST((operation.success == row.facts.success));
            BOOST_TEST(operation.idempotent == row.facts.idempotent);
            BOOST_TEST(operation.answer_names_subject == row.facts.answer_names_subject);
            BOOST_TEST(operation.repeated_not_found_is_success == row.facts.repeated_not_found_is_success);
        }
    }
}

BOOST_AUTO_TEST_CASE(sends_what_the_service_documents)
{
    for (const Case& row : rows()) {
        const expected<http::Request> request = row.build();
        BOOST_TEST_REQUIRE(request.has_value(), row.name);
        std::string sent = std::string{request->method} + " " + request->target;
        if (request->has_body)
            sent += " " + request->body;
        BOOST_TEST(sent == row.sent);
    }
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_id_and_says_which)
{
    for (const Case& row : rows()) {
        const auto placeholders = row.operation->path.placeholders();
        BOOST_TEST(placeholders.size() == row.ids, row.name);
        for (std::size_t which = 0; which < row.ids; ++which) {
            BOOST_TEST(placeholders[which].name.ends_with("_id"), row.name);
            for (const char* id : {"", ".", "..", "a\r\nb", "\xff"}) {
                const expected<http::Request> request = row.with_id(which, id);
                BOOST_TEST_REQUIRE(!request.has_value(), row.name);
                BOOST_TEST((request.error().code == Errc::invalid_argument), row.name);
                const std::string begin = std::string{placeholders[which].name} + " ";
                BOOST_TEST(request.error().message.starts_with(begin), row.name << ": " << request.error());
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(takes_its_own_answer_and_not_that_to_another)
{
    for (const Case& row : rows()) {
        const expected<void> good = row.read(row.answer);
        BOOST_TEST(good.has_value(), row.name);
        if (row.another.empty())
            continue;
        const expected<void> bad = row.read(row.another);
        BOOST_TEST_REQUIRE(!bad.has_value(), row.name);
        BOOST_TEST((bad.error().code == Errc::protocol), row.name << ": " << bad.error());
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(a_user_that_was_found_is_read_by_its_id)
{
    const http::Request request = requests.build(get_user_by_identifier, Identifier{"jane@b.c"}).value();
    const auto follow = [&](std::string_view page, std::size_t limit = 1024 * 1024) {
        return get_user_by_identifier.follow(requests, response(page), limit, Question{requests, request});
    };
    BOOST_TEST(follow(page_of_jane).value().target == "/v1/apps/app/users/u1");
    BOOST_TEST(is_not_found(follow(R"({"users":[]})").error()));
    BOOST_TEST((follow(R"({"users":[{"id":"u2","email":"john@b.c"}]})").error().code == Errc::protocol));
    BOOST_TEST((follow("[]").error().code == Errc::decode));
    BOOST_TEST((follow(page_of_jane, 1).error().code == Errc::too_large));
}
