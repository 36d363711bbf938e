#pragma once

#include <passage/error.hpp>

#include <string_view>

namespace passage::api {

/// Masks a secret in all texts of an error that may come from the server: any 8 characters in a row of it, in whatever
/// case; as they are, or escaped (`%41`, `\x41`, `\u0041`, `&#65;`, `0x41`, `41`; with separators between), in any
/// mix; and any 8 of its hexadecimal digits, or of it in base64. A secret that is shorter is masked as a whole.
///
/// Takes time and memory by the length of the texts times that of the secret.
void redact(Error& error, std::string_view secret);

} // namespace passage::api
