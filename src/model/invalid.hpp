#pragma once

#include <passage/expected.hpp>

#include <boost/system/error_code.hpp>

#include <string_view>

namespace passage {

/// `Errc::invalid_argument` for an argument or a setting. The message is its name, a space, and `what_is_wrong`.
unexpected<Error> invalid(std::string_view name, std::string_view what_is_wrong, boost::system::error_code cause = {});

} // namespace passage
