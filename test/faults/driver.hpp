#pragma once

#include "support/canary.hpp"
#include "support/figures.hpp"
#include "support/script_config.hpp"

#include <passage/passage.hpp>

#if PASSAGE_HTTP2
#include "support/frame_server.hpp"
#endif

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace passage::test {

namespace asio = boost::asio;

/// What a call came to: the id of the user answered, or an error.
struct Result
{
    std::string id;
    std::optional<Error> error;

    bool is(Errc code) const { return error && error->code == code; }
};

/// What a test calls. The user asked for is always "subject".
enum class Operation { get, create, find, erase };

asio::awaitable<Result> perform(Client& client, Operation operation, CallOptions options = {});
asio::awaitable<Result> get(Client& client, std::string id);
/// Creates a user with so many bytes of metadata.
asio::awaitable<Result> create_large(Client& client, std::size_t size, CallOptions options = {});

/// What is expected of a call.
struct Expected
{
    std::optional<Errc> error = std::nullopt; ///< None: success.
    std::optional<Stage> stage = std::nullopt;
    int status = 0;
    std::optional<Effect> effect = std::nullopt;
    std::optional<std::size_t> requests = std::nullopt; ///< Seen by the server, wholly or in part.
    std::optional<unsigned> attempts = std::nullopt;    ///< As the error has it.
    std::optional<bool> kept = std::nullopt;            ///< Whether the next call is made on the same connection.
};

/// One fault: what the server does, what is called, and what comes of it.
struct Case
{
    std::string name;
    Operation operation = Operation::get;
    std::vector<Script> scripts; ///< For the connections in turn; those after them are served properly.
    Expected expected;
    CallOptions options = {};
    std::function<void(Config&)> configure = {};
    std::function<asio::awaitable<Result>(Client&)> call = {}; ///< In place of `operation`.
    Pieces pieces = {};
    /// The connection has carried a call before, whose request counts as none: no time is spent on the handshake.
    bool warm = false;
};

/// What a run came to, for cases whose expectation is more than a value.
struct Observed
{
    Result result;
    std::vector<SeenRequest> requests; ///< Without those of the sentinel, and of the first call of a warm connection.
    std::size_t connections = 0;       ///< Before the sentinel call.
};

/// The versions of HTTP that the library speaks.
#if PASSAGE_HTTP2
inline constexpr std::array versions{HttpVersion::http1, HttpVersion::http2};
#else
inline constexpr std::array versions{HttpVersion::http1};
#endif

constexpr const char* name_of(HttpVersion version)
{
    return version == HttpVersion::http2 ? "HTTP/2" : "HTTP/1.1";
}

/// Runs cases against a server of its own. After each the same client makes a sentinel call, whose answer must be its
/// own, and every descriptor of the run must be closed again.
class Driver
{
public:
    /// The server speaks this version, and the client no other if it is HTTP/2.
    explicit Driver(bool secure = true, HttpVersion version = HttpVersion::http1);

    /// A configuration for the server, which repeats without waiting.
    Config config() const;
    ScriptServer& server() { return server_; }
    asio::io_context& context() { return context_; }
    HttpVersion version() const { return version_; }

    /// Restarts the script of the server with scripts for the next connections. Later connections are served properly.
    void plan(std::vector<Script> scripts = {});
    /// Answers requests with this once the server is told to go on; those for the user "warm" properly and at once.
    Script holding(std::string body);
    /// How many requests to create something the server saw since then, wholly or in part.
    std::size_t posts_seen() const;
    /// How many requests of all kinds, likewise.
    std::size_t requests_seen() const;
    /// How many connections and requests clients said to be over since then (GOAWAY and RST_STREAM of HTTP/2).
    std::size_t ends_seen() const;

    /// Runs the context until a coroutine has ended, and not longer.
    Result run(asio::awaitable<Result> call);
    /// Runs a case once, and checks what is expected of it.
    Observed run(const Case& what);
    /// Runs a case whole, byte by byte, and split at each point of a response of so many bytes (at random points if
    /// there are too many).
    void run_in_pieces(Case what, std::size_t size);

private:
    void settle();

    const HttpVersion version_;
#if PASSAGE_HTTP2
    std::optional<FrameServer> frames_; ///< If it speaks HTTP/2.
#endif
    asio::io_context context_{1};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool running_ = false;
    std::size_t sentinels_ = 0;
    ScriptServer server_; // last: its threads use the others
};

/// How many descriptors the program has open.
std::size_t open_descriptors();

/// Whether any text of an error has a part of the API key, in any form.
bool shows_key(const Error& error);

} // namespace passage::test
