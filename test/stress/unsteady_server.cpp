#include "unsteady_server.hpp"

#include "answers.hpp"
#include "dice.hpp"
#include "support/certificates.hpp"
#include "support/token_signer.hpp"

#include <passage/detail/build.hpp>
#if PASSAGE_HTTP2
#include "http2_end.hpp"

#include <nghttp2/nghttp2.h>
#endif

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <openssl/ssl.h>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace passage::stress {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

void rethrow(std::exception_ptr error)
{
    if (error)
        std::rethrow_exception(error);
}

void reset(tcp::socket& socket)
{
    boost::system::error_code ignored;
    socket.set_option(asio::socket_base::linger{true, 0}, ignored);
    socket.close(ignored);
}

template <class Stream>
asio::awaitable<bool> receive_some(Stream& stream, std::string& received)
{
    std::array<char, 16 * 1024> buffer;
    const auto [ec, size] = co_await stream.async_read_some(asio::buffer(buffer), as_tuple);
    received.append(buffer.data(), size);
    co_return !ec;
}

/// Until the peer ends the connection.
template <class Stream>
asio::awaitable<void> ignore(Stream& stream)
{
    std::string received;
    bool open = true;
    while (open) {
        received.clear();
        open = co_await receive_some(stream, received);
    }
}

} // namespace

class UnsteadyServer::Impl
{
public:
    explicit Impl(std::uint32_t seed) : seed_{seed}
    {
        test::CertificateSpec of_authority;
        of_authority.common_name = "passage stress authority";
        of_authority.names.clear();
        of_authority.is_authority = true;
        authority_ = test::make_identity(of_authority, nullptr);
        test::CertificateSpec of_server;
        of_server.names += ",DNS:*.stress.test";
        identity_ = test::make_identity(of_server, &authority_);
        SSL_CTX* const tls = tls_.native_handle();
        if (SSL_CTX_use_certificate(tls, identity_.certificate.get()) != 1 ||
            SSL_CTX_use_PrivateKey(tls, identity_.key.get()) != 1)
            throw std::runtime_error{"the server's certificate can't be used"};
#if PASSAGE_HTTP2
        SSL_CTX_set_alpn_select_cb(tls, &choose_version, this);
#endif

        std::vector<test::TokenSigner> signers;
        for (std::size_t key = 0; key < token_keys; ++key)
            signers.emplace_back("k" + std::to_string(key));
        for (std::size_t key = 0; key < token_keys; ++key) {
            for (std::size_t user = 0; user < token_users; ++user)
                tokens_[key][user] =
                    signers[key].sign(R"({"aud":"stress","exp":4000000000,"sub":"u)" + std::to_string(user) + "\"}");
            key_sets_[key] = test::key_set({signers[key].jwk(), signers[(key + 1) % token_keys].jwk()});
        }

        for (tcp::acceptor* acceptor : {&plain_, &secure_})
            asio::co_spawn(context_, accept(*acceptor), rethrow);
        thread_ = std::thread{[this] { context_.run(); }};
    }

    ~Impl()
    {
        context_.stop();
        thread_.join();
    }

    std::uint16_t port(bool secure) const
    {
        return (secure ? secure_ : plain_).local_endpoint().port();
    }
    std::string ca_pem() const
    {
        return test::to_pem(authority_);
    }
    const std::string& token(std::size_t key, std::size_t user) const
    {
        return tokens_.at(key).at(user);
    }

    std::atomic<std::uint64_t> connections_ = 0;
    std::atomic<std::uint64_t> requests_ = 0;

private:
    asio::awaitable<void> accept(tcp::acceptor& acceptor)
    {
        for (;;) {
            auto [ec, socket] = co_await acceptor.async_accept(as_tuple);
            if (ec)
                continue;
            boost::system::error_code ignored;
            socket.set_option(tcp::no_delay{true}, ignored);
            asio::co_spawn(context_, greet(std::move(socket), &acceptor == &secure_), rethrow);
        }
    }

    asio::awaitable<void> greet(tcp::socket socket, bool is_secure)
    {
        Dice dice{seed_, 1, ++connections_};
        if (dice.chance(30)) {
            reset(socket);
            co_return;
        }
        if (dice.chance(30)) {
            co_await ignore(socket);
            co_return;
        }
        if (is_secure && dice.chance(30)) {
            std::string client_hello;
            co_await receive_some(socket, client_hello);
            reset(socket);
            co_return;
        }
        if (!is_secure) {
            co_await serve(socket, socket, dice);
            co_return;
        }
        asio::ssl::stream<tcp::socket> stream{std::move(socket), tls_};
        const auto [failed] = co_await stream.async_handshake(asio::ssl::stream_base::server, as_tuple);
        if (failed)
            co_return;
#if PASSAGE_HTTP2
        const unsigned char* version = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(stream.native_handle(), &version, &size);
        if (size == 2)
            co_return co_await serve_http2(stream, dice);
#endif
        co_await serve(stream, stream.next_layer(), dice);
    }

    template <class Stream>
    asio::awaitable<void> serve(Stream& stream, tcp::socket& socket, Dice& dice)
    {
        std::string received;
        bool open = true;
        while (open) {
            const std::size_t end = received.find("\r\n\r\n");
            if (end == received.npos) {
                open = co_await receive_some(stream, received);
                continue;
            }
            Request request = read_head({received.data(), end});
            received.erase(0, end + 4);
            while (open && received.size() < request.body_size) {
                open = co_await receive_some(stream, received);
            }
            if (!open)
                break;
            if (!request.number)
                request.number = number_in_body(received);
            received.erase(0, request.body_size);
            ++requests_;

            if (dice.chance(20)) {
                reset(socket);
                break;
            }
            if (dice.chance(20)) {
                co_await ignore(stream);
                break;
            }
            co_await hesitate(dice);
            const std::string bytes = response_to(request);
            const auto [failed, size] = co_await asio::async_write(stream, asio::buffer(bytes), as_tuple);
            open = !failed;
        }
    }

    asio::awaitable<void> hesitate(Dice& dice)
    {
        if (!dice.chance(200))
            co_return;
        asio::steady_timer moment{context_, std::chrono::microseconds{dice.below(2000)}};
        co_await moment.async_wait(asio::use_awaitable);
    }

    std::string response_to(const Request& request)
    {
        return request.ask == Ask::keys ? response(200, {}, key_sets_[keys_fetched_++ / 8 % token_keys])
                                        : answer(request, request.number.value_or(0));
    }

