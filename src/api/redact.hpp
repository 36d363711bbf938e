#pragma once

#include <passage/error.hpp>

#include <string_view>

namespace passage::api {

/// Masks a secret in those texts of an error that may come from the server.
///
/// Masks any 8 consecutive characters of the secret, in any case, plain or escaped (`%41`, `\x41`, `\u0041`, `&#65;`,
/// `0x41`, `41`, also with separators) or mixed; any 8 consecutive digits of it in hexadecimal; and any 8 consecutive
/// characters of it in base64. A shorter secret is masked only as a whole.
///
/// Needs time proportional to the size of the texts times that of the secret.
void redact(Error& error, std::string_view secret);

} // namespace passage::api
