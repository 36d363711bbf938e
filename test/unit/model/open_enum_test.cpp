#include <passage/user.hpp>

#include <boost/test/unit_test.hpp>

using namespace passage;

namespace {

template <class Enum>
void check_texts(std::initializer_list<std::pair<Enum, std::string_view>> values)
{
    BOOST_TEST(enum_texts<Enum>.size() == values.size());
    for (const auto& [value, text] : values) {
        BOOST_TEST(OpenEnum<Enum>{value}.text() == text);
        BOOST_TEST((OpenEnum<Enum>::from_text(text) == value));
        BOOST_TEST((OpenEnum<Enum>::from_text(text) == OpenEnum<Enum>{value}));
        BOOST_TEST((OpenEnum<Enum>::from_text(text).value() == value));
    }
}

using Status = OpenEnum<UserStatus>;

} // namespace

BOOST_AUTO_TEST_SUITE(open_enum)

BOOST_AUTO_TEST_CASE(every_value_has_the_wires_text)
{
    check_texts<UserStatus>(
        {{UserStatus::active, "active"}, {UserStatus::inactive, "inactive"}, {UserStatus::pending, "pending"}});
    check_texts<WebAuthnType>({{WebAuthnType::passkey, "passkey"},
                               {WebAuthnType::security_key, "security_key"},
                               {WebAuthnType::platform, "platform"}});
    check_texts<EventAction>(
        {{EventAction::login, "login"}, {EventAction::register_, "register"}, {EventAction::other, "other"}});
    check_texts<EventStatus>({{EventStatus::complete, "complete"}, {EventStatus::incomplete, "incomplete"}});
    check_texts<SocialProvider>(
        {{SocialProvider::apple, "apple"}, {SocialProvider::github, "github"}, {SocialProvider::google, "google"}});
}

BOOST_AUTO_TEST_CASE(an_unknown_text_stays_readable)
{
    for (const char* text : {"suspended", "ACTIVE", "active ", "unknown", "0"}) {
        const Status status = Status::from_text(text);
        BOOST_TEST((status == UserStatus::unknown));
        BOOST_TEST(status.text() == text);
    }
}

BOOST_AUTO_TEST_CASE(no_value_is_unknown_and_empty)
{
    BOOST_TEST((Status{} == UserStatus::unknown));
    BOOST_TEST(Status{}.text() == "");
    BOOST_TEST((Status::from_text("") == Status{}));
}

BOOST_AUTO_TEST_CASE(equal_texts_are_equal)
{
    BOOST_TEST((Status::from_text("new") == Status::from_text("new")));
    BOOST_TEST((Status::from_text("new") != Status::from_text("newer")));
    BOOST_TEST((Status::from_text("new") != Status{}));
    BOOST_TEST((Status{UserStatus::active} != Status{UserStatus::pending}));
}

BOOST_AUTO_TEST_CASE(the_text_of_a_copy_is_its_own)
{
    Status copy;
    {
        const Status original = Status::from_text("a status of a later version of the service");
        copy = original;
    }
    BOOST_TEST(copy.text() == "a status of a later version of the service");
}

BOOST_AUTO_TEST_SUITE_END()
