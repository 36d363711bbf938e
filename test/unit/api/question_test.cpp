#include "api/question.hpp"

#include "api/operations.hpp"
#include "api/requests.hpp"

#include <boost/test/unit_test.hpp>

using namespace passage;
using namespace passage::api;

namespace {

const Requests requests{"/v1", "app", 1024 * 1024};

http::Request asked(const expected<http::Request>& request)
{
    return request.value();
}

template <class User = UserInfo>
User user(std::string id, std::string email = {}, std::string phone = {})
{
    User result;
    result.id = std::move(id);
    result.email = std::move(email);
    result.phone = std::move(phone);
    return result;
}

MagicLink link_for(std::string identifier, std::string user_id = {})
{
    MagicLink result;
    result.identifier = std::move(identifier);
    result.user_id = std::move(user_id);
    return result;
}

expected<http::Request> find_user(std::string_view identifier)
{
    return requests.build(get_user_by_identifier, Identifier{identifier});
}

} // namespace

BOOST_AUTO_TEST_SUITE(answers_are_held_against_questions)

BOOST_AUTO_TEST_CASE(a_user_must_be_the_one_of_the_path)
{
    for (const std::string id : {"u1", "h7dOU3v2QkrhVNcdBuTKCzpE", "a b", "a/b", "%61", "user@x", "..."}) {
        for (const auto& made :
             {requests.build(get_user, id), requests.build(activate_user, id), requests.build(deactivate_user, id),
              requests.build(update_user, id, UpdateUserRequest{}.email("a@b.c"))}) {
            const http::Request request = asked(made);
            const Question question{requests, request};
            BOOST_TEST(question.is_answered_by(user(id)), request.target);
            for (const std::string& other : {id + "x", id.substr(1), std::string{"other"}, std::string{}, "A" + id})
                BOOST_TEST(!question.is_answered_by(user(other)), request.target + other);
        }
    }
    const http::Request request = asked(requests.build(get_user, "U1"));
    BOOST_TEST(!(Question{requests, request}.is_answered_by(user("u1")))); // ids differ by case
}

BOOST_AUTO_TEST_CASE(a_user_that_was_looked_for_must_have_the_identifier)
{
    const auto finds = [](std::string_view identifier, const UserSummary& found) {
        const http::Request request = asked(find_user(identifier));
        return Question{requests, request}.is_answered_by(found);
    };
    BOOST_TEST(finds("Jane@Example.com", user<UserSummary>("u", "jane@example.COM")));
    BOOST_TEST(finds("jane+x@example.com", user<UserSummary>("u", "jane+X@example.com", "+15005550006")));
    BOOST_TEST(finds("+15005550006", user<UserSummary>("u", "jane@example.com", "+15005550006")));
    BOOST_TEST(!finds("jane@example.com", user<UserSummary>("u", "john@example.com", "+15005550006")));
    BOOST_TEST(!finds("+15005550006", user<UserSummary>("u", "", "+15005550007")));
    BOOST_TEST(!finds("jane@example.com", user<UserSummary>("u")));
    // The service may return these in another form.
    BOOST_TEST(finds("jane@b\xc3\xbc"
                     "cher.example",
                     user<UserSummary>("u", "jane@xn--bcher-kva.example")));
}

BOOST_AUTO_TEST_CASE(the_user_that_is_read_then_must_have_it_too)
{
    const http::Request search = asked(find_user("jane@example.com"));
    const http::Request read = asked(requests.build(get_user, "u1"));
    Question question{requests, read};
    question.also(Question{requests, search}.identifier());
    BOOST_TEST(question.is_answered_by(user("u1", "Jane@example.com")));
    BOOST_TEST(!question.is_answered_by(user("u1", "john@example.com")));
    BOOST_TEST(!question.is_answered_by(user("u2", "jane@example.com")));
}

BOOST_AUTO_TEST_CASE(a_created_user_must_have_what_it_was_created_with)
{
    const auto created = [](const CreateUserRequest& user, const UserInfo& answer) {
        const http::Request request = asked(requests.build(create_user, user));
        return Question{requests, request}.created(answer);
    };
    const auto by_email = CreateUserRequest{}.email("Jane@example.com").metadata("email", "john@example.com");
    BOOST_TEST(created(by_email, user("u", "jane@example.com")));
    BOOST_TEST(created(by_email, user("u", "jane@example.com", "+15005550006")));
    BOOST_TEST(!created(by_email, user("u", "john@example.com")));
    BOOST_TEST(!created(by_email, user("u")));
    const auto by_both = CreateUserRequest{}.email("jane@example.com").phone("+15005550006");
    BOOST_TEST(created(by_both, user("u", "jane@example.com", "+15005550006")));
    BOOST_TEST(!created(by_both, user("u", "jane@example.com", "+15005550007")));
    BOOST_TEST(!created(by_both, user("u", "jane@example.com")));
    BOOST_TEST(created(CreateUserRequest{}.email("j\xc3\xa4ne@example.com"), user("u", "J\xc3\x84NE@example.com")));
}

BOOST_AUTO_TEST_CASE(a_magic_link_must_be_for_whom_it_was_made)
{
    const auto made = [](const CreateMagicLinkRequest& link, const MagicLink& answer) {
        const http::Request request = asked(requests.build(create_magic_link, link));
        return Question{requests, request}.is_answered_by(answer);
    };
    BOOST_TEST(made(CreateMagicLinkRequest::for_email("Jane@example.com"), link_for("jane@example.com")));
    BOOST_TEST(!made(CreateMagicLinkRequest::for_email("jane@example.com"), link_for("john@example.com", "u1")));
    BOOST_TEST(made(CreateMagicLinkRequest::for_phone("+15005550006"), link_for("+15005550006", "u1")));
    BOOST_TEST(!made(CreateMagicLinkRequest::for_phone("+15005550006"), link_for("+15005550007", "u1")));
    const auto for_user = CreateMagicLinkRequest::for_user("u1", MagicLinkChannel::email);
    BOOST_TEST(made(for_user, link_for("jane@example.com", "u1")));
    BOOST_TEST(!made(for_user, link_for("jane@example.com", "u2")));
}

BOOST_AUTO_TEST_CASE(a_body_that_need_not_be_there_must_not_name_another_user)
{
    const http::Request request = asked(requests.build(delete_user, "u1"));
    const Question question{requests, request};
    for (const char* body : {"", "<html>", "{}", R"({"user":{"id":"u1"}})", R"({"devices":[]})"})
        BOOST_TEST(question.may_have_body(body), body);
    BOOST_TEST(!question.may_have_body(R"({"user":{"id":"u2"}})"));
}

BOOST_AUTO_TEST_CASE(an_app_must_be_the_one_of_the_path)
{
    const http::Request request = asked(requests.build(get_app));
    AppInfo app;
    app.id = "app";
    BOOST_TEST((Question{requests, request}.is_answered_by(app)));
    app.id = "other";
    BOOST_TEST(!(Question{requests, request}.is_answered_by(app)));
}

BOOST_AUTO_TEST_SUITE_END()
