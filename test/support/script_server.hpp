#pragma once

#include "support/certificates.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <openssl/ssl.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <vector>

namespace passage::test {

class ScriptServer;
struct TlsContext;

/// A script can't go on.
struct ScriptFailure : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

/// The client ended the connection where the script has it go on.
struct ClientGone : ScriptFailure
{
    using ScriptFailure::ScriptFailure;
};

/// How a server's side speaks TLS.
struct TlsSettings
{
    const Identity* identity = nullptr; ///< None: the server's own, good for localhost and 127.0.0.1.
    int min_version = TLS1_2_VERSION;
    int max_version = TLS1_3_VERSION;
    std::string ciphers = {};   ///< Those of TLS 1.2 and below, at any strength; "": the default ones.
    std::string alpn = {};      ///< The protocol chosen, offered or not; "": none.
    std::size_t tickets = 2;    ///< TLS 1.3 session tickets sent after the handshake.
    bool needs_resumed = false; ///< The script fails unless a session is resumed.
    /// What is sent in place of the nth record of the handshake; none: the record itself.
    std::function<std::string(std::string record, std::size_t n)> rewrite = {};
    const Identity* client_authority = nullptr; ///< Demands a client's certificate that it issued; none: demands none.
};

/// How the bytes that a script sends are divided; each piece is a write, and a TLS record, of its own.
struct Pieces
{
    bool single_bytes = false;
    std::vector<std::size_t> splits; ///< Offsets, ascending.
};

/// A request that a server saw, or a part of one.
struct SeenRequest
{
    std::size_t connection; ///< Counted from 0 for each plan.
    std::string bytes;
    bool whole = false;
};

/// The server's end of a connection, as a script's steps use it. A step that can't be done throws.
class Peer
{
public:
    Peer(ScriptServer& server, int descriptor, std::size_t number);
    ~Peer();
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    void handshake(const TlsSettings& settings);
    /// Has what TLS carries from now on be a tunnel, in which there may be another handshake.
    void begin_tunnel();
    /// Reads a request to open a tunnel, and takes it for no request; returns it.
    std::string receive_connect();
    /// Has the handshake fail; whatever the client sends in it, no request may come.
    void handshake_that_fails(const TlsSettings& settings);
    /// Reads until a request is complete; returns it.
    const std::string& receive_request();
    /// Reads so many bytes of requests.
    void receive(std::size_t size);
    /// Reads what comes next, and takes it for no request; empty if the client ended the connection.
    std::string receive_bytes();
    /// Sends in the pieces that the server is set to.
    void send(std::string_view bytes);
    /// Sends in one piece.
    void send_whole(std::string_view bytes);
    /// Sends as it is, beneath TLS.
    void send_raw(std::string_view bytes);
    /// After so many further bytes beneath TLS the script ends; the connection is reset, or ended if not.
    void cut_after(std::size_t raw_bytes, bool reset);
    /// Asks for new handshakes (TLS 1.2), or for new keys (TLS 1.3) and an answer to that or none: all in one go.
    void renegotiate(std::size_t times = 1);
    void update_key(bool answered = true, std::size_t times = 1);
    /// A record of any type and content, as TLS 1.3 protects it. To be sent after what came before, of which
    /// none but `send` counts; once there was one, nothing else can be sent.
    std::string make_record(unsigned char type, std::string_view content);
    void close_notify();
    /// As `close_notify`, of the TLS that carries a tunnel.
    void close_tunnel();
    void fin();
    void rst();
    /// Waits until the client ends the connection, and takes what comes until then as requests.
    void expect_end();
    /// Reads nothing until the server is told to go on, or the connection is gone.
    void hold();
    /// Waits until something is to be read, an end included.
    void await_input();
    /// Counted from 0 for each plan.
    std::size_t number() const noexcept { return number_; }

    /// The common name of the client's certificate; empty if it showed none.
    std::string client_name() const;
    /// The last whole request.
    const std::string& last_request() const noexcept { return request_; }
    std::size_t raw_bytes_sent() const noexcept { return raw_sent_; }
    ScriptServer& server() const noexcept { return server_; }

private:
    friend class ScriptServer;
    class Sending;
    bool receive_some();
    std::string receive_raw();
    std::string receive_from_socket();
    std::string take_output(SSL* ssl);
    void send_to_socket(std::string_view bytes);
    void flush();
    bool accept_tls(const TlsSettings& settings);
    void flush_handshake(const TlsSettings& settings, std::size_t& records);
    static void keep_secret(const SSL* ssl, const char* line);
    void note(std::string_view bytes);

