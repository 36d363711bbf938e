#include "net/address_cache.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/test/unit_test.hpp>

using namespace passage::net;
using namespace std::chrono_literals;

namespace {

constexpr AddressCache::TimePoint start{1h};

Addresses some(const char* text)
{
    return {boost::asio::ip::make_address(text)};
}

} // namespace

BOOST_AUTO_TEST_SUITE(address_cache)

BOOST_AUTO_TEST_CASE(nothing_is_known_at_first)
{
    const AddressCache cache;
    BOOST_TEST(!cache.fresh(start));
    BOOST_TEST(!cache.usable(start));
}

BOOST_AUTO_TEST_CASE(a_look_up_is_spared_for_a_minute_and_its_answer_good_enough_for_five)
{
    AddressCache cache;
    cache.put(some("192.0.2.1"), start);
    BOOST_TEST_REQUIRE(cache.fresh(start + 60s - 1ns));
    BOOST_TEST((*cache.fresh(start) == some("192.0.2.1")));
    BOOST_TEST(!cache.fresh(start + 60s));
    BOOST_TEST_REQUIRE(cache.usable(start + 5min - 1ns));
    BOOST_TEST((*cache.usable(start + 60s) == some("192.0.2.1")));
    BOOST_TEST(!cache.usable(start + 5min));
}

BOOST_AUTO_TEST_CASE(a_new_answer_takes_the_place_of_the_last)
{
    AddressCache cache;
    cache.put(some("192.0.2.1"), start);
    cache.put(some("192.0.2.2"), start + 70s);
    BOOST_TEST_REQUIRE(cache.fresh(start + 129s));
    BOOST_TEST((*cache.fresh(start + 129s) == some("192.0.2.2")));
    BOOST_TEST(cache.usable(start + 70s + 5min - 1ns));
}

BOOST_AUTO_TEST_CASE(addresses_that_nobody_answers_at_are_looked_up_anew_once_a_second)
{
    AddressCache cache;
    cache.put(some("192.0.2.1"), start);
    cache.suspect();
    BOOST_TEST(cache.fresh(start + 1s - 1ns));
    BOOST_TEST(!cache.fresh(start + 1s));
    BOOST_TEST(cache.usable(start + 1s)); // if the lookup fails too, or is slow
    BOOST_TEST(cache.patience() == AddressCache::slow_after_suspicion);
    cache.trust();
    BOOST_TEST(cache.patience() == AddressCache::slow_after);
    BOOST_TEST(!cache.fresh(start + 1s));
    cache.suspect();

    cache.put(some("192.0.2.1"), start + 2s);
    BOOST_TEST(cache.patience() == AddressCache::slow_after);
    BOOST_TEST(cache.fresh(start + 30s));
    cache.suspect();
    BOOST_TEST(!cache.fresh(start + 30s));
}

BOOST_AUTO_TEST_CASE(an_address_in_place_of_a_name_is_never_looked_up)
{
    AddressCache cache;
    cache.put_forever({boost::asio::ip::make_address("::1")});
    cache.suspect();
    BOOST_TEST_REQUIRE(cache.fresh(start + 24h * 365));
    BOOST_TEST((*cache.fresh(start) == some("::1")));
}

BOOST_AUTO_TEST_SUITE_END()
