#include "net/tls_context.hpp"
#include "support/certificates.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;
using net::TlsContext;

namespace {

void fail_unless(bool holds)
{
    BOOST_TEST_REQUIRE(holds);
}

/// Moves what one side has sent to the other.
void pass_on(SSL* from, SSL* to)
{
    char buffer[4096];
    for (int size = 0; (size = BIO_read(SSL_get_wbio(from), buffer, sizeof buffer)) > 0;)
        BIO_write(SSL_get_rbio(to), buffer, size);
}

/// A server with a certificate for localhost, in memory.
struct Server
{
    explicit Server(int version)
    {
        SSL_CTX_set_max_proto_version(context.get(), version);
        fail_unless(SSL_CTX_use_certificate(context.get(), identity.certificate.get()) == 1);
        fail_unless(SSL_CTX_use_PrivateKey(context.get(), identity.key.get()) == 1);
    }

    /// Makes a connection, and has the client receive the tickets. Returns whether it resumed a session.
    bool connect(net::SslPtr client) const
    {
        const net::SslPtr server{SSL_new(context.get())};
        SSL_set_accept_state(server.get());
        for (SSL* ssl : {client.get(), server.get()})
            SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(client.get());
        for (int round = 0; round < 4; ++round) {
            SSL_do_handshake(client.get());
            pass_on(client.get(), server.get());
            SSL_do_handshake(server.get());
            pass_on(server.get(), client.get());
        }
        fail_unless(SSL_is_init_finished(client.get()) && SSL_is_init_finished(server.get()));
        char byte = 0;
        SSL_read(client.get(), &byte, 1);
        const bool resumed = SSL_session_reused(client.get()) == 1;
        SSL_shutdown(client.get()); // or OpenSSL would take the session for a bad one
        return resumed;
    }

    Identity authority = make_identity({.common_name = "authority", .names = "", .is_authority = true}, nullptr);
    Identity identity = make_identity({}, &authority);
    std::unique_ptr<SSL_CTX, net::SslDeleter> context{SSL_CTX_new(TLS_server_method())};
};

} // namespace

BOOST_AUTO_TEST_CASE(no_session_is_resumed_for_longer_than_its_certificate_was_verified)
{
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const Server server{version};
        TlsOptions options;
        options.ca_pem = to_pem(server.authority);
        const auto tls = TlsContext::create(options, HttpVersion::http1, "localhost", false);
        BOOST_TEST_REQUIRE(tls.has_value());
        const auto begin = std::chrono::steady_clock::now();
        const auto connect_at = [&](auto after) { return server.connect((*tls)->make_ssl(begin + after)); };
        BOOST_TEST(!connect_at(0min));
        BOOST_TEST(connect_at(30min));
        BOOST_TEST(connect_at(59min)); // by a ticket of the resumed session
        BOOST_TEST(!connect_at(60min));
        BOOST_TEST(connect_at(90min));
        BOOST_TEST(connect_at(119min));
        BOOST_TEST(!connect_at(121min));
    }
}
