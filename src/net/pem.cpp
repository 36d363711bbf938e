#include "net/pem.hpp"

#include "model/invalid.hpp"
#include "model/text.hpp"

#include <boost/asio/ssl/error.hpp>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <limits.h> // PATH_MAX
#include <new>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>
#include <string.h> // explicit_bzero
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace passage::net {
namespace {

/// The CRLs of large authorities have some MiB.
constexpr std::size_t largest_text = 64 * 1024 * 1024;

class File
{
public:
    explicit File(const std::string& path) : descriptor_{open(path.c_str(), O_RDONLY | O_CLOEXEC)} {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File()
    {
        if (descriptor_ >= 0)
            close(descriptor_);
    }
    int descriptor() const noexcept { return descriptor_; }

private:
    int descriptor_;
};

unexpected<Error> unreadable(const std::string& name, int error)
{
    return invalid(name, "can't be read", {error, boost::system::system_category()});
}

/// What PEM_read_bio_ex allocates is in OpenSSL's secure heap, if it has one, and wiped in any case.
constexpr unsigned pem_flags = PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE;

/// A block of a PEM text.
class Block
{
public:
    Block() = default;
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { release(); }

    /// Reads the next block. False at the end of the text, and on an error.
    bool read(BIO& text)
    {
        release();
        if (PEM_read_bio_ex(&text, &label_, &header_, &bytes_, &size_, pem_flags) != 1)
            return false;
        allocated_ = static_cast<std::size_t>(size_);
        return true;
    }

    std::string_view label() const noexcept { return label_; }
    /// Of PEM's own encryption (RFC 1421, section 4.6.1.1), which is older than PKCS #8.
    char* header() const noexcept { return header_; }
    bool has_header() const noexcept { return header_ && *header_ != '\0'; }
    unsigned char* bytes() const noexcept { return bytes_; }
    long& size() noexcept { return size_; }

private:
    void release() noexcept
    {
        OPENSSL_secure_free(std::exchange(label_, nullptr));
        OPENSSL_secure_free(std::exchange(header_, nullptr));
        OPENSSL_secure_clear_free(std::exchange(bytes_, nullptr), allocated_);
    }

    char* label_ = nullptr;
    char* header_ = nullptr;
    unsigned char* bytes_ = nullptr;
    long size_ = 0;
    std::size_t allocated_ = 0;
};

/// After `Block::read` returned false. PEM_R_NO_START_LINE is the end of the text; other errors are of a block.
bool is_at_end()
{
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return false;
    ERR_clear_error();
    return true;
}

/// PEM's callback for a passphrase. `context` is a `Secret`.
int copy_passphrase(char* into, int size, int, void* context)
{
    const std::string_view passphrase = static_cast<const Secret*>(context)->reveal();
    if (passphrase.empty() || passphrase.size() > static_cast<std::size_t>(size))
        return -1;
    passphrase.copy(into, passphrase.size());
    return static_cast<int>(passphrase.size());
}

/// A key in an ENCRYPTED PRIVATE KEY (RFC 5958, section 3). Null if it can't be decrypted.
KeyPtr decrypt_pkcs8(Block& block, std::string_view passphrase)
{
    const unsigned char* at = block.bytes();
    const std::unique_ptr<X509_SIG, decltype(&X509_SIG_free)> encrypted{d2i_X509_SIG(nullptr, &at, block.size()),
                                                                        &X509_SIG_free};
    if (!encrypted)
        return nullptr;
    const std::unique_ptr<PKCS8_PRIV_KEY_INFO, decltype(&PKCS8_PRIV_KEY_INFO_free)> decrypted{
        PKCS8_decrypt(encrypted.get(), passphrase.data(), static_cast<int>(passphrase.size())),
        &PKCS8_PRIV_KEY_INFO_free};
    return KeyPtr{decrypted ? EVP_PKCS82PKEY(decrypted.get()) : nullptr};
}

/// Whether a CRL is no complete list of what its issuer has revoked. OpenSSL takes a delta CRL for a complete one, and
/// ignores an indirect CRL, one for some reasons only, and one whose scope is invalid (RFC 5280, section 5.2.5).
bool is_partial(const X509_CRL* crl)
{
    if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
        return true;
    int found = 0;
    const std::unique_ptr<ISSUING_DIST_POINT, decltype(&ISSUING_DIST_POINT_free)> scope{
        static_cast<ISSUING_DIST_POINT*>(X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &found, nullptr)),
        &ISSUING_DIST_POINT_free};
    if (!scope)
        return found != -1; // it can't be read, or there are two
    const int kinds = (scope->onlyuser > 0) + (scope->onlyCA > 0) + (scope->onlyattr > 0);
    return kinds > 1 || scope->indirectCRL > 0 || scope->onlysomereasons;
}

unexpected<Error> bad_block(const std::string& name)
{
    return invalid_for_openssl(name, "has a PEM block that can't be read");
}

} // namespace

unexpected<Error> invalid_for_openssl(std::string_view name, std::string_view what_is_wrong)
{
    const SslErrors errors = take_ssl_errors_or_throw();
    if (errors.last == 0)
        return invalid(name, what_is_wrong);
    return invalid(name, what_is_wrong, {static_cast<int>(errors.last), boost::asio::error::get_ssl_category()});
}

expected<Pem> Pem::read(std::string_view setting, const std::string& path)
{
    // It may be a private key, which no message shows.
    if (path.find("-----BEGIN ") != path.npos)
        return invalid(setting, "is a PEM text, and not the path of a file");
    std::string name = std::string{setting}.append(" \"").append(printable(path, PATH_MAX)).append("\"");
    const File file{path};
    struct stat about
    {};
    if (file.descriptor() < 0 || fstat(file.descriptor(), &about) != 0)
        return unreadable(name, errno);
    if (S_ISDIR(about.st_mode))
        return invalid(name, "is a folder");
    BioPtr text{BIO_new(BIO_s_mem())}; // which wipes its memory
    if (!text)
        throw std::bad_alloc{};
    std::array<char, 16 * 1024> buffer;
    std::size_t size = 0;
    ssize_t got = 0;
    bool kept = true;
    do {
        got = ::read(file.descriptor(), buffer.data(), buffer.size());
        if (got > 0) {
            size += static_cast<std::size_t>(got);
            kept = size <= largest_text && BIO_write(text.get(), buffer.data(), static_cast<int>(got)) == got;
        }
    } while (kept && (got > 0 || (got < 0 && errno == EINTR)));
    const int error = errno;
    explicit_bzero(buffer.data(), buffer.size());
    if (size > largest_text)
        return invalid(name, "exceeds " + std::to_string(largest_text) + " bytes");
    if (!kept)
        throw std::bad_alloc{};
    if (got < 0)
        return unreadable(name, error);
    return Pem{std::move(name), std::move(text)};
}

expected<Pem> Pem::view(std::string_view setting, std::string_view text)
{
    if (text.size() > largest_text)
        return invalid(setting, "exceeds " + std::to_string(largest_text) + " bytes");
    BioPtr bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
    if (!bio)
        throw std::bad_alloc{};
    return Pem{std::string{setting}, std::move(bio)};
}

expected<std::vector<CertificatePtr>> Pem::certificates()
{
    ERR_clear_error();
    std::vector<CertificatePtr> certificates;
    Block block;
    while (block.read(*text_)) {
        const unsigned char* at = block.bytes();
        if (block.label() == PEM_STRING_X509 || block.label() == PEM_STRING_X509_OLD)
            certificates.emplace_back(d2i_X509(nullptr, &at, block.size()));
        else if (block.label() == PEM_STRING_X509_TRUSTED)
            certificates.emplace_back(d2i_X509_AUX(nullptr, &at, block.size()));
        else
            continue;
        if (!certificates.back())
            return invalid_for_openssl(name_, "has a certificate that can't be read");
    }
    if (!is_at_end())
        return bad_block(name_);
    return certificates;
}

expected<std::vector<CrlPtr>> Pem::crls()
{
    ERR_clear_error();
    std::vector<CrlPtr> crls;
    Block block;
    while (block.read(*text_)) {
        if (block.label() != PEM_STRING_X509_CRL)
            continue;
        const unsigned char* at = block.bytes();
        crls.emplace_back(d2i_X509_CRL(nullptr, &at, block.size()));
        if (!crls.back())
            return invalid_for_openssl(name_, "has a CRL that can't be read");
        if (is_partial(crls.back().get()))
            return invalid_for_openssl(name_, "has a delta CRL, an indirect CRL, or one for some reasons only");
    }
    if (!is_at_end())
        return bad_block(name_);
    if (crls.empty())
        return invalid(name_, "has no PEM CRL");
    return crls;
}

expected<KeyPtr> Pem::private_key(const Secret& passphrase)
{
    ERR_clear_error();
    Block block;
    do {
        if (!block.read(*text_)) {
            if (!is_at_end())
                return bad_block(name_);
            return invalid(name_, "has no PEM private key");
        }
    } while (!block.label().ends_with("PRIVATE KEY"));

    const bool is_pkcs8 = block.label() == PEM_STRING_PKCS8;
    const bool is_encrypted = is_pkcs8 || block.has_header();
    if (is_encrypted && passphrase.empty())
        return invalid(name_, "is encrypted, and tls.key_passphrase is empty");
    KeyPtr key;
    if (is_pkcs8) {
        key = decrypt_pkcs8(block, passphrase.reveal());
    } else {
        EVP_CIPHER_INFO cipher;
        const bool decrypted = PEM_get_EVP_CIPHER_INFO(block.header(), &cipher) == 1 &&
                               PEM_do_header(&cipher, block.bytes(), &block.size(), &copy_passphrase,
                                             const_cast<Secret*>(&passphrase)) == 1;
        const unsigned char* at = block.bytes();
        if (decrypted)
            key.reset(d2i_AutoPrivateKey(nullptr, &at, block.size()));
    }
    if (key)
        return key;
    if (is_encrypted)
        return invalid_for_openssl(name_, "can't be decrypted with tls.key_passphrase");
    return invalid_for_openssl(name_, "has a private key that can't be read");
}

} // namespace passage::net
