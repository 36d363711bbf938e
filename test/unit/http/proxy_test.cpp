#include "http/no_proxy.hpp"
#include "http/proxy.hpp"
#include "support/error_of.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace passage;
using http::ConnectResponse;

namespace {

http::BaseUrl server(std::string_view url)
{
    auto parsed = http::parse_base_url(url);
    BOOST_REQUIRE_MESSAGE(parsed, url);
    return *parsed;
}

constexpr http::ResponseLimits limits{200, 5, 1000, 2};

/// Gives a response in pieces of a size. Returns how many bytes were the head's.
std::size_t put_in_pieces(ConnectResponse& response, std::string_view bytes, std::size_t size)
{
    std::size_t used = 0;
    while (used < bytes.size() && response.state() == ConnectResponse::State::incomplete)
        used += response.put(bytes.substr(used, size));
    return used;
}

} // namespace

BOOST_AUTO_TEST_SUITE(proxy)

BOOST_AUTO_TEST_CASE(urls_are_read_as_curl_reads_them)
{
    struct Case
    {
        std::string text;
        std::string authority;
        bool tls;
    };
    const std::vector<Case> cases{
        {"http://proxy.example:3128", "proxy.example:3128", false},
        {"http://proxy.example:3128/", "proxy.example:3128", false},
        {"HTTP://Proxy.Example:3128", "proxy.example:3128", false},
        {"proxy.example:3128", "proxy.example:3128", false},
        {"proxy", "proxy:1080", false},
        {"http://proxy", "proxy:1080", false},
        {"https://proxy", "proxy:443", true},
        {"https://proxy:80", "proxy:80", true},
        {"http://10.0.0.1", "10.0.0.1:1080", false},
        {"http://[::1]", "[::1]:1080", false},
        {"[::1]:3128", "[::1]:3128", false},
    };
    for (const Case& c : cases) {
        BOOST_TEST_CONTEXT(c.text)
        {
            const auto url = http::parse_proxy_url(c.text, "proxy.url");
            BOOST_TEST_REQUIRE(url.has_value(), test::error_of(url));
            BOOST_TEST(url->authority() == c.authority);
            BOOST_TEST(url->tls == c.tls);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_url_of_a_proxy_is_refused)
{
    for (const std::string text :
         {"socks5://proxy:1080", "ftp://proxy", "http://", "http:///", "http://proxy:0", "http://proxy:65536",
          "http://proxy:x", "http://proxy:", "http://proxy/path", "http://proxy?q", "http://proxy#f", "http://[::1",
          "http://pro xy", "http://u:p@proxy", "u:p@proxy", "http://a..b", "http://1.2.3", "http://proxy:1:2"}) {
        const auto url = http::parse_proxy_url(text, "proxy.url");
        BOOST_TEST_REQUIRE(!url, text);
        BOOST_TEST((url.error().code == Errc::invalid_argument));
        BOOST_TEST(url.error().message.starts_with("proxy.url"), url.error().message);
        BOOST_TEST(url.error().message.find("u:p") == std::string::npos, url.error().message);
    }
}

BOOST_AUTO_TEST_CASE(credentials_are_taken_out_of_a_variable)
{
    struct Case
    {
        std::string text;
        std::string url;
        std::string credentials;
    };
    const std::vector<Case> cases{
        {"http://user:pass@proxy:3128", "http://proxy:3128", "user:pass"},
        {"user:pass@proxy:3128", "proxy:3128", "user:pass"},
        {"https://user@proxy", "https://proxy", "user:"},
        {"https://user:@proxy", "https://proxy", "user:"},
        {"https://:pass@proxy", "https://proxy", ":pass"},
        {"https://@proxy", "https://proxy", ""},
        {"https://proxy", "https://proxy", ""},
        {"http://a%40b:p%3Aq%2fr%25@proxy", "http://proxy", "a@b:p:q/r%"},
        {"http://user:p@ss:w@proxy/", "http://proxy/", "user:p@ss:w"},
        {"http://user:%C3%BC@proxy", "http://proxy", "user:\xc3\xbc"},
    };
    for (const Case& c : cases) {
        BOOST_TEST_CONTEXT(c.text)
        {
            const auto read = http::parse_proxy_variable(c.text, "HTTPS_PROXY");
            BOOST_TEST_REQUIRE(read.has_value(), test::error_of(read));
            BOOST_TEST(read->url == c.url);
            BOOST_TEST(read->credentials.reveal() == c.credentials);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_variable_that_is_refused_is_named_and_not_shown)
{
    for (const std::string text :
         {"socks5://canary:canary@proxy", "socks5://canary:canary", "canary:canary", "http://canary:canary",
          "http://canary:99999", "http://canary:canary/", "http://canary:canary?canary", "canary canary",
          "canary:canary%40proxy:3128", "http://canary:canary%40proxy:3128", "canary:canary://canary@proxy:3128",
          "http://canary:canary%@proxy", "http://canary:%zz@proxy", "http://can%3Aary:pass@proxy",
          "http://canary:a%0D%0Ab@proxy", "http://canary:can/ary@proxy", "http://canary:canary@",
          "http://canary:canary@a b", "http://canary:canary@proxy:99999"}) {
        const auto read = http::parse_proxy_variable(text, "HTTPS_PROXY");
        BOOST_TEST_REQUIRE(!read, text);
        BOOST_TEST((read.error().code == Errc::invalid_argument));
        BOOST_TEST(read.error().message.starts_with("HTTPS_PROXY"), read.error().message);
        BOOST_TEST(read.error().message.find("canary") == std::string::npos, read.error().message);
    }
    const auto too_long = http::parse_proxy_variable("http://u:" + std::string(4096, 'p') + "@proxy", "all_proxy");
    BOOST_TEST_REQUIRE(!too_long);
    BOOST_TEST(too_long.error().message == "all_proxy has credentials of more than 3072 bytes");
}

BOOST_AUTO_TEST_CASE(credentials_have_a_colon_and_no_control_characters)
{
    for (const std::string good : {"", "user:pass", ":", "user:", ":pass", "a:b:c", "\xc3\xbc:x"})
        BOOST_TEST(http::check_proxy_credentials(good, "proxy.credentials").has_value(), good);
    for (const std::string bad : {"user", "user:pass\n", "\x7f:x"})
        BOOST_TEST(!http::check_proxy_credentials(bad, "proxy.credentials"), bad);
}

BOOST_AUTO_TEST_CASE(connect_names_the_server_and_its_port)
{
    BOOST_TEST(http::write_connect(server("https://api.example.com/v1"), "shop/1", {}).reveal() ==
               "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\nUser-Agent: shop/1\r\n\r\n");
    BOOST_TEST(http::write_connect(server("http://[2001:db8::1]/"), "shop/1", {}).reveal() ==
               "CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nUser-Agent: shop/1\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(credentials_are_sent_in_base64)
{
    // RFC 7617, section 2; RFC 4648, section 10.
    const std::vector<std::pair<std::string, std::string>> cases{
        {"Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        {"test:123\xc2\xa3", "dGVzdDoxMjPCow=="},
        {"f:", "Zjo="},
        {"fo:", "Zm86"},
        {"fo:b", "Zm86Yg=="},
        {":\xff\xfe\xfb", "Ov/++w=="},
    };
    for (const auto& [credentials, encoded] : cases) {
        const Secret request = http::write_connect(server("https://h"), "a", credentials);
        const std::string expected = "\r\nProxy-Authorization: Basic " + encoded + "\r\n\r\n";
        BOOST_TEST(request.reveal().ends_with(expected), credentials);
    }
}

BOOST_AUTO_TEST_CASE(any_2xx_opens_the_tunnel_and_what_comes_after_the_head_is_left)
{
    for (const std::string head : {
             "HTTP/1.1 200 Connection established\r\n\r\n",
             "HTTP/1.0 200 OK\r\nVia: x\r\n\r\n",
             "HTTP/1.1 204 \r\n\r\n",
             "HTTP/1.1 299 \r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n",
             "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
         }) {
        for (std::size_t size = 1; size <= head.size() + 8; ++size) {
            ConnectResponse response{limits};
            const std::size_t used = put_in_pieces(response, head + "\x16\x03\x01 TLS", size);
            BOOST_TEST((response.state() == ConnectResponse::State::opened));
            BOOST_TEST(used == head.size());
        }
    }
}

BOOST_AUTO_TEST_CASE(anything_else_opens_none)
{
    struct Case
    {
        std::string head;
        int status;
        bool transient;
        std::string message;
    };
    const std::string field = "A: b\r\n";
    const std::vector<Case> cases{
        {"HTTP/1.1 403 Forbidden\r\n\r\n", 403, false, "it refused the tunnel with status 403"},
        {"HTTP/1.1 407 Secret canary\r\n\r\n", 407, false,
         "it refused the tunnel with status 407: the credentials are missing or wrong"},
        {"HTTP/1.1 302 Found\r\nLocation: https://elsewhere\r\n\r\n", 302, false,
         "it refused the tunnel with status 302"},
        {"HTTP/1.1 429 \r\n\r\n", 429, false, "it refused the tunnel with status 429"},
        {"HTTP/1.1 500 \r\n\r\n", 500, false, "it refused the tunnel with status 500"},
        {"HTTP/1.1 502 \r\n\r\n", 502, true, "it refused the tunnel with status 502"},
        {"HTTP/1.1 503 \r\n\r\n", 503, true, "it refused the tunnel with status 503"},
        {"HTTP/1.1 504 \r\n\r\n", 504, true, "it refused the tunnel with status 504"},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, false, "it switches protocols, which was not asked for"},
        {"HTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 100 \r\n\r\n", 100, false,
         "it sent more than 2 interim responses"},
        {"SSH-2.0-OpenSSH\r\n", 0, false, "its response is malformed"},
        {"HTTP/2 200 OK\r\n\r\n", 0, false, "its response is malformed"},
        {"HTTP/1.1 600 OK\r\n\r\n", 0, false, "its response is malformed"},
        {"HTTP/1.1 20 OK\r\n\r\n", 0, false, "its response is malformed"},
        {"HTTP/1.1 200 OK\n\n", 0, false, "its response is malformed"},
        {"HTTP/1.1 200 OK\r\n folded\r\n\r\n", 0, false, "its response is malformed"},
        {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", 0, false, "its response is malformed"},
        {"\x15\x03\x01", 0, false, "its response is malformed"},
        {"HTTP/1.1 200 OK\r\nA: " + std::string(300, 'x'), 0, false, "its response's header exceeds 200 bytes"},
        {"HTTP/1.1 200 OK\r\n" + field + field + field + field + field + field + "\r\n", 0, false,
         "its response's header exceeds 5 fields"},
    };
    for (const Case& c : cases) {
        for (const std::size_t size : {std::size_t{1}, std::size_t{7}, c.head.size()}) {
            BOOST_TEST_CONTEXT(c.message << " in pieces of " << size)
            {
                ConnectResponse response{limits};
                put_in_pieces(response, c.head, size);
                BOOST_TEST_REQUIRE((response.state() == ConnectResponse::State::failed));
                const Failure& failure = response.failure();
                BOOST_TEST((failure.error.code == Errc::connect));
                BOOST_TEST((failure.error.stage == Stage::connect));
                BOOST_TEST(failure.error.message == c.message);
                BOOST_TEST(failure.error.http_status == c.status);
                BOOST_TEST(failure.transient == c.transient);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_head_of_just_the_limit_is_taken)
{
    std::string head = "HTTP/1.1 200 OK\r\nA: \r\n\r\n";
    head.insert(head.size() - 4, std::string(limits.header_bytes - head.size(), 'x'));
    ConnectResponse response{limits};
    BOOST_TEST(response.put(head) == limits.header_bytes);
    BOOST_TEST((response.state() == ConnectResponse::State::opened));
}

BOOST_AUTO_TEST_CASE(a_connection_that_ends_too_soon_may_be_tried_again)
{
    ConnectResponse response{limits};
    response.put("HTTP/1.1 200 OK\r\n");
    response.put_end(make_error_code(boost::system::errc::connection_reset));
    BOOST_TEST((response.state() == ConnectResponse::State::failed));
    BOOST_TEST((response.failure().error.code == Errc::connect));
    BOOST_TEST(response.failure().transient);
    BOOST_TEST((response.failure().error.cause == boost::system::errc::connection_reset));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(no_proxy)

BOOST_AUTO_TEST_CASE(servers_are_matched_by_the_list)
{
    struct Case
    {
        std::string list;
        std::string url;
        bool found;
    };
    const std::vector<Case> cases{
        {"", "https://a.example", false},
        {" , ,\t", "https://a.example", false},
        // names
        {"a.example", "https://a.example", true},
        {"A.Example", "https://a.example", true},
        {"a.example", "https://A.EXAMPLE", true},
        {"a.example.", "https://a.example", true},
        {"a.example", "https://a.example.", true},
        {"example", "https://a.example", true},
        {".example", "https://a.example", true},
        {".a.example", "https://a.example", true},
        {"*.a.example", "https://b.a.example", true},
        {"a.example", "https://b.a.example", true},
        {"a.example", "https://ba.example", false},
        {"b.a.example", "https://a.example", false},
        {"xample", "https://a.example", false},
        {"localhost", "https://localhost", true},
        {"localhost", "https://127.0.0.1", false},
        // lists
        {"x,a.example", "https://a.example", true},
        {"x a.example", "https://a.example", true},
        {" x , a.example ", "https://a.example", true},
        {"a.example,,x", "https://a.example", true},
        // ports
        {"a.example:443", "https://a.example", true},
        {"a.example:443", "https://a.example:8443", false},
        {"a.example:8443", "https://b.a.example:8443", true},
        {".example:8443", "https://a.example:8443", true},
        {"10.0.0.1:8443", "https://10.0.0.1:8443", true},
        {"10.0.0.1:8443", "https://10.0.0.1", false},
        {"[2001:db8::1]:8443", "https://[2001:db8::1]:8443", true},
        {"[2001:db8::1]:8443", "https://[2001:db8::1]", false},
        {"*:8443", "https://a.example:8443", true},
        {"*:8443", "https://a.example", false},
        // addresses
        {"10.0.0.1", "https://10.0.0.1", true},
        {"10.0.0.1", "https://10.0.0.10", false},
        {"10.0.0.1", "https://a10.0.0.1.example", false},
        {"2001:db8::1", "https://[2001:db8::1]", true},
        {"2001:DB8:0:0::1", "https://[2001:db8::1]", true},
        {"[2001:db8::1]", "https://[2001:db8::1]", true},
        {"2001:db8::1", "https://[2001:db8::2]", false},
        {"10.0.0.1", "https://[::ffff:10.0.0.1]", true},
        {"::ffff:10.0.0.1", "https://10.0.0.1", false},
        {"::ffff:10.0.0.1", "https://[::ffff:10.0.0.1]", true},
        {"::ffff:a00:1", "https://[::ffff:10.0.0.1]", true},
        {"[::ffff:10.0.0.1]:8443", "https://[::ffff:10.0.0.1]:8443", true},
        {"::ffff:10.0.0.1", "https://[::ffff:10.0.0.2]", false},
        // networks
        {"10.0.0.0/8", "https://10.255.3.4", true},
        {"10.0.0.0/8", "https://11.0.0.1", false},
        {"10.1.2.3/32", "https://10.1.2.3", true},
        {"10.1.2.3/32", "https://10.1.2.2", false},
        {"172.16.0.0/12", "https://172.31.255.255", true},
        {"172.16.0.0/12", "https://172.32.0.0", false},
        {"0.0.0.0/0", "https://192.0.2.1", true},
        {"0.0.0.0/0", "https://[::1]", false},
        {"0.0.0.0/0", "https://a.example", false},
        {"10.0.0.0/9", "https://10.127.0.0", true},
        {"10.0.0.0/9", "https://10.128.0.0", false},
        {"2001:db8::/32", "https://[2001:db8:ffff::1]", true},
        {"2001:db8::/33", "https://[2001:db8:8000::1]", false},
        {"::/0", "https://[2001:db8::1]", true},
        {"::/0", "https://10.0.0.1", false},
        {"::1/128", "https://[::1]", true},
        {"::ffff:10.0.0.0/104", "https://[::ffff:10.9.9.9]", true},
        {"::ffff:10.0.0.0/104", "https://[::ffff:11.0.0.1]", false},
        {"10.0.0.0/8", "https://[::ffff:10.9.9.9]", true},
        // all
        {"*", "https://a.example", true},
        {"*", "https://10.0.0.1", true},
        {"x, *", "https://[::1]", true},
        // loopback
        {std::string{http::loopback_hosts}, "https://localhost", true},
        {std::string{http::loopback_hosts}, "https://127.8.9.1:8443", true},
        {std::string{http::loopback_hosts}, "https://[::1]", true},
        {std::string{http::loopback_hosts}, "https://128.0.0.1", false},
        {std::string{http::loopback_hosts}, "https://api.example", false},
    };
    for (const Case& c : cases) {
        const auto found = http::is_without_proxy(server(c.url), c.list, "NO_PROXY");
        BOOST_TEST_REQUIRE(found.has_value(), c.list);
        BOOST_TEST(*found == c.found, "\"" << c.list << "\" with " << c.url);
    }
}

BOOST_AUTO_TEST_CASE(an_entry_that_is_nothing_of_these_is_refused)
{
    for (const std::string bad : {"10.0.0.0/33",
                                  "10.0.0.0/-1",
                                  "10.0.0.0/",
                                  "10.0.0.0/8x",
                                  "/8",
                                  "a.example/8",
                                  "::/129",
                                  "10.0.0/8",
                                  "10.0.0.256",
                                  "a.example:0",
                                  "a.example:65536",
                                  "a.example:",
                                  "a.example:x",
                                  "a..example",
                                  "..example",
                                  "*example",
                                  "a.*",
                                  "[::1",
                                  "[::1]x",
                                  "[::1]:",
                                  "[10.0.0.1",
                                  "[]",
                                  "[",
                                  ".",
                                  ":443",
                                  "https://a.example",
                                  "user@a.example",
                                  "::1]",
                                  "<local>",
                                  "a.example;b.example",
                                  "b\xc3\xbc"
                                  "cher.example"}) {
        for (const std::string& list : {bad, "a.example," + bad, bad + " ,*"}) {
            const auto found = http::is_without_proxy(server("https://a.example"), list, "no_proxy");
            BOOST_TEST_REQUIRE(!found, list);
            BOOST_TEST((found.error().code == Errc::invalid_argument));
            BOOST_TEST(found.error().message.starts_with("no_proxy has an entry that is neither"),
                       found.error().message);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
