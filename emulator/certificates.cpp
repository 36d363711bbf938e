#include "certificates.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <stdexcept>

namespace passage::emulator {
namespace {

constexpr long seconds_of_day = 24L * 60 * 60;
constexpr long days_valid = 397; // clients may refuse certificates with a longer validity
constexpr long days_lasting = 30;

[[noreturn]] void fail(const std::string& what)
{
    char reason[256] = "unknown reason";
    if (const unsigned long code = ERR_get_error(); code != 0) {
        ERR_error_string_n(code, reason, sizeof reason);
    }
    ERR_clear_error();
    throw std::runtime_error(what + " (" + reason + ")");
}

void require(bool succeeded)
{
    if (!succeeded) {
        fail("OpenSSL cannot make a certificate");
    }
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    require(extension != nullptr);
    const int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    require(added == 1);
}

/// A certificate with a new key, without issuer, extensions and signature.
Identity draft(const char* common_name)
{
    Identity identity{std::unique_ptr<EVP_PKEY, KeyFree>(EVP_EC_gen("P-256")),
                      std::unique_ptr<X509, CertificateFree>(X509_new())};
    X509* certificate = identity.certificate.get();
    require(identity.key != nullptr && certificate != nullptr);
    require(X509_set_version(certificate, X509_VERSION_3) == 1);

    unsigned char serial[16];
    require(RAND_bytes(serial, sizeof serial) == 1);
    serial[0] = (serial[0] & 0x3f) | 0x40; // positive and of full length
    std::unique_ptr<BIGNUM, decltype(&BN_free)> number(BN_bin2bn(serial, sizeof serial, nullptr), &BN_free);
    require(number != nullptr && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr);

    // One day earlier than now, for clients whose clock is slow.
    require(X509_gmtime_adj(X509_getm_notBefore(certificate), -seconds_of_day) != nullptr);
    require(X509_gmtime_adj(X509_getm_notAfter(certificate), (days_valid - 1) * seconds_of_day) != nullptr);
    require(X509_set_pubkey(certificate, identity.key.get()) == 1);
    require(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                       reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0) == 1);
    return identity;
}

void sign(X509* certificate, const Identity& issuer)
{
    require(X509_sign(certificate, issuer.key.get(), EVP_sha256()) > 0);
}

bool is_ip_address(const std::string& text)
{
    ASN1_OCTET_STRING* address = a2i_IPADDRESS(text.c_str());
    ASN1_OCTET_STRING_free(address);
    return address != nullptr;
}

template <class Reader>
auto read_pem(const std::filesystem::path& file, const char* what, Reader reader)
{
    const std::unique_ptr<BIO, decltype(&BIO_free)> input(BIO_new_file(file.c_str(), "r"), &BIO_free);
    if (!input) {
        fail(std::string{what} + " " + file.string() + " cannot be read: check its name and " + "permissions");
    }
    // Without a callback, OpenSSL asks for a passphrase at the terminal.
    const auto no_passphrase = [](char*, int, int, void*) { return -1; };
    auto* read = reader(input.get(), nullptr, no_passphrase, nullptr);
    if (read == nullptr) {
        fail(std::string{what} + " " + file.string() + " cannot be read: it must be PEM, without a passphrase");
    }
    return read;
}

} // namespace

void KeyFree::operator()(EVP_PKEY* key) const
{
    EVP_PKEY_free(key);
}

void CertificateFree::operator()(X509* certificate) const
{
    X509_free(certificate);
}

Identity make_authority()
{
    Identity authority = draft("Passage emulator CA");
    X509* certificate = authority.certificate.get();
    require(X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1);
    add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(certificate, certificate, NID_subject_key_identifier, "hash");
    sign(certificate, authority);
    return authority;
}

KeptIdentity to_kept(const Identity& identity)
{
    const auto bytes_of = [](const auto* object, auto write) {
        unsigned char* data = nullptr;
        const int size = write(object, &data);
        require(size > 0);
        std::vector<unsigned char> bytes(data, data + size);
        OPENSSL_clear_free(data, bytes.size());
        return bytes;
    };
    return {bytes_of(identity.key.get(), &i2d_PrivateKey), bytes_of(identity.certificate.get(), &i2d_X509)};
}

Identity from_kept(const KeptIdentity& kept)
{
    const unsigned char* key = kept.key.data();
    const unsigned char* certificate = kept.certificate.data();
    Identity identity;
    identity.key.reset(d2i_AutoPrivateKey(nullptr, &key, static_cast<long>(kept.key.size())));
    identity.certificate.reset(d2i_X509(nullptr, &certificate, static_cast<long>(kept.certificate.size())));
    if (!identity.key || !identity.certificate) {
        fail("the certificate authority that is kept with the data cannot be read");
    }
    return identity;
}

bool is_lasting(const X509& certificate)
{
    std::time_t until = std::time(nullptr) + days_lasting * seconds_of_day;
    return X509_cmp_time(X509_get0_notAfter(&certificate), &until) > 0;
}

Identity read_authority(const std::filesystem::path& certificate, const std::filesystem::path& key)
{
    Identity authority;
    authority.certificate.reset(read_pem(certificate, "the CA certificate", PEM_read_bio_X509));
    authority.key.reset(read_pem(key, "the CA key", PEM_read_bio_PrivateKey));
    if (X509_check_private_key(authority.certificate.get(), authority.key.get()) != 1) {
        fail("the CA key " + key.string() + " is not that of the CA certificate " + certificate.string() +
             ": give files that belong together");
    }
    if (X509_check_ca(authority.certificate.get()) == 0) {
        throw std::runtime_error("the CA certificate " + certificate.string() +
                                 " may not sign others: give that of an authority");
    }
    return authority;
}

Identity make_server_identity(const Identity& authority, const std::string& address)
{
    Identity server = draft("passage-emulator");
    X509* certificate = server.certificate.get();
    X509* issuer = authority.certificate.get();
    require(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1);
    std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";
    if (is_ip_address(address)) {
        names += ",IP:" + address;
    }
    add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
    add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth");
    add_extension(certificate, issuer, NID_subject_alt_name, names);
    add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid");
    sign(certificate, authority);
    return server;
}

std::string to_pem(const X509& certificate)
{
    const std::unique_ptr<BIO, decltype(&BIO_free)> output(BIO_new(BIO_s_mem()), &BIO_free);
    require(output != nullptr && PEM_write_bio_X509(output.get(), &certificate) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(output.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

} // namespace passage::emulator
