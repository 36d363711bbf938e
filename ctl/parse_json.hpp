#pragma once

#include <passage/expected.hpp>

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace passage::ctl {

/// Parses JSON whose objects have no name twice. Each double is the one nearest to its text, of which
/// `boost::json::parse` may be off by one; a number beyond their range is infinite. The error says what is wrong with
/// the text: "is not JSON: ...".
expected<boost::json::value, std::string> parse_json(std::string_view text);

} // namespace passage::ctl
