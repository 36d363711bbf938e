#include "http/url.hpp"
#include "support/error_of.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace passage;
using namespace passage::http;
using namespace std::string_literals;

namespace {

struct Good
{
    const char* url;
    bool tls;
    const char* host;
    std::uint16_t port;
    const char* path;
    const char* host_field;
    bool is_address = false;
};

const std::vector<Good> good{
    {"https://api.passage.id/v1", true, "api.passage.id", 443, "/v1", "api.passage.id"},
    {"https://api.passage.id", true, "api.passage.id", 443, "", "api.passage.id"},
    {"https://api.passage.id/", true, "api.passage.id", 443, "", "api.passage.id"},
    {"https://api.passage.id/v1/", true, "api.passage.id", 443, "/v1", "api.passage.id"},
    {"https://api.passage.id/v1///", true, "api.passage.id", 443, "/v1", "api.passage.id"},
    {"https://h/a/b/c", true, "h", 443, "/a/b/c", "h"},
    {"https://h/a%2Fb/%C3%A9", true, "h", 443, "/a%2Fb/%C3%A9", "h"},
    {"https://h/..a/.b/c..", true, "h", 443, "/..a/.b/c..", "h"},
    {"https://h/a;b=c,d", true, "h", 443, "/a;b=c,d", "h"},
    {"HTTPS://API.Passage.ID/V1", true, "api.passage.id", 443, "/V1", "api.passage.id"},
    {"https://h:443", true, "h", 443, "", "h"},
    {"https://h:8443/x", true, "h", 8443, "/x", "h:8443"},
    {"https://h:80", true, "h", 80, "", "h:80"},
    {"https://h:1", true, "h", 1, "", "h:1"},
    {"https://h:65535", true, "h", 65535, "", "h:65535"},
    {"https://h:00443", true, "h", 443, "", "h"},
    {"http://localhost:8080/v1", false, "localhost", 8080, "/v1", "localhost:8080"},
    {"http://h", false, "h", 80, "", "h"},
    {"http://h:443", false, "h", 443, "", "h:443"},
    {"https://127.0.0.1:1", true, "127.0.0.1", 1, "", "127.0.0.1:1", true},
    {"https://[::1]", true, "::1", 443, "", "[::1]", true},
    {"https://[2001:DB8::7]:8443/v1", true, "2001:db8::7", 8443, "/v1", "[2001:db8::7]:8443", true},
    {"https://xn--bcher-kva.example", true, "xn--bcher-kva.example", 443, "", "xn--bcher-kva.example"},
    {"https://h.example.", true, "h.example", 443, "", "h.example"},
    {"https://a_b-c.example", true, "a_b-c.example", 443, "", "a_b-c.example"},
    {"https://1password.example", true, "1password.example", 443, "", "1password.example"},
    {"https://0xcafe.example", true, "0xcafe.example", 443, "", "0xcafe.example"},
};

const std::vector<std::string> bad{
    "",
    " ",
    "api.passage.id",
    "api.passage.id/v1",
    "//api.passage.id",
    "/v1",
    "https:",
    "https:/",
    "https://",
    "https:///v1",
    "https:api.passage.id",
    "https:/api.passage.id",
    "ftp://h",
    "file:///etc/passwd",
    "ws://h",
    "javascript:alert(1)",
    "https://h?x=1",
    "https://h/?",
    "https://h#f",
    "https://h/#",
    "https://user@h",
    "https://user:password@h",
    "https://@h",
    "https://:@h",
    "https://h:0",
    "https://h:65536",
    "https://h:84493",
    "https://h:131072",
    "https://h:4294967739",
    "https://h:99999999999",
    "https://h:-1",
    "https://h:+1",
    "https://h:x",
    "https://h:",
    "https://h: 443",
    "https://h:44 3",
    "https://h/a b",
    "https://h/\r\nEvil: 1",
    "https://h\r\n",
    "https://h/\n",
    "https://h\0.example"s,
    "https://h/a\0b"s,
    "https://h\x7f",
    "https://h/\xc3\xa9",
    "https://b\xc3\xbc"
    "cher.example",
    "https://h/%",
    "https://h/%4",
    "https://h/%zz",
    "https://h/\\x",
    "https://.example.com",
    "https://a..b",
    "https://.",
    "https://..",
    "https://h..",
    "https://%20",
    "https://ex%61mple.com",
    "https://h%00",
    "https://h h",
    "https://h,i",
    "https://h!",
    "https://(h)",
    "https://*.h",
    "https://[::1",
    "https://::1",
    "https://[::1]x",
    "https://[:::1]",
    "https://[v1.x]",
    "https://[fe80::1%25eth0]",
    "https://[g::1]",
    "https://[1.2.3.4]",
    "https://127.1",
    "https://127.0.1",
    "https://0x7f000001",
    "https://0x7f.1",
    "https://2130706433",
    "https://256.1.1.1",
    "https://1.2.3.4.5",
    "https://1.2.3.4.example",
    "http://127.0.0.1.example",
    "https://127.0.0.1x",
    "https://h.0x",
    "https://1.2.3.4.",
    "https://h/..",
    "https://h/.",
    "https://h/a/../b",
    "https://h/a/./b",
    "https://h/../",
    "https://h/./",
    "https://h/./a",
    "https://h/.//a",
    "https://h/%2e%2e/x",
    "https://h/%2E",
    "https://h/a/.%2e",
    "https://" + std::string(64, 'a') + ".example",
    "https://" + std::string(300, 'a'),
};

} // namespace

