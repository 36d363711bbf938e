#define BOOST_TEST_MODULE passage
#include <boost/test/unit_test.hpp>
