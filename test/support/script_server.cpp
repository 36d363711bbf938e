#include "support/script_server.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace passage::test {
namespace {

/// The bytes that may be sent are used up.
struct Cut
{};

constexpr int patience_ms = static_cast<int>(std::chrono::milliseconds{ScriptServer::patience}.count());

void require(bool succeeded, const char* what)
{
    if (!succeeded)
        throw ScriptFailure{what};
}

/// The size of the first request in some bytes; none while it is incomplete.
std::optional<std::size_t> size_of_request(std::string_view bytes)
{
    const auto head = bytes.find("\r\n\r\n");
    if (head == bytes.npos)
        return std::nullopt;
    std::size_t body = 0;
    constexpr std::string_view length = "\r\nContent-Length: ";
    if (const auto at = bytes.substr(0, head).find(length); at != bytes.npos)
        std::from_chars(bytes.data() + at + length.size(), bytes.data() + head, body);
    const std::size_t size = head + 4 + body;
    return bytes.size() < size ? std::nullopt : std::optional{size};
}

int choose_alpn(SSL*, const unsigned char** out, unsigned char* size, const unsigned char*, unsigned, void* argument)
{
    const auto& alpn = *static_cast<const std::string*>(argument);
    *out = reinterpret_cast<const unsigned char*>(alpn.data());
    *size = static_cast<unsigned char>(alpn.size());
    return SSL_TLSEXT_ERR_OK;
}

constexpr std::size_t largest_record = 16384;
constexpr std::size_t nonce_size = 12;
constexpr int tag_size = 16;

const unsigned char* bytes_of(const std::string& text)
{
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* bytes_of(std::string& text)
{
    return reinterpret_cast<unsigned char*>(text.data());
}

int size_of(const std::string& text)
{
    return static_cast<int>(text.size());
}

/// HKDF-Expand-Label without a context (RFC 8446, section 7.1).
std::string expand(const EVP_MD* digest, std::string secret, const std::string& label, std::size_t size)
{
    const std::string full = "tls13 " + label;
    std::string info{0, static_cast<char>(size), static_cast<char>(full.size())};
    info += full;
    info += '\0';
    std::string result(size, '\0');
    std::string name = EVP_MD_get0_name(digest);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    const std::array<OSSL_PARAM, 5> parameters{
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()), OSSL_PARAM_construct_end()};
    const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf{EVP_KDF_fetch(nullptr, "HKDF", nullptr), &EVP_KDF_free};
    const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context{EVP_KDF_CTX_new(kdf.get()),
                                                                            &EVP_KDF_CTX_free};
    require(EVP_KDF_derive(context.get(), bytes_of(result), size, parameters.data()) == 1, "no key");
    return result;
}

} // namespace

struct TlsContext
{
    TlsSettings settings;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_server_method()), &SSL_CTX_free};
};

/// Lets the server know that a script is within a `send`.
class Peer::Sending
{
public:
    explicit Sending(ScriptServer& server) : server_{server} { add(1); }
    Sending(const Sending&) = delete;
    Sending& operator=(const Sending&) = delete;
    ~Sending() { add(-1); }

private:
    void add(int change)
    {
        const std::lock_guard lock{server_.mutex_};
        server_.sending_ += static_cast<std::size_t>(change);
        server_.changed_.notify_all();
    }
    ScriptServer& server_;
};

