#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace structure {

/// The API key of every test. No output may show it, in any form.
inline constexpr std::string_view canary = "psg_canary_5e1f0c9d2b7a4836";

/// The forms of `secret` that `text` shows: "plain", "hex", "percent", "base64". The last is found
/// also where the secret is a part of what was encoded.
std::vector<std::string> shown_forms(std::string_view text, std::string_view secret);

} // namespace structure
