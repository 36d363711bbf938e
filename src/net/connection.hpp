#pragma once

#include "http/response_parser.hpp"
#include "model/progress.hpp"
#include "net/connect.hpp"
#include "net/stream.hpp"

#include <passage/expected.hpp>
#include <passage/observer.hpp>

#include <string>
#include <string_view>

namespace passage::net {

/// The failure of a wait on a connection.
Failure connection_lost(error_code cause);

/// A connection to the server: it carries one request after the other.
class Connection
{
public:
    Connection(const Strand& strand, Socket socket, SslPtr ssl, const http::ResponseLimits& limits);

    /// Secures the connection.
    Task<std::optional<Failure>> handshake();

    /// Begins an exchange by sending what can be sent at once; `request` must stay valid until it is over, `progress`
    /// is kept current. Then `advance` is due: after a wait, unless sending failed, for then there is nothing to wait
    /// for.
    bool begin(std::string_view request, Progress& progress);

    /// Sends the rest and reads the response, as far as that goes without waiting, and in a bounded time. None if there
    /// is more to wait for.
    std::optional<expected<http::Response, Failure>> advance(Progress& progress);

    /// Resumes who waits when `advance` has something to do.
    void wait(std::shared_ptr<Resumable> who);

    /// Ends a wait early.
    void cancel() { stream_.cancel(); }

    /// An answer on it was another request's: an exchange under way fails, and there is no other.
    void distrust();

    /// Whether the last exchange left the connection fit for another.
    bool is_reusable() const noexcept { return reusable_; }

    /// Whether the connection may be used now: it was not closed, and nothing came on it that nobody asked for.
    bool is_alive() { return reusable_ && stream_.is_quiet(); }

    /// Whether a request was sent on it before.
    bool was_used() const noexcept { return exchanges_ > 0; }
    /// How many exchanges began on it.
    unsigned exchanges() const noexcept { return exchanges_; }

    /// Whether the next answer can only be the next request's. Not so after an answer that named nobody: it may have
    /// come out of turn, and then all that follow do.
    bool is_in_step() const noexcept { return in_step_; }
    void set_in_step(bool in_step) noexcept { in_step_ = in_step; }

    /// How it was made.
    ConnectionTimings timings;

private:
    /// Whether the system has the whole request.
    bool is_sent() const noexcept { return unsent_.empty() && !stream_.has_unsent(); }
    void begin_turn() noexcept;
    /// Sends what there is room for.
    void send(Progress& progress);
    /// Reads what is there. None while the response is incomplete.
    std::optional<expected<http::Response, Failure>> read_response(Progress& progress);
    http::ResponseParser::State parse(std::string_view bytes);

    Stream stream_;
    std::string_view unsent_; ///< Of the request.
    bool blocked_ = false;    ///< There was no room to send.
    bool unfinished_ = false; ///< A turn ended before there was something to wait for.
    bool waits_to_send_ = false;
    std::uint64_t sent_before_ = 0;
    std::optional<Failure> write_failure_;
    http::ResponseParser parser_;
    std::string unparsed_; ///< What came and is not yet looked at, as lines of a header are looked at as a whole.
    bool reusable_ = true;
    unsigned exchanges_ = 0;
    bool distrusted_ = false;
    bool in_step_ = true;
};

} // namespace passage::net
