#include "api/path_template.hpp"

#include <boost/test/unit_test.hpp>

using passage::api::PathTemplate;

BOOST_AUTO_TEST_SUITE(path_templates)

BOOST_AUTO_TEST_CASE(a_path_without_placeholders_is_itself)
{
    for (const char* text : {"", "/users"}) {
        const PathTemplate path{text};
        BOOST_TEST(path.placeholders().empty());
        BOOST_TEST(path.rest() == text);
        BOOST_TEST(path.literal_size() == path.rest().size());
    }
}

BOOST_AUTO_TEST_CASE(placeholders_split_a_path)
{
    constexpr PathTemplate path{"/users/{user_id}/devices/{device_id}/x"};
    static_assert(path.placeholders().size() == 2);
    BOOST_TEST(path.placeholders()[0].before == "/users/");
    BOOST_TEST(path.placeholders()[0].name == "user_id");
    BOOST_TEST(path.placeholders()[1].before == "/devices/");
    BOOST_TEST(path.placeholders()[1].name == "device_id");
    BOOST_TEST(path.rest() == "/x");
    BOOST_TEST(path.literal_size() == std::string_view{"/users//devices//x"}.size());
}

BOOST_AUTO_TEST_CASE(a_malformed_path_is_refused)
{
    for (const char* text : {"/{", "/users/{user_id", "/{a}/{b", "/{a}/{b}/{c}"})
        BOOST_CHECK_THROW(PathTemplate{text}, std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
