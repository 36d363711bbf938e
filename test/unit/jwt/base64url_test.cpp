#include "jwt/base64url.hpp"

#include "support/token_signer.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace passage;

namespace {

std::optional<std::string> decode(std::string_view text)
{
    std::vector<char> buffer(jwt::decoded_size(text.size()));
    std::span<char> room{buffer};
    const auto bytes = jwt::decode_base64url(text, room);
    return bytes ? std::optional<std::string>{*bytes} : std::nullopt;
}

} // namespace

BOOST_AUTO_TEST_SUITE(base64url)

BOOST_AUTO_TEST_CASE(bytes_come_back_as_they_were)
{
    std::string bytes;
    for (int i = 0; i < 600; ++i) {
        const std::string text = test::base64url(bytes);
        BOOST_TEST((decode(text) == bytes));
        bytes += static_cast<char>(i * 167 + i / 256);
    }
    BOOST_TEST((decode("Pz8_Pj4-") == "\x3f\x3f\x3f>>>"));
}

BOOST_AUTO_TEST_CASE(each_value_has_one_text)
{
    for (const char* text : {"Zg==", "Zg=", "Zm8=", "Z", "Zm9vY", "Zh", "Zm9", "Zm 9v", "Zm9v\n", " Zm9v", "Zm9+",
                             "Zm9/", "Zm9v.", "Zm9\xc3", "Zm9\x80", "="})
        BOOST_TEST(!decode(text), text);
    BOOST_TEST(!decode(std::string_view{"Zm9\0", 4}));
}

BOOST_AUTO_TEST_CASE(texts_share_one_room_in_turn)
{
    std::array<char, 5> buffer;
    std::span<char> room{buffer};
    BOOST_TEST((jwt::decode_base64url("Zm9v", room) == "foo"));
    BOOST_TEST(room.size() == 2u);
    BOOST_TEST(!jwt::decode_base64url("Zm9v", room));
    BOOST_TEST((jwt::decode_base64url("Zm8", room) == "fo"));
    BOOST_TEST((jwt::decode_base64url("", room) == ""));
}

BOOST_AUTO_TEST_SUITE_END()