Peer::Peer(ScriptServer& server, int descriptor, std::size_t number)
    : server_{server}, descriptor_{descriptor}, number_{number}
{
    const int on = 1;
    setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const timeval patience{ScriptServer::patience.count(), 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

Peer::~Peer() = default;

bool Peer::accept_tls(const TlsSettings& settings)
{
    context_ = server_.context(settings);
    ssl_.reset(SSL_new(context_->context.get()));
    require(ssl_ != nullptr, "no SSL");
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl_.get());
    SSL_set_app_data(ssl_.get(), this);
    std::size_t records = 0;
    for (;;) {
        ERR_clear_error();
        const int result = SSL_do_handshake(ssl_.get());
        const int error = SSL_get_error(ssl_.get(), result);
        flush_handshake(settings, records);
        if (result == 1)
            return true;
        if (error != SSL_ERROR_WANT_READ)
            return false;
        const std::string raw = receive_raw();
        if (raw.empty())
            return false;
        BIO_write(SSL_get_rbio(ssl_.get()), raw.data(), size_of(raw));
    }
}

void Peer::handshake(const TlsSettings& settings)
{
    if (!accept_tls(settings))
        throw ClientGone{"the TLS handshake failed"};
    require(SSL_get_early_data_status(ssl_.get()) == SSL_EARLY_DATA_NOT_SENT, "data came before the handshake");
    const bool resumed = SSL_session_reused(ssl_.get()) == 1;
    require(resumed || !settings.needs_resumed, "no session was resumed");
    if (resumed) {
        const std::lock_guard lock{server_.mutex_};
        ++server_.resumed_;
    }
}

void Peer::begin_tunnel()
{
    tunnel_ = std::exchange(ssl_, {nullptr, &SSL_free});
}

std::string Peer::receive_connect()
{
    std::string bytes;
    while (!size_of_request(bytes)) {
        const std::string part = receive_bytes();
        if (part.empty())
            throw ClientGone{"the client ended the connection before its CONNECT was complete"};
        bytes += part;
    }
    require(bytes.starts_with("CONNECT ") && *size_of_request(bytes) == bytes.size(), "no CONNECT");
    return bytes;
}

void Peer::handshake_that_fails(const TlsSettings& settings)
{
    require(!accept_tls(settings), "the TLS handshake succeeded");
}

/// What TLS has to send.
std::string Peer::take_output(SSL* ssl)
{
    std::string output(static_cast<std::size_t>(BIO_pending(SSL_get_wbio(ssl))), '\0');
    if (!output.empty())
        BIO_read(SSL_get_wbio(ssl), output.data(), static_cast<int>(output.size()));
    return output;
}

void Peer::flush()
{
    send_raw(take_output(ssl_.get()));
}

void Peer::flush_handshake(const TlsSettings& settings, std::size_t& records)
{
    if (!settings.rewrite)
        return flush();
    std::string sent;
    for (std::string output = take_output(ssl_.get()); !output.empty();) {
        const auto byte = [&](std::size_t at) { return std::size_t{static_cast<unsigned char>(output[at])}; };
        const std::size_t size = 5 + (byte(3) << 8) + byte(4);
        sent += settings.rewrite(output.substr(0, size), records++);
        output.erase(0, size);
    }
    send_raw(sent);
}

void Peer::send_raw(std::string_view bytes)
{
    const bool cut = raw_limit_ && *raw_limit_ <= bytes.size();
    if (cut)
        bytes = bytes.substr(0, *raw_limit_);
    else if (raw_limit_)
        *raw_limit_ -= bytes.size();
    if (tunnel_ && !bytes.empty()) {
        ERR_clear_error();
        if (SSL_write(tunnel_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0)
            throw ClientGone{"sending failed"};
        send_to_socket(take_output(tunnel_.get()));
    } else {
        send_to_socket(bytes);
    }
    if (cut)
        throw Cut{};
}

void Peer::send_to_socket(std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0)
            throw ClientGone{"sending failed"};
        raw_sent_ += static_cast<std::size_t>(sent);
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

/// What comes next beneath TLS; empty if the client ended the connection.
std::string Peer::receive_raw()
{
    if (!tunnel_)
        return receive_from_socket();
    auto within = std::exchange(ssl_, std::exchange(tunnel_, {nullptr, &SSL_free}));
    std::string bytes = receive_bytes();
    tunnel_ = std::exchange(ssl_, std::move(within));
    return bytes;
}

std::string Peer::receive_from_socket()
{
    std::string buffer(largest_record, '\0');
    await_input();
    const auto size = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    client_ended_ = size <= 0;
    buffer.resize(client_ended_ ? 0 : static_cast<std::size_t>(size));
    return buffer;
}

void Peer::await_input()
{
    pollfd poll_for{descriptor_, POLLIN, 0};
    int ready = 0;
    do {
        ready = ::poll(&poll_for, 1, patience_ms);
    } while (ready < 0 && errno == EINTR);
    require(ready == 1, "nothing came for too long");
}

std::string Peer::receive_bytes()
{
    if (!ssl_)
        return receive_raw();
    std::string buffer(largest_record, '\0');
    for (;;) {
        ERR_clear_error();
        const int size = SSL_read(ssl_.get(), buffer.data(), size_of(buffer));
        if (size > 0) {
            buffer.resize(static_cast<std::size_t>(size));
            return buffer;
        }
        const int error = SSL_get_error(ssl_.get(), size);
        flush();
        const std::string raw = error == SSL_ERROR_WANT_READ ? receive_raw() : std::string{};
        if (raw.empty()) {
            client_ended_ = true;
            return raw;
        }
        BIO_write(SSL_get_rbio(ssl_.get()), raw.data(), size_of(raw));
    }
}

/// False if the client ended the connection.
bool Peer::receive_some()
{
    const std::string bytes = receive_bytes();
    if (ssl_ || !server_.is_secure())
        note(bytes);
    return !bytes.empty();
}

void Peer::note(std::string_view bytes)
{
    const std::lock_guard lock{server_.mutex_};
    received_ += bytes;
    while (!received_.empty()) {
        auto& ledger = server_.requests_;
        const auto mine = std::find_if(ledger.begin(), ledger.end(), [this](const SeenRequest& seen) {
            return seen.connection == number_ && !seen.whole;
        });
        SeenRequest& entry = mine != ledger.end() ? *mine : ledger.emplace_back(SeenRequest{number_, {}, false});
        const auto size = size_of_request(received_);
        entry.bytes = received_.substr(0, size.value_or(received_.size()));
        if (!size)
            break;
        entry.whole = true;
        request_ = entry.bytes;
        received_.erase(0, *size);
        ++requests_;
        server_.changed_.notify_all();
    }
}

const std::string& Peer::receive_request()
{
    for (const std::size_t before = requests_; requests_ == before;)
        if (!receive_some())
            throw ClientGone{"the client ended the connection before a request was complete"};
    return request_;
}

void Peer::receive(std::size_t size)
{
    // Byte by byte as far as the transport can tell: what is left unread makes the system reset the connection.
    if (!ssl_) {
        std::string buffer(size, '\0');
        for (std::size_t got = 0; got < size;) {
            await_input();
            const auto part = ::recv(descriptor_, buffer.data() + got, size - got, 0);
            if (part <= 0)
                throw ClientGone{"the client ended the connection"};
            note(std::string_view{buffer}.substr(got, static_cast<std::size_t>(part)));
            got += static_cast<std::size_t>(part);
        }
        return;
    }
    while (received_.size() < size)
        if (!receive_some())
            throw ClientGone{"the client ended the connection"};
}

void Peer::send(std::string_view bytes)
{
    const Sending sending{server_};
    const Pieces& pieces = server_.pieces_;
    std::size_t at = 0;
    auto split = pieces.splits.begin();
    while (at < bytes.size()) {
        std::size_t end = bytes.size();
        if (pieces.single_bytes)
            end = at + 1;
        else if (split != pieces.splits.end())
            end = std::min(std::max(at + 1, *split++), bytes.size());
        send_whole(bytes.substr(at, end - at));
        at = end;
        if (at < bytes.size())
            server_.settled();
    }
}

void Peer::send_whole(std::string_view bytes)
{
    if (!ssl_)
        return send_raw(bytes);
    ERR_clear_error();
    if (SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) <= 0)
        throw ClientGone{"sending failed"};
    records_sent_ += (bytes.size() + largest_record - 1) / largest_record;
    flush();
}

void Peer::cut_after(std::size_t raw_bytes, bool reset)
{
    raw_limit_ = raw_bytes;
    reset_at_limit_ = reset;
    if (raw_bytes == 0)
        throw Cut{};
}

void Peer::renegotiate(std::size_t times)
{
    for (std::size_t i = 0; i < times; ++i) {
        require(SSL_renegotiate(ssl_.get()) == 1, "no renegotiation can be asked for");
        SSL_do_handshake(ssl_.get());
    }
    flush();
}

void Peer::update_key(bool answered, std::size_t times)
{
    for (std::size_t i = 0; i < times; ++i) {
        const int type = answered ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
        require(SSL_key_update(ssl_.get(), type) == 1, "no key update");
        SSL_do_handshake(ssl_.get());
    }
    flush();
}

void Peer::keep_secret(const SSL* ssl, const char* line)
{
    // In the format of NSS: a label, the client's random, the secret in hexadecimal digits.
    const std::string_view text{line};
    if (!text.starts_with("SERVER_TRAFFIC_SECRET_0 "))
        return;
    std::string& secret = static_cast<Peer*>(SSL_get_app_data(ssl))->traffic_secret_;
    secret.clear();
    for (std::size_t at = text.rfind(' ') + 1; at + 1 < text.size(); at += 2) {
        unsigned char byte = 0;
        std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
        secret += static_cast<char>(byte);
    }
}

std::string Peer::make_record(unsigned char type, std::string_view content)
{
    const SSL_CIPHER* const suite = SSL_get_current_cipher(ssl_.get());
    require(suite && !traffic_secret_.empty(), "not TLS 1.3");
    const EVP_CIPHER* const cipher = EVP_get_cipherbynid(SSL_CIPHER_get_cipher_nid(suite));
    if (record_key_.empty()) {
        const EVP_MD* const digest = SSL_CIPHER_get_handshake_digest(suite);
        record_key_ =
            expand(digest, traffic_secret_, "key", static_cast<std::size_t>(EVP_CIPHER_get_key_length(cipher)));
        record_iv_ = expand(digest, traffic_secret_, "iv", nonce_size);
    }
    std::string nonce = record_iv_;
    for (std::size_t i = 0; i < sizeof records_sent_; ++i) {
        char& byte = nonce[nonce_size - 1 - i];
        byte = static_cast<char>(byte ^ static_cast<char>(records_sent_ >> (8 * i)));
    }
    ++records_sent_;

    const std::string plain = std::string{content} + static_cast<char>(type);
    const std::size_t size = plain.size() + tag_size;
    const std::string header{'\x17', 3, 3, static_cast<char>(size >> 8), static_cast<char>(size)};
    std::string record = header + std::string(size, '\0');
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context{EVP_CIPHER_CTX_new(),
                                                                                  &EVP_CIPHER_CTX_free};
    int length = 0;
    unsigned char* const out = bytes_of(record) + header.size();
    require(EVP_EncryptInit_ex(context.get(), cipher, nullptr, bytes_of(record_key_), bytes_of(std::as_const(nonce))) ==
                    1 &&
                EVP_EncryptUpdate(context.get(), nullptr, &length, bytes_of(header), size_of(header)) == 1 &&
                EVP_EncryptUpdate(context.get(), out, &length, bytes_of(plain), size_of(plain)) == 1 &&
                EVP_EncryptFinal_ex(context.get(), out + length, &length) == 1 &&
                EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, int{tag_size}, out + plain.size()) == 1,
            "no record");
    return record;
}

