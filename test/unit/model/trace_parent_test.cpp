#include <passage/trace_parent.hpp>

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

namespace data = boost::unit_test::data;
using passage::TraceParent;

namespace {

const std::string example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

std::string with(std::size_t at, char c)
{
    std::string field = example;
    field[at] = c;
    return field;
}

const std::string bad[]{
    "",
    example.substr(0, 54),
    example + "-",
    example + "-00",
    example + "0",
    with(2, ' '),
    with(35, '_'),
    with(52, '0'),
    with(0, 'g'),
    with(3, 'A'),
    with(36, '/'),
    with(37, ':'),
    with(54, '`'),
    "ff" + example.substr(2),
    "01" + example.substr(2) + "x",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    std::string(55, '\0'),
};

} // namespace

BOOST_AUTO_TEST_CASE(a_field_is_read_and_written)
{
    const auto place = TraceParent::parse(example);
    BOOST_REQUIRE(place);
    BOOST_TEST(place->trace_id[0] == 0x4b);
    BOOST_TEST(place->trace_id[15] == 0x36);
    BOOST_TEST(place->parent_id[1] == 0xf0);
    BOOST_TEST(place->sampled);
    BOOST_TEST(to_string(*place) == example);
}

BOOST_AUTO_TEST_CASE(flags_that_are_unknown_are_left_out)
{
    const auto place = TraceParent::parse(with(53, 'f'));
    BOOST_REQUIRE(place);
    BOOST_TEST(to_string(*place) == example);
    BOOST_TEST(!TraceParent::parse(with(54, '2'))->sampled);
}

BOOST_AUTO_TEST_CASE(later_versions_are_read_as_the_first)
{
    for (const char* rest : {"", "-", "-more"}) {
        const auto place = TraceParent::parse("cc" + example.substr(2) + rest);
        BOOST_REQUIRE(place);
        BOOST_TEST(to_string(*place) == example);
    }
}

BOOST_DATA_TEST_CASE(what_is_no_place_in_a_trace_is_refused, data::make(bad), field)
{
    BOOST_TEST(!TraceParent::parse(field));
}

BOOST_AUTO_TEST_CASE(zeros_are_not_valid)
{
    BOOST_TEST(!TraceParent{}.is_valid());
    BOOST_TEST(TraceParent::parse(example)->is_valid());
}
