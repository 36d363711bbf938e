#pragma once

#include <passage/error.hpp>

#include <string_view>

namespace passage::api {

/// Masks a secret in all texts of an error that may come from the server: any 8 characters in a row of it, as it is,
/// percent-encoded, in hexadecimal or in base64, in whatever case. A secret that is shorter is masked as a whole.
void redact(Error& error, std::string_view secret);

} // namespace passage::api