std::string Peer::client_name() const
{
    const X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
    std::array<char, 64> name{};
    if (certificate)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(), int{name.size()});
    return name.data();
}

void Peer::close_notify()
{
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    flush();
}

void Peer::close_tunnel()
{
    ERR_clear_error();
    SSL_shutdown(tunnel_.get());
    send_to_socket(take_output(tunnel_.get()));
}

void Peer::fin()
{
    ::shutdown(descriptor_, SHUT_WR);
    fin_sent_ = true;
}

void Peer::rst()
{
    const linger at_once{1, 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Peer::expect_end()
{
    while (receive_some()) {
    }
}

void Peer::hold()
{
    std::unique_lock lock{server_.mutex_};
    const bool told = server_.changed_.wait_for(lock, ScriptServer::patience,
                                                [this] { return server_.released_ || server_.stopping_; });
    require(told, "nobody ended the hold");
}

ScriptServer::ScriptServer(bool secure, bool listening)
    : secure_{secure},
      authority_{make_identity({.common_name = "test authority", .names = "", .is_authority = true}, nullptr)},
      identity_{make_identity({}, &authority_)}
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(AF_INET, reinterpret_cast<sockaddr*>(&address), sizeof address);
    port_ = ntohs(address.sin_port);
    serving_ = {{steps::serve()}, true};
    if (secure_)
        serving_.steps.insert(serving_.steps.begin(), steps::tls());
    if (listening)
        listen();
}

ScriptServer::ScriptServer(bool secure, const std::string& unix_socket) : ScriptServer{secure, false}
{
    ::close(listener_);
    port_ = 0;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    require(unix_socket.size() < sizeof address.sun_path, "the path is too long");
    unix_socket.copy(address.sun_path, unix_socket.size());
    bind(AF_UNIX, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen();
}

/// Writes into `address` what it is bound to.
void ScriptServer::bind(int family, sockaddr* address, socklen_t size)
{
    listener_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    require(listener_ >= 0 && ::bind(listener_, address, size) == 0 && ::getsockname(listener_, address, &size) == 0,
            "no port");
}

ScriptServer::~ScriptServer()
{
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
        for (Worker& worker : workers_)
            if (!worker.done)
                ::shutdown(worker.descriptor, SHUT_RDWR);
    }
    changed_.notify_all();
    ::shutdown(listener_, SHUT_RDWR);
    if (acceptor_.joinable())
        acceptor_.join();
    for (Worker& worker : workers_)
        worker.thread.join();
    ::close(listener_);
}

std::string ScriptServer::url(const std::string& host) const
{
    return (secure_ ? "https://" : "http://") + host + (port_ != 0 ? ":" + std::to_string(port_) : "") + "/v1";
}

void ScriptServer::listen()
{
    require(::listen(listener_, 128) == 0, "can't listen");
    acceptor_ = std::thread{[this] { accept_all(); }};
}

void ScriptServer::plan(std::vector<Script> scripts, Pieces pieces)
{
    const std::lock_guard lock{mutex_};
    scripts_.assign(scripts.begin(), scripts.end());
    pieces_ = std::move(pieces);
    requests_.clear();
    failures_.clear();
    connections_ = 0;
    resumed_ = 0;
    released_ = false;
}

void ScriptServer::serve_by(Script script)
{
    const std::lock_guard lock{mutex_};
    serving_ = std::move(script);
}

void ScriptServer::forget_contexts()
{
    const std::lock_guard lock{mutex_};
    contexts_.clear();
}

void ScriptServer::release()
{
    const std::lock_guard lock{mutex_};
    released_ = true;
    changed_.notify_all();
}

void ScriptServer::await_sent()
{
    std::unique_lock lock{mutex_};
    require(changed_.wait_for(lock, patience, [this] { return sending_ == 0; }), "a script sends without end");
}

bool ScriptServer::all_over() const
{
    return std::all_of(workers_.begin(), workers_.end(), [](const Worker& worker) { return worker.done; });
}

void ScriptServer::await_over()
{
    std::unique_lock lock{mutex_};
    require(changed_.wait_for(lock, patience, [this] { return all_over(); }), "a script goes on");
}

bool ScriptServer::is_released() const
{
    const std::lock_guard lock{mutex_};
    return released_;
}

std::string ScriptServer::finish()
{
    release();
    std::unique_lock lock{mutex_};
    const auto all_done = [this] {
        pollfd pending{listener_, POLLIN, 0};
        return (!acceptor_.joinable() || ::poll(&pending, 1, 0) == 0) && all_over();
    };
    if (!changed_.wait_for(lock, patience, all_done))
        return failures_ + "connections are left open\n";
    std::list<Worker> over = std::move(workers_);
    workers_.clear();
    std::string failures = failures_;
    lock.unlock();
    for (Worker& worker : over)
        worker.thread.join();
    return failures;
}

std::vector<SeenRequest> ScriptServer::requests() const
{
    const std::lock_guard lock{mutex_};
    return {requests_.begin(), requests_.end()};
}

std::size_t ScriptServer::connections() const
{
    const std::lock_guard lock{mutex_};
    return connections_;
}

std::size_t ScriptServer::resumed() const
{
    const std::lock_guard lock{mutex_};
    return resumed_;
}

std::shared_ptr<TlsContext> ScriptServer::context(const TlsSettings& settings)
{
    // One for equal settings: sessions are resumed within a context only.
    const auto key = [](const TlsSettings& s) {
        return std::tie(s.identity, s.min_version, s.max_version, s.ciphers, s.alpn, s.tickets, s.client_authority);
    };
    const std::lock_guard lock{mutex_};
    for (const auto& known : contexts_)
        if (key(known->settings) == key(settings))
            return known;

    const auto result = std::make_shared<TlsContext>(TlsContext{settings});
    SSL_CTX* const made = result->context.get();
    const Identity& identity = settings.identity ? *settings.identity : identity_;
    SSL_CTX_set_security_level(made, 0);
    require(SSL_CTX_set_min_proto_version(made, settings.min_version) == 1 &&
                SSL_CTX_set_max_proto_version(made, settings.max_version) == 1 &&
                SSL_CTX_use_certificate(made, identity.certificate.get()) == 1 &&
                SSL_CTX_use_PrivateKey(made, identity.key.get()) == 1 &&
                SSL_CTX_set_num_tickets(made, settings.tickets) == 1,
            "TLS can't be set up");
    for (const Identity* intermediate : identity.chain)
        require(SSL_CTX_add1_chain_cert(made, intermediate->certificate.get()) == 1, "no chain");
    if (settings.client_authority) {
        SSL_CTX_set_verify(made, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        require(X509_STORE_add_cert(SSL_CTX_get_cert_store(made), settings.client_authority->certificate.get()) == 1,
                "no authority");
    }
    // Offered, so that a client that uses it is found out.
    SSL_CTX_set_max_early_data(made, 16384);
    SSL_CTX_set_options(made, SSL_OP_NO_ANTI_REPLAY);
    SSL_CTX_set_keylog_callback(made, &Peer::keep_secret);
    constexpr std::string_view id = "script";
    SSL_CTX_set_session_id_context(made, reinterpret_cast<const unsigned char*>(id.data()), id.size());
    if (!settings.ciphers.empty())
        require(SSL_CTX_set_cipher_list(made, settings.ciphers.c_str()) == 1, "no such cipher");
    if (!settings.alpn.empty())
        SSL_CTX_set_alpn_select_cb(made, &choose_alpn, &result->settings.alpn);
    contexts_.push_back(result);
    return result;
}

void ScriptServer::accept_all()
{
    for (;;) {
        pollfd poll_for{listener_, POLLIN, 0};
        ::poll(&poll_for, 1, -1);
        // Accepted under the lock: a connection is at any time either pending or known.
        const std::lock_guard lock{mutex_};
        if (stopping_)
            return;
        const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (descriptor < 0)
            continue;
        Script script = serving_;
        if (!scripts_.empty()) {
            script = std::move(scripts_.front());
            scripts_.pop_front();
        }
        Worker& worker = workers_.emplace_back();
        worker.descriptor = descriptor;
        worker.thread = std::thread{
            [this, &worker, number = connections_, script = std::move(script)] { run(worker, number, script); }};
        ++connections_;
        changed_.notify_all();
    }
}

void ScriptServer::run(Worker& worker, std::size_t number, Script script)
{
    std::string failure;
    {
        Peer peer{*this, worker.descriptor, number};
        std::size_t done = 0;
        try {
            for (const Step& step : script.steps) {
                step(peer);
                ++done;
            }
        } catch (const Cut&) {
            if (peer.reset_at_limit_)
                peer.rst();
            else
                peer.fin();
        } catch (const ClientGone& gone) {
            if (!script.may_end_early)
                failure = gone.what();
        } catch (const std::exception& error) {
            failure = error.what();
        }
        if (!failure.empty())
            failure = "connection " + std::to_string(number) + ", step " + std::to_string(done) + ": " + failure + "\n";
        // After a FIN what the client still sends is taken in, as closing at once would reset the connection.
        try {
            while (peer.fin_sent_ && !peer.client_ended_)
                peer.receive_raw();
        } catch (const std::exception& error) {
            failure += error.what();
        }
    }
    ERR_clear_error();
    const std::lock_guard lock{mutex_};
    ::close(worker.descriptor);
    if (!stopping_)
        failures_ += failure;
    worker.done = true;
    changed_.notify_all();
}

std::string response(int status, std::string_view fields, std::string_view body)
{
    std::string text = "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
    text += fields;
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    text += body;
    return text;
}

std::string answer_with_user(std::string_view id, std::string_view more_fields)
{
    std::string fields = "Content-Type: application/json\r\n";
    fields += more_fields;
    return response(200, fields,
                    R"({"user":{"id":")" + std::string{id} + R"(","email":"jane@example.com","status":"active"}})");
}

std::string subject_of(std::string_view request)
{
    if (request.starts_with("POST "))
        return "created";
    std::string_view target = request.substr(0, request.find(" HTTP/"));
    target = target.substr(0, target.find('?'));
    return std::string{target.substr(target.rfind('/') + 1)};
}

namespace steps {

Step tls(TlsSettings settings)
{
    return [settings = std::move(settings)](Peer& peer) { peer.handshake(settings); };
}

Step failing_tls(TlsSettings settings)
{
    return [settings = std::move(settings)](Peer& peer) { peer.handshake_that_fails(settings); };
}

Step open_tunnel()
{
    return [](Peer& peer) {
        peer.receive_connect();
        peer.send("HTTP/1.1 200 Connection established\r\n\r\n");
        peer.begin_tunnel();
    };
}

Step request()
{
    return [](Peer& peer) { peer.receive_request(); };
}

Step receive(std::size_t size)
{
    return [size](Peer& peer) { peer.receive(size); };
}

Step send(std::string bytes)
{
    return [bytes = std::move(bytes)](Peer& peer) { peer.send(bytes); };
}

Step send_raw(std::string bytes)
{
    return [bytes = std::move(bytes)](Peer& peer) { peer.send_raw(bytes); };
}

Step answer(std::string more_fields)
{
    return [fields = std::move(more_fields)](Peer& peer) {
        peer.send(answer_with_user(subject_of(peer.last_request()), fields));
    };
}

Step cut_after(std::size_t raw_bytes, bool reset)
{
    return [=](Peer& peer) { peer.cut_after(raw_bytes, reset); };
}

Step close_notify()
{
    return [](Peer& peer) { peer.close_notify(); };
}

Step fin()
{
    return [](Peer& peer) { peer.fin(); };
}

Step rst()
{
    return [](Peer& peer) { peer.rst(); };
}

Step expect_end()
{
    return [](Peer& peer) { peer.expect_end(); };
}

Step hold()
{
    return [](Peer& peer) { peer.hold(); };
}

Step serve()
{
    return [](Peer& peer) {
        for (;;) {
            const std::string& bytes = peer.receive_request();
            const std::string subject = subject_of(bytes);
            if (bytes.find("identifier=") != bytes.npos)
                peer.send(response(
                    200, "Content-Type: application/json\r\n",
                    R"({"users":[{"id":"found","email":"jane@example.com"}],"page":1,"limit":1,"total_users":1,"created_before":0})"));
            else
                peer.send(answer_with_user(subject));
        }
    };
}

} // namespace steps
} // namespace passage::test
