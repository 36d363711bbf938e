#pragma once

#include <filesystem>
#include <memory>
#include <string>

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

/// A new authority for this run alone; its key never leaves memory.
Identity make_authority();

/// An authority from PEM files. Throws std::runtime_error that names the file and what to do.
Identity read_authority(const std::filesystem::path& certificate, const std::filesystem::path& key);

/// A server certificate for localhost, 127.0.0.1, ::1 and, if it is an IP address, `address`.
Identity make_server_identity(const Identity& authority, const std::string& address);

std::string to_pem(const X509& certificate);

} // namespace passage::emulator
