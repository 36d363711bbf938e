#pragma once

namespace passage::test {

/// The API key of all tests. All output of the tests is searched for it.
inline constexpr const char* canary_api_key = "psg_canary_5e1f0c9d2b7a4836";

} // namespace passage::test
