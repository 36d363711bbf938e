#include "freed_memory.hpp"
#include "http/request.hpp"

#include <boost/test/unit_test.hpp>

using namespace passage;
using namespace passage::http;
using namespace std::string_literals;

namespace {

constexpr std::string_view key = "k.canary-7Qz0Xw4Lr9Ht2Vb6Nm";
const std::string common = "Host: h.example:8443\r\nUser-Agent: shop/2.1 passage-cpp/" PASSAGE_VERSION "\r\n"
                           "Passage-Version: passage-cpp " PASSAGE_VERSION "\r\nAccept: application/json\r\n"
                           "Accept-Encoding: identity\r\nAuthorization: Bearer " +
                           std::string{key} + "\r\n";

Request plain(std::string_view method, std::string target)
{
    Request result;
    result.method = method;
    result.target = std::move(target);
    return result;
}

} // namespace

BOOST_AUTO_TEST_SUITE(requests)

BOOST_AUTO_TEST_CASE(a_request_without_a_body_is_these_bytes)
{
    const RequestWriter writer{CommonFields{"h.example:8443", key, "shop/2.1"}};
    BOOST_TEST(writer.write(plain("GET", "/v1/apps/a/users/u"), {}).reveal() ==
               "GET /v1/apps/a/users/u HTTP/1.1\r\n" + common + "\r\n");
}

BOOST_AUTO_TEST_CASE(a_request_with_a_body_is_these_bytes)
{
    const RequestWriter writer{CommonFields{"h.example:8443", key, "shop/2.1"}};
    Request post = plain("POST", "/v1/apps/a/users");
    post.body = R"({"email":"a@b.c"})";
    post.has_body = true;
    post.extra = {{"X-Trace", "1"}, {"x-empty", ""}};
    BOOST_TEST(writer.write(post, {}).reveal() ==
               "POST /v1/apps/a/users HTTP/1.1\r\n" + common +
                   "X-Trace: 1\r\nx-empty: \r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n" +
                   post.body);
}

BOOST_AUTO_TEST_CASE(an_empty_body_has_a_length)
{
    const RequestWriter writer{CommonFields{"h", key, ""}};
    Request post = plain("POST", "/");
    post.has_body = true;
    BOOST_TEST(writer.write(post, {}).reveal().ends_with("Content-Length: 0\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(a_method_that_expects_a_body_says_that_there_is_none)
{
    const RequestWriter writer{CommonFields{"h", key, ""}};
    for (const std::string_view method : {"PATCH", "POST"})
        BOOST_TEST(writer.write(plain(method, "/"), {}).reveal().ends_with("\r\nContent-Length: 0\r\n\r\n"));
    for (const std::string_view method : {"GET", "DELETE"})
        BOOST_TEST(writer.write(plain(method, "/"), {}).reveal().find("Content-Length") == std::string_view::npos);
}

BOOST_AUTO_TEST_CASE(without_a_product_of_ones_own_the_librarys_stands_alone)
{
    const RequestWriter writer{CommonFields{"h", key, ""}};
    BOOST_TEST(writer.write(plain("GET", "/"), {}).reveal().find("User-Agent: passage-cpp/" PASSAGE_VERSION "\r\n") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(extra_fields_are_taken_or_refused)
{
    struct Case
    {
        std::string name;
        std::string value;
        bool good;
    };
    const std::vector<Case> cases{
        {"X-Trace", "1", true},
        {"x", "", true},
        {"!#$%&'*+-.^_`|~09azAZ", "all of a token", true},
        {"tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true},
        {"Cookie", "a=\"b\"; c={}", true},
        {"TraceParent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
        {"", "v", false},
        {"X Y", "v", false},
        {"X:Y", "v", false},
        {"X-Y:", "v", false},
        {" X", "v", false},
        {"X\r\nEvil", "v", false},
        {"X\0Y"s, "v", false},
        {"X\x7f", "v", false},
        {"n\xc3\xa9", "v", false},
        {"(X)", "v", false},
        {"X-A", "a\r\nEvil: 1", false},
        {"X-A", "a\nEvil: 1", false},
        {"X-A", "a\rEvil: 1", false},
        {"X-A", "a\r\n\r\nGET / HTTP/1.1", false},
        {"X-A", "a\0b"s, false},
        {"X-A", "a\x7f", false},
        {"X-A", "a\tb", false},
        {"X-A", "\x1b[2J", false},
        {"X-A", " a", false},
        {"X-A", "a ", false},
        {"X-A", " ", false},
        {"X-A", "\xc3\xa9", false},
        {"X-A", "\xff", false},
    };
    for (const Case& test : cases) {
        const auto result = check_extra_fields({{test.name, test.value}});
        BOOST_TEST(result.has_value() == test.good, test.name << ": " << test.value);
        if (!result) {
            BOOST_TEST((result.error().code == Errc::invalid_argument));
            BOOST_TEST(result.error().message.find_first_of("\r\n") == std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(fields_that_frame_or_that_the_library_sets_are_refused_in_any_case)
{
    for (const char* name : {"Accept",
                             "Accept-Encoding",
                             "Authorization",
                             "Connection",
                             "Content-Encoding",
                             "Content-Length",
                             "Content-Type",
                             "Expect",
                             "Host",
                             "Keep-Alive",
                             "Passage-Version",
                             "Proxy-Authorization",
                             "Proxy-Connection",
                             "TE",
                             "Trailer",
                             "Transfer-Encoding",
                             "Upgrade",
                             "User-Agent",
                             "hOST",
                             "CONTENT-LENGTH",
                             "transfer-encoding"}) {
        const auto result = check_extra_fields({{"X-Good", "1"}, {name, "v"}});
        BOOST_TEST_REQUIRE(!result.has_value(), name);
        BOOST_TEST(result.error().message.find(name) != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(extra_fields_are_bounded)
{
    BOOST_TEST(check_extra_fields({{"X", std::string(60'000, 'v')}}).has_value());
    for (const ExtraFields& fields :
         {ExtraFields{{"X", std::string(10'000'000, 'v')}}, ExtraFields{{std::string(10'000'000, 'n'), "v"}},
          ExtraFields(100'000, {"X", "v"})}) {
        const auto result = check_extra_fields(fields);
        BOOST_TEST_REQUIRE(!result.has_value());
        BOOST_TEST((result.error().code == Errc::too_large));
        BOOST_TEST(result.error().message.size() <= 512u);
    }
}

BOOST_AUTO_TEST_CASE(freed_memory_does_not_show_the_key)
{
    const Secret secret{key};
    Request post = plain("POST", "/");
    post.body = std::string(5'000, 'b');
    post.has_body = true;
    const test::FreedMemory freed{key};
    {
        const RequestWriter writer{CommonFields{"h.example", secret, "shop/2.1"}};
        post.extra = {{"X-A", std::string(300, 'v')}};
        Secret first = writer.write(post, {});
        const Secret second = std::move(first);
        Secret third = second;
        third = writer.write(plain("GET", "/"), {});
        BOOST_TEST(third.reveal().find(key) != std::string::npos);
    }
    BOOST_TEST(freed.blocks() > 1u);
    BOOST_TEST(freed.showing() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(a_request_says_its_place_in_a_trace)
{
    const RequestWriter writer{CommonFields{"h", key, ""}};
    BOOST_TEST(writer.write(plain("GET", "/"), "00-1-2-01").reveal().ends_with("\r\ntraceparent: 00-1-2-01\r\n\r\n"));
}
