#pragma once

#include <passage/expected.hpp>

#include <string_view>

namespace passage {

/// `Errc::invalid_argument` of an argument or a setting, with a sentence: its name, a space, and what is wrong with it.
unexpected<Error> invalid(std::string_view name, std::string_view what_is_wrong);

} // namespace passage
