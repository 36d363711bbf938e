#include "json/encode.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>

using namespace passage;

namespace {

template <class Request>
std::string text_of(const Request& request)
{
    const expected<std::string> body = json::encode(request);
    return body ? *body : "no body: " + body.error().message;
}

template <class Request>
std::string refusal_of(const Request& request)
{
    const expected<std::string> body = json::encode(request);
    if (body)
        return "no error: " + *body;
    BOOST_TEST((body.error().code == Errc::invalid_argument));
    return body.error().message;
}

} // namespace

BOOST_AUTO_TEST_SUITE(encode)

BOOST_AUTO_TEST_CASE(a_new_user_has_the_fields_that_are_set)
{
    BOOST_TEST(text_of(CreateUserRequest{}) == "{}");
    BOOST_TEST(text_of(CreateUserRequest{}.email("a@b.example")) == R"({"email":"a@b.example"})");
    BOOST_TEST(text_of(CreateUserRequest{}.phone("+15005550001")) == R"({"phone":"+15005550001"})");
    BOOST_TEST(text_of(CreateUserRequest{}.email("").metadata(boost::json::object{})) ==
               R"({"email":"","user_metadata":{}})");
    BOOST_TEST(text_of(CreateUserRequest{}.metadata("plan", "gold").metadata("seats", 3).phone("+1").email("e")) ==
               R"({"email":"e","phone":"+1","user_metadata":{"plan":"gold","seats":3}})");
}

BOOST_AUTO_TEST_CASE(an_update_leaves_out_what_is_left_alone_and_has_null_for_what_is_removed)
{
    const auto base = [](auto set_email, auto set_phone, auto set_metadata) {
        UpdateUserRequest request;
        set_email(request);
        set_phone(request);
        set_metadata(request);
        return text_of(request);
    };
    using Request = UpdateUserRequest;
    const auto keep = [](Request&) {};
    const struct
    {
        void (*apply)(Request&);
        std::string_view text;
    } emails[] = {{keep, ""},
                  {[](Request& r) { r.clear_email(); }, R"("email":null)"},
                  {[](Request& r) { r.email("e"); }, R"("email":"e")"}},
      phones[] = {{keep, ""},
                  {[](Request& r) { r.clear_phone(); }, R"("phone":null)"},
                  {[](Request& r) { r.phone("p"); }, R"("phone":"p")"}},
      metadatas[] = {{keep, ""},
                     {[](Request& r) { r.clear_metadata(); }, R"("user_metadata":null)"},
                     {[](Request& r) { r.metadata("k", nullptr); }, R"("user_metadata":{"k":null})"}};
    for (const auto& email : emails)
        for (const auto& phone : phones)
            for (const auto& metadata : metadatas) {
                std::string text = "{";
                for (const std::string_view part : {email.text, phone.text, metadata.text})
                    if (!part.empty())
                        text.append(text.size() > 1 ? "," : "").append(part);
                BOOST_TEST(base(email.apply, phone.apply, metadata.apply) == text + "}");
            }
}

BOOST_AUTO_TEST_CASE(the_last_word_on_a_field_holds)
{
    BOOST_TEST(text_of(UpdateUserRequest{}.email("e").clear_email()) == R"({"email":null})");
    BOOST_TEST(text_of(UpdateUserRequest{}.clear_metadata().metadata("k", 1)) == R"({"user_metadata":{"k":1}})");
}