BOOST_AUTO_TEST_SUITE(url)

BOOST_AUTO_TEST_CASE(a_base_url_is_taken_apart)
{
    for (const Good& test : good) {
        BOOST_TEST_CONTEXT(test.url)
        {
            const auto url = parse_base_url(test.url);
            BOOST_TEST_REQUIRE(url.has_value(), passage::test::error_of(url));
            BOOST_TEST(url->tls == test.tls);
            BOOST_TEST(url->host == test.host);
            BOOST_TEST(url->host_is_address == test.is_address);
            BOOST_TEST(url->port == test.port);
            BOOST_TEST(url->path == test.path);
            BOOST_TEST(url->host_field() == test.host_field);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_base_url_is_refused_with_a_sentence)
{
    for (const std::string& text : bad) {
        const auto url = parse_base_url(text);
        BOOST_TEST_REQUIRE(!url.has_value(), text);
        BOOST_TEST((url.error().code == Errc::invalid_argument));
        BOOST_TEST(url.error().message.starts_with("base_url"));
        BOOST_TEST(url.error().message.find_first_of("\r\n\0"s) == std::string::npos);
        BOOST_TEST(url.error().message.size() < 400u);
    }
}

BOOST_AUTO_TEST_CASE(names_are_bounded_as_in_the_dns)
{
    const std::string label(63, 'a');
    const std::string most = label + "." + label + "." + label + "." + std::string(61, 'a');
    BOOST_TEST_REQUIRE(most.size() == 253u);
    BOOST_TEST(parse_base_url("https://" + most).has_value());
    BOOST_TEST(parse_base_url("https://" + most + ".").has_value());
    BOOST_TEST(!parse_base_url("https://" + most + "a").has_value());
    BOOST_TEST(!parse_base_url("https://a" + most).has_value());
}

BOOST_AUTO_TEST_CASE(a_password_or_a_query_is_not_repeated_in_the_message)
{
    for (const char* text : {"https://user:hunter2secret@h", "https://h/?key=hunter2secret", "ftp://hunter2secret@h",
                             "user:hunter2secret@h", "https://h x/?hunter2secret"}) {
        const auto url = parse_base_url(text);
        BOOST_TEST_REQUIRE(!url.has_value());
        BOOST_TEST(url.error().message.find("hunter2") == std::string::npos, url.error());
    }
}

BOOST_AUTO_TEST_CASE(loopback_is_told_by_the_text_alone)
{
    for (const char* text : {"http://localhost", "http://LOCALHOST:1", "http://localhost.", "http://127.0.0.1",
                             "http://127.255.255.254:8080", "http://[::1]:8080"})
        BOOST_TEST(parse_base_url(text).value().is_loopback(), text);
    for (const char* text :
         {"http://localhost.example", "http://notlocalhost", "http://127.example", "http://128.0.0.1",
          "http://10.0.0.1", "http://[::2]", "http://[::]", "http://0.0.0.0", "http://[::ffff:127.0.0.1]"})
        BOOST_TEST(!parse_base_url(text).value().is_loopback(), text);
}

BOOST_AUTO_TEST_CASE(all_but_unreserved_bytes_are_percent_encoded)
{
    constexpr std::string_view unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (unsigned byte = 0; byte < 256; ++byte) {
        const std::string text(1, static_cast<char>(byte));
        const std::string expected =
            unreserved.find(text) != unreserved.npos ? text : std::string{'%', digits[byte / 16], digits[byte % 16]};
        BOOST_TEST(percent_encode(text) == expected);
    }
    BOOST_TEST(percent_encode("") == "");
    BOOST_TEST(percent_encode("a/b?c#d%2F..") == "a%2Fb%3Fc%23d%252F..");
}

BOOST_AUTO_TEST_SUITE_END()
