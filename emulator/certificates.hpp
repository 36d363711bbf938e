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

/// A certificate and the private key of the one it names.
struct Identity
{
    std::unique_ptr<EVP_PKEY, KeyFree> key;
    std::unique_ptr<X509, CertificateFree> certificate;
};

/// An identity as it is kept: both as DER.
struct KeptIdentity
{
    std::vector<unsigned char> key;
    std::vector<unsigned char> certificate;
};

KeptIdentity to_kept(const Identity& identity);

/// Throws std::runtime_error if it is none.
Identity from_kept(const KeptIdentity& kept);

/// A new authority.
Identity make_authority();

/// Whether a certificate is good for some time yet: 30 days.
bool is_lasting(const X509& certificate);

/// An authority from PEM files. Throws std::runtime_error that names the file and what to do.
Identity read_authority(const std::filesystem::path& certificate, const std::filesystem::path& key);

/// A server certificate for localhost, 127.0.0.1, ::1 and, if it is an IP address, `address`.
Identity make_server_identity(const Identity& authority, const std::string& address);

std::string to_pem(const X509& certificate);

} // namespace passage::emulator