BOOST_AUTO_TEST_CASE(texts_are_escaped_where_json_demands_it)
{
    using namespace std::string_literals;
    const struct
    {
        std::string text;
        std::string_view json;
    } rows[] = {
        {"\"", R"("\"")"},
        {"\\", R"("\\")"},
        {"/", R"("/")"},
        {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
        {"\0"s, R"("\u0000")"},
        {"\x01\x0b\x1f", R"("\u0001\u000b\u001f")"},
        {" \x7f~", "\" \x7f~\""},
        {"é€😀", R"("é€😀")"},
        {"a\"b\\c\nd", R"("a\"b\\c\nd")"},
        {"</script>", R"("</script>")"},
    };
    for (const auto& [text, json] : rows) {
        BOOST_TEST(text_of(CreateUserRequest{}.email(text)) == R"({"email":)" + std::string{json} + "}");
        BOOST_TEST(text_of(CreateUserRequest{}.metadata(text, boost::json::string{text})) ==
                   R"({"user_metadata":{)" + std::string{json} + ":" + std::string{json} + "}}");
    }
}

BOOST_AUTO_TEST_CASE(numbers_are_written_short_and_keep_their_kind)
{
    const struct
    {
        boost::json::value number;
        std::string_view text;
    } rows[] = {
        {0, "0"},
        {-1, "-1"},
        {INT64_MIN, "-9223372036854775808"},
        {UINT64_MAX, "18446744073709551615"},
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {3.0, "3.0"},
        {0.1, "0.1"},
        {-2.5, "-2.5"},
        {1e22, "1e+22"},
        {1e-7, "1e-07"},
        {123456.0, "123456.0"},
        {std::numeric_limits<double>::max(), "1.7976931348623157e+308"},
        {std::numeric_limits<double>::denorm_min(), "5e-324"},
    };
    for (const auto& [number, text] : rows)
        BOOST_TEST(text_of(CreateUserRequest{}.metadata("n", number)) ==
                   R"({"user_metadata":{"n":)" + std::string{text} + "}}");
}

BOOST_AUTO_TEST_CASE(what_json_can_not_hold_is_refused_by_the_name_of_its_place)
{
    constexpr double infinity = std::numeric_limits<double>::infinity();
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    BOOST_TEST(refusal_of(CreateUserRequest{}.email("a\xff")) == "at /email: not valid UTF-8");
    BOOST_TEST(refusal_of(CreateUserRequest{}.phone("\xc0\x80")) == "at /phone: not valid UTF-8");
    BOOST_TEST(refusal_of(UpdateUserRequest{}.email("\xed\xa0\x80")) == "at /email: not valid UTF-8");
    BOOST_TEST(refusal_of(UpdateUserRequest{}.metadata("k", "\xf4\x90\x80\x80")) ==
               "at /user_metadata/k: not valid UTF-8");
    BOOST_TEST(refusal_of(CreateUserRequest{}.metadata("a", {{"b", {1, 2, {{"c", "\x80"}}}}})) ==
               "at /user_metadata/a/b/2/c: not valid UTF-8");
    BOOST_TEST(refusal_of(CreateUserRequest{}.metadata("\xe2\x82", 1)) ==
               "at /user_metadata: a key is not valid UTF-8");
    BOOST_TEST(refusal_of(CreateUserRequest{}.metadata("a", {{"\xf0\x9f\x98", 1}})) ==
               "at /user_metadata/a: a key is not valid UTF-8");
    for (const double number : {infinity, -infinity, nan})
        BOOST_TEST(refusal_of(CreateUserRequest{}.metadata("n", {0, number})) ==
                   "at /user_metadata/n/1: JSON has neither NaN nor infinity");
    // The first flaw is the one that is named.
    BOOST_TEST(refusal_of(CreateUserRequest{}.email("\xff").phone("\xff").metadata("n", nan)) ==
               "at /email: not valid UTF-8");
}

BOOST_AUTO_TEST_CASE(the_name_of_a_place_is_a_json_pointer_fit_to_be_printed)
{
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    BOOST_TEST(refusal_of(CreateUserRequest{}.metadata("a/b~c", {{"", nan}})) ==
               "at /user_metadata/a~1b~0c/: JSON has neither NaN nor infinity");
    BOOST_TEST(refusal_of(CreateUserRequest{}.metadata("a\r\nb", nan)) ==
               "at /user_metadata/a\\x0d\\x0ab: JSON has neither NaN nor infinity");
    const std::string message = refusal_of(CreateUserRequest{}.metadata(std::string(100'000, 'k'), nan));
    BOOST_TEST(message.size() < 512u);
    BOOST_TEST(message.ends_with("kk: JSON has neither NaN nor infinity"));
}

BOOST_AUTO_TEST_SUITE_END()
