#pragma once

#include "net/openssl.hpp"

#include <passage/expected.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace passage::net {

/// The SHA-256 of a public key: of its SubjectPublicKeyInfo in DER (RFC 7469, section 2.4).
using KeyPin = std::array<unsigned char, 32>;

/// Reads "sha256/BASE64", or "sha256//BASE64" as curl has it. Fails with `Errc::invalid_argument`.
expected<KeyPin> parse_pin(std::string_view text);

/// Returns whether one of the certificates has a pinned key. Allocates memory that OpenSSL may not have: then false.
bool has_pinned_key(const STACK_OF(X509) * certificates, const std::vector<KeyPin>& pins) noexcept;

} // namespace passage::net
