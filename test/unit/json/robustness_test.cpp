#include "json/decode.hpp"
#include "json/documents.hpp"

#include <boost/json/parse.hpp>
#include <boost/test/unit_test.hpp>

#include <random>
#include <vector>

using namespace passage;
using namespace passage::json::test;

namespace {

// Calls a function with a copy of exactly the bytes of a text, so that a sanitizer detects any read beyond.
template <class Function>
auto with_copy(std::string_view text, Function function)
{
    const std::vector<char> copy(text.begin(), text.end());
    return function(std::string_view{copy.data(), copy.size()});
}

std::string mutated(std::string text, std::mt19937_64& random)
{
    constexpr std::string_view bytes = "{}[]\",:\\/ \n0123456789-+.eEtrufalsnd\xc3\xa9\xff\x80\0\x1f";
    for (auto changes = random() % 4 + 1; changes > 0 && !text.empty(); --changes) {
        const std::size_t at = random() % text.size();
        switch (random() % 5) {
        case 0:
            text[at] = bytes[random() % bytes.size()];
            break;
        case 1:
            text.insert(at, 1, bytes[random() % bytes.size()]);
            break;
        case 2:
            text.erase(at, random() % 20 + 1);
            break;
        case 3:
            text.insert(at, text.substr(random() % text.size(), random() % 60));
            break;
        case 4:
            text[at] = static_cast<char>(text[at] ^ (1 << random() % 8));
            break;
        }
    }
    return text;
}

bool is_json(std::string_view text)
{
    boost::system::error_code error;
    boost::json::parse(text, error);
    return !error;
}

} // namespace

BOOST_AUTO_TEST_SUITE(robustness)

BOOST_AUTO_TEST_CASE(a_document_cut_anywhere_is_an_error)
{
    for (std::size_t length = 0; length < user_document.size(); ++length) {
        const auto user =
            with_copy(user_document.substr(0, length), [](std::string_view body) { return json::decode_user(body); });
        BOOST_TEST_REQUIRE(!user.has_value(), "cut at " << length);
        BOOST_TEST_REQUIRE((user.error().code == Errc::decode));
        BOOST_TEST_REQUIRE(!user.error().message.empty());
    }
    for (std::size_t length = 0; length < page_document.size(); ++length)
        BOOST_TEST_REQUIRE(!with_copy(page_document.substr(0, length),
                                      [](std::string_view body) { return json::decode_user_page(body); }),
                           "cut at " << length);
}

BOOST_AUTO_TEST_CASE(a_changed_document_is_never_read_unless_it_is_json)
{
    std::mt19937_64 random{4};
    std::size_t read = 0;
    std::size_t refused = 0;
    for (int i = 0; i < 20'000; ++i) {
        const bool is_page = random() % 4 == 0;
        const std::string text = mutated(std::string{is_page ? page_document : user_document}, random);
        const auto check = [&](const auto& result) {
            if (result && !is_json(text))
                BOOST_ERROR("read as JSON: " << text);
            if (!result && (result.error().code != Errc::decode || result.error().message.empty() ||
                            result.error().message.size() > 512))
                BOOST_ERROR("no proper error for: " << text);
            return result.has_value();
        };
        const bool accepted =
            is_page ? check(with_copy(text, [](std::string_view body) { return json::decode_user_page(body); }))
                    : check(with_copy(text, [](std::string_view body) { return json::decode_user(body); }));
        ++(accepted ? read : refused);
        check(with_copy(text, [](std::string_view body) { return json::decode_devices(body); }));
        with_copy(text, [](std::string_view body) { return json::decode_error(body); });
    }
    // The changes prove something only if some were accepted and some refused.
    BOOST_TEST(read > 500u);
    BOOST_TEST(refused > 5'000u);
}

BOOST_AUTO_TEST_CASE(any_value_is_read_exactly_when_it_is_json)
{
    std::mt19937_64 random{5};
    const std::string text =
        R"({"a":[1,-2.5e-3,true,false,null,"\u00e9\n",{"b":{}}],"c":"déjà","d":[[],[[0]],18446744073709551615]})";
    std::size_t read = 0;
    for (int i = 0; i < 50'000; ++i) {
        const std::string changed = mutated(text, random);
        const auto value = with_copy(changed, [](std::string_view body) { return json::decode_value(body); });
        boost::system::error_code error;
        const boost::json::value same = boost::json::parse(changed, error);
        read += value.has_value();
        const bool beyond_limits = !value && (value.error().message.ends_with("beyond the range of doubles") ||
                                              value.error().message.ends_with("exponent overflow"));
        if (value.has_value() == error.failed() && !beyond_limits)
            BOOST_ERROR("read otherwise than by the parser alone: " << changed);
    }
    BOOST_TEST(read > 1'000u);
}

BOOST_AUTO_TEST_SUITE_END()
