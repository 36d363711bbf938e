#pragma once

#include "net/openssl.hpp"

#include <passage/expected.hpp>
#include <passage/secret.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace passage::net {

/// A PEM text (RFC 7468) that a setting has, or names. It can be read once.
///
/// What is read may be a private key: its bytes are wiped. Nothing asks at the terminal for a passphrase.
///
/// Functions fail with `Errc::invalid_argument` and a message that begins with the name of the setting. They throw
/// `std::bad_alloc`.
class Pem
{
public:
    /// Reads a file. `setting` is the name of the setting that names it.
    static expected<Pem> read(std::string_view setting, const std::string& path);
    /// `text` is not copied.
    static expected<Pem> view(std::string_view setting, std::string_view text);

    /// What messages call the text: the setting, and the file if there is one.
    const std::string& name() const noexcept { return name_; }

    /// All certificates. Other contents are ignored.
    expected<std::vector<CertificatePtr>> certificates();
    /// All CRLs, of which there must be one, and each of which must be complete. Other contents are ignored.
    expected<std::vector<CrlPtr>> crls();
    /// The first private key. Other contents are ignored.
    expected<KeyPtr> private_key(const Secret& passphrase);

private:
    Pem(std::string name, BioPtr text) : name_{std::move(name)}, text_{std::move(text)} {}

    std::string name_;
    BioPtr text_;
};

/// `Errc::invalid_argument` with OpenSSL's last error of this thread as its cause. The arguments are those of
/// `invalid`.
unexpected<Error> invalid_for_openssl(std::string_view name, std::string_view what_is_wrong);

} // namespace passage::net
