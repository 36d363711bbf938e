#include "model/hex.hpp"

#include <boost/test/unit_test.hpp>

using namespace passage;

BOOST_AUTO_TEST_SUITE(hex)

BOOST_AUTO_TEST_CASE(every_byte_is_written_so_that_its_digits_can_be_read)
{
    int wrong = 0;
    for (unsigned byte = 0; byte < 256; ++byte) {
        std::string written;
        append_hex(written, static_cast<char>(byte));
        wrong += written.size() != 2 || hex_digit(written[0]) != byte / 16 || hex_digit(written[1]) != byte % 16;
        wrong += lower_case(written) != written;
    }
    BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(a_digit_is_read_in_either_case_and_nothing_else_is_one)
{
    constexpr std::string_view lower = "0123456789abcdef";
    constexpr std::string_view upper = "0123456789ABCDEF";
    int wrong = 0;
    for (int byte = 0; byte < 256; ++byte) {
        const auto c = static_cast<char>(byte);
        const std::size_t value = lower.find(c) != lower.npos ? lower.find(c) : upper.find(c);
        wrong += is_hex_digit(c) != (value != upper.npos);
        wrong += hex_digit(c) != (value == upper.npos ? no_hex_digit : value);
    }
    BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_SUITE_END()
