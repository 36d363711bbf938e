// Stands in for curl.cpp where libcurl is not installed.

#include "scenario.hpp"

#include <stdexcept>

namespace passage::bench {

Report curl_get_user(const Settings&)
{
    throw std::runtime_error{"built without libcurl"};
}

} // namespace passage::bench
