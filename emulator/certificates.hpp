#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <openssl/types.h>

namespace passage::emulator {

struct KeyFree
{
    void operator()(EVP_PKEY* key) const;
};
struct CertificateFree
{
    void operator()(X509* certificate) const;
};

/// A certificate and its private key.
struct Identity
{
    std::unique_ptr<EVP_PKEY, KeyFree> key;
    std::unique_ptr<X509, CertificateFree> certificate;
};

/// An identity as it is stored: both parts as DER.
struct KeptIdentity
{
    std::vector<unsigned char> key;
    std::vector<unsigned char> certificate;
};

KeptIdentity to_kept(const Identity& identity);

/// Throws std::runtime_error if it is not an identity.
Identity from_kept(const KeptIdentity& kept);

/// Creates a certificate authority.
Identity make_authority();

/// Whether a certificate is valid for at least 30 more days.
bool is_lasting(const X509& certificate);

/// Reads an authority from PEM files. Throws std::runtime_error whose text names the file and says what to do.
Identity read_authority(const std::filesystem::path& certificate, const std::filesystem::path& key);

/// Creates a server certificate for localhost, 127.0.0.1, ::1 and, if it is an IP address, `address`.
Identity make_server_identity(const Identity& authority, const std::string& address);

std::string to_pem(const X509& certificate);

} // namespace passage::emulator