#if PASSAGE_HTTP2
    /// Chooses HTTP/2 for half of the connections that offer it.
    static int choose_version(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                              unsigned offered_size, void* self)
    {
        static constexpr std::string_view versions[]{"\x02h2", "\x08http/1.1"};
        Impl& impl = *static_cast<Impl*>(self);
        const std::string_view wanted = versions[Dice{impl.seed_, 2, ++impl.handshakes_}.below(2)];
        unsigned char* selected = nullptr;
        const int result = SSL_select_next_proto(&selected, size, reinterpret_cast<const unsigned char*>(wanted.data()),
                                                 static_cast<unsigned>(wanted.size()), offered, offered_size);
        *chosen = selected;
        return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
    }

    template <class Stream>
    asio::awaitable<void> serve_http2(Stream& stream, Dice& dice)
    {
        Http2End end{1 + static_cast<std::uint32_t>(dice.below(8))};
        std::string received;
        for (;;) {
            if (const std::string bytes = end.take_output(); !bytes.empty()) {
                const auto [failed, size] = co_await asio::async_write(stream, asio::buffer(bytes), as_tuple);
                if (failed)
                    co_return;
            }
            if (end.requests.empty()) {
                received.clear();
                if (!co_await receive_some(stream, received))
                    co_return;
                if (!end.receive(received))
                    throw std::runtime_error{"the client breaks the rules of HTTP/2"};
                continue;
            }
            const Http2End::Request asked = std::move(end.requests.front());
            end.requests.pop_front();
            Request request = read_head(asked.head);
            if (!request.number)
                request.number = number_in_body(asked.body);
            ++requests_;

            if (dice.chance(10)) {
                reset(stream.next_layer());
                co_return;
            }
            if (dice.chance(10))
                co_return co_await ignore(stream);
            if (dice.chance(10))
                end.go_away(); // and answers what has begun
            co_await hesitate(dice);
            if (dice.chance(20))
                end.reset(asked.id, dice.chance(500) ? NGHTTP2_REFUSED_STREAM : NGHTTP2_INTERNAL_ERROR);
            else if (!dice.chance(10)) // else never
                end.respond(asked.id, response_to(request));
        }
    }
#endif

    const std::uint32_t seed_;
    test::Identity authority_;
    test::Identity identity_;
    asio::ssl::context tls_{asio::ssl::context::tls_server};
    std::array<std::array<std::string, token_users>, token_keys> tokens_;
    std::array<std::string, token_keys> key_sets_;
    std::size_t keys_fetched_ = 0;
    std::uint64_t handshakes_ = 0;
    asio::io_context context_{1};
    tcp::acceptor plain_{context_, {asio::ip::address_v4::loopback(), 0}};
    tcp::acceptor secure_{context_, {asio::ip::address_v4::loopback(), 0}};
    std::thread thread_;
};

UnsteadyServer::UnsteadyServer(std::uint32_t seed) : impl_{std::make_unique<Impl>(seed)} {}

UnsteadyServer::~UnsteadyServer() = default;

std::string UnsteadyServer::base_url(bool secure, std::string_view host) const
{
    return (secure ? "https://" : "http://") + std::string{host} + ":" + std::to_string(impl_->port(secure)) + "/v1";
}

std::string UnsteadyServer::ca_pem() const
{
    return impl_->ca_pem();
}

const std::string& UnsteadyServer::token(std::size_t key, std::size_t user) const
{
    return impl_->token(key, user);
}

std::uint64_t UnsteadyServer::connections() const
{
    return impl_->connections_;
}

std::uint64_t UnsteadyServer::requests() const
{
    return impl_->requests_;
}

} // namespace passage::stress
