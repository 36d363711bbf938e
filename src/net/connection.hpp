#pragma once

#include "http/response_parser.hpp"
#include "net/connect.hpp"
#include "net/stream.hpp"

#include <passage/expected.hpp>

#include <boost/beast/core/flat_buffer.hpp>

#include <string_view>

namespace passage::net {

/// What is known of an exchange while it goes on, and after it was broken off.
struct Progress
{
    Stage stage = Stage::none;
    bool request_sent = false;
    bool response_begun = false;
};

/// A connection to the server: it carries one request after the other.
class Connection
{
public:
    Connection(Socket socket, SslPtr ssl, const http::ResponseLimits& limits);

    /// Secures the connection.
    Task<std::optional<Failure>> handshake();

    /// Sends a request and reads its response; `progress` is kept current throughout.
    Task<expected<http::Response, Failure>> exchange(std::string_view request, Progress& progress);

    /// Whether the last exchange left the connection fit for another.
    bool is_reusable() const noexcept { return reusable_; }

    /// Whether the connection may be used now: it was not closed, and nothing came on it that nobody asked for.
    bool is_alive() { return reusable_ && stream_.is_quiet(); }

    /// Whether a request was sent on it before.
    bool was_used() const noexcept { return used_; }

private:
    /// Reads all that is there. None while the response is incomplete.
    std::optional<expected<http::Response, Failure>> read_response(Progress& progress);

    Stream stream_;
    http::ResponseParser parser_;
    boost::beast::flat_buffer received_;
    bool reusable_ = true;
    bool used_ = false;
};

} // namespace passage::net
