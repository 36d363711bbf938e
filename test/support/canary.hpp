#pragma once

namespace passage::test {

/// The API key of every test. What the tests print is searched for it, so a key that is shown somewhere is found.
inline constexpr const char* canary_api_key = "psg_canary_5e1f0c9d2b7a4836";

} // namespace passage::test