    ScriptServer& server_;
    int descriptor_;
    std::size_t number_;
    std::shared_ptr<TlsContext> context_; ///< Other connections may have the server forget it.
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, &SSL_free};
    std::unique_ptr<SSL, decltype(&SSL_free)> tunnel_{nullptr, &SSL_free};
    std::string received_; ///< What is part of no complete request yet.
    std::string request_;
    std::size_t requests_ = 0;
    std::optional<std::size_t> raw_limit_;
    bool reset_at_limit_ = false;
    std::size_t raw_sent_ = 0;
    bool client_ended_ = false;
    bool fin_sent_ = false;
    std::string traffic_secret_; ///< Of what the server sends after a handshake of TLS 1.3.
    std::string record_key_;
    std::string record_iv_;
    std::uint64_t records_sent_ = 0; ///< With data, since the handshake.
};

using Step = std::function<void(Peer&)>;

/// What a server does on one connection.
struct Script
{
    std::vector<Step> steps;
    /// The client may end the connection before the script does.
    bool may_end_early = false;
};

/// A server that does on each connection what a script says, so that every misbehaviour can be had at will.
///
/// Scripts of a plan are for its connections in turn; later ones are served properly, over HTTP/1.1 unless the server
/// is told otherwise: a user is answered whose id is the last segment of the request's target. Connections have threads
/// of their own. A script that can't be done is a failure, which `finish` returns. Nothing sleeps: every wait is for an
/// event, and fails after `patience`.
class ScriptServer
{
public:
    explicit ScriptServer(bool secure = true, bool listening = true);
    /// Listens on a Unix domain socket in place of a port.
    ScriptServer(bool secure, const std::string& unix_socket);
    ~ScriptServer();
    ScriptServer(const ScriptServer&) = delete;
    ScriptServer& operator=(const ScriptServer&) = delete;

    /// With the port, unless it listens on a Unix domain socket.
    std::string url(const std::string& host = "127.0.0.1") const;
    std::string ca_pem() const { return to_pem(authority_); }
    const Identity& authority() const noexcept { return authority_; }
    std::uint16_t port() const noexcept { return port_; }
    bool is_secure() const noexcept { return secure_; }

    /// Accepts connections, if it did not from the start.
    void listen();

    /// Starts again, with scripts for the next connections and an empty ledger.
    void plan(std::vector<Script> scripts, Pieces pieces = {});
    /// Has later handshakes begin with new keys: no earlier session is resumed. Settings are known by the address of
    /// their identity, so this is due before one is destroyed.
    void forget_contexts();
    /// What is done on connections beyond a plan.
    void serve_by(Script script);
    /// Called between two pieces, by a connection's thread, to have the client read the one before.
    void set_settle(std::function<void()> settle) { settle_ = std::move(settle); }
    /// Returns when the client has read what was sent to it. For scripts.
    void settled() const
    {
        if (settle_)
            settle_();
    }

    /// Ends every `hold`, and lets later ones pass.
    void release();
    bool is_released() const;
    /// Waits until no script is within a `send`.
    void await_sent();
    /// Waits until the scripts of all connections accepted so far are over.
    void await_over();
    /// Waits until all connections are over, which needs the client to be gone; what failed, each a line.
    std::string finish();

    /// What was seen since `plan`.
    std::vector<SeenRequest> requests() const;
    std::size_t connections() const;
    std::size_t resumed() const;
    static constexpr std::chrono::seconds patience{10};

private:
    friend class Peer;
    struct Worker
    {
        std::thread thread;
        int descriptor = -1;
        bool done = false;
    };

    void bind(int family, sockaddr* address, socklen_t size);
    std::shared_ptr<TlsContext> context(const TlsSettings& settings);
    bool all_over() const;
    void accept_all();
    void run(Worker& worker, std::size_t number, Script script);

    bool secure_;
    Identity authority_;
    Identity identity_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::thread acceptor_;
    std::function<void()> settle_;
    Script serving_;

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::list<std::shared_ptr<TlsContext>> contexts_;
    std::deque<Script> scripts_;
    Pieces pieces_;
    std::list<Worker> workers_;
    std::deque<SeenRequest> requests_;
    std::string failures_;
    std::size_t connections_ = 0;
    std::size_t resumed_ = 0;
    std::size_t sending_ = 0;
    bool released_ = false;
    bool stopping_ = false;
};

/// The answer to a request for a user: 200, with Content-Length.
std::string answer_with_user(std::string_view id, std::string_view more_fields = {});
/// A response with a status, further header fields (each ended by CRLF) and a body, framed by Content-Length.
std::string response(int status, std::string_view fields = {}, std::string_view body = {});
/// The last segment of a request's target, without its query; "created" for a POST.
std::string subject_of(std::string_view request);

namespace steps {

Step tls(TlsSettings settings = {});
Step failing_tls(TlsSettings settings = {});
/// Reads a request to open a tunnel and opens it.
Step open_tunnel();
Step request();
Step receive(std::size_t size);
Step send(std::string bytes);
Step send_raw(std::string bytes);
/// Answers the last request properly.
Step answer(std::string more_fields = {});
Step cut_after(std::size_t raw_bytes, bool reset);
Step close_notify();
Step fin();
Step rst();
Step expect_end();
Step hold();
/// Answers every request properly until the client ends the connection.
Step serve();

} // namespace steps
} // namespace passage::test
