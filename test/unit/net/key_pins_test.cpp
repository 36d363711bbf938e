#include "net/key_pins.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace passage;
using net::parse_pin;

namespace {

/// Of 32 bytes: 0, 1, 2 and so on.
const std::string base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

} // namespace

BOOST_AUTO_TEST_CASE(a_pin_is_read_with_one_slash_or_with_two_as_curl_has_it)
{
    net::KeyPin expected;
    for (unsigned char i = 0; i < expected.size(); ++i)
        expected[i] = i;
    for (const std::string prefix : {"sha256/", "sha256//"}) {
        const auto pin = parse_pin(prefix + base64);
        BOOST_TEST_REQUIRE(pin.has_value());
        BOOST_TEST((*pin == expected));
    }
    // A slash may also be the first character of the base64.
    for (const std::string prefix : {"sha256/", "sha256//"}) {
        const auto pin = parse_pin(prefix + "//" + base64.substr(2));
        BOOST_TEST_REQUIRE(pin.has_value());
        BOOST_TEST(int{(*pin)[0]} == 0xff);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_pin_is_refused)
{
    for (const std::string& text : std::vector<std::string>{
             "",
             base64,
             "sha1/" + base64,
             "SHA256/" + base64,
             "sha256:" + base64,
             "sha256///" + base64,
             "pin-sha256=\"" + base64 + "\"",
             "sha256/",
             "sha256/" + base64.substr(0, 43),
             "sha256/" + base64 + "=",
             "sha256/" + base64.substr(0, 42) + "==",
             "sha256/ " + base64.substr(1),
             "sha256/" + base64 + "\n",
             "sha256/" + base64 + ";sha256/" + base64,
             "sha256/" + base64.substr(0, 42) + "9=", // bits beyond the 32 bytes
             "sha256/-" + base64.substr(1),           // base64url
             "sha256/=" + base64.substr(1),
             "sha256/000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
         }) {
        const auto pin = parse_pin(text);
        BOOST_TEST_REQUIRE(!pin, text);
        BOOST_TEST((pin.error().code == Errc::invalid_argument));
        BOOST_TEST(pin.error().message.starts_with("tls.pinned_keys "));
    }
}
