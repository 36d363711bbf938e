#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace passage::ctl {

/// The help of an option with such texts.
inline constexpr const char* metadata_help =
    "KEY=TEXT, KEY:=JSON for a value that is not text, or a JSON object; repeatable";

/// Returns the metadata that texts say: `plan=pro`, `seats:=5`, `{"plan":"pro"}`. Later ones replace equal keys of
/// earlier ones. Throws `Failure` with `ExitCode::usage` if a text is invalid.
boost::json::object parse_metadata(const std::vector<std::string>& texts);

} // namespace passage::ctl
