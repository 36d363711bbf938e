#pragma once

#include "http2/session.hpp"
#include "net/connection.hpp"
#include "net/deadlines.hpp"
#include "net/stream.hpp"

#include <passage/config.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <memory_resource>
#include <string>

namespace passage::net {

/// An HTTP/2 connection (RFC 9113). Each exchange is a stream.
///
/// One wait for the socket serves all exchanges. It is pending while there is an exchange, while a PING is not
/// answered, and while calls wait for the server to allow more streams. It is not pending on an idle connection, which
/// thus does not keep an execution context from running out of work. Frames are sent together, at the end of a turn of
/// the execution context.
class Http2Connection final : public Connection,
                              public std::enable_shared_from_this<Http2Connection>,
                              private Deadlines::Watched
{
public:
    static std::shared_ptr<Http2Connection> create(const Strand& strand, std::unique_ptr<Stream> stream,
                                                   std::shared_ptr<const http::CommonFields> common,
                                                   const http2::SessionOptions& session, const Http2Options& options,
                                                   std::shared_ptr<Deadlines> deadlines);

    void on_change(std::function<void()> changed) override;
    bool take_change() noexcept override;
    void want_places(bool wanted) override;
    bool begin(Exchange& exchange) override;
    std::optional<Result> advance(Exchange& exchange) override;
    void wait(Exchange& exchange, std::shared_ptr<ParkedCall> call) override;
    void cancel(Exchange& exchange) override;
    bool end(Exchange& exchange, bool keep) override;
    void distrust() override;
    bool check_alive() override;
    void close() noexcept override;

    std::size_t places() const noexcept override { return session_.places(); }
    std::size_t max_places() const noexcept override { return session_.max_streams(); }
    bool is_draining() const noexcept override { return distrusted_ || session_.is_draining(); }
    bool was_answered() const noexcept override { return answered_; }
    HttpVersion version() const noexcept override { return HttpVersion::http2; }

    // The id of a stream says which request a response belongs to.
    bool is_in_step() const noexcept override { return true; }
    void set_in_step(bool) noexcept override {}
    bool was_in_step(unsigned) override { return true; }

private:
    class Reader;
    class Flusher;
    struct StreamState;

    Http2Connection(const Strand& strand, std::unique_ptr<Stream> stream,
                    std::shared_ptr<const http::CommonFields> common, const http2::SessionOptions& session,
                    const Http2Options& options, std::shared_ptr<Deadlines> deadlines);

    /// Whether to wait for the socket.
    bool is_busy() const noexcept
    {
        return session_.has_open_streams() || session_.awaits_ping() ||
               (places_wanted_ && places() == 0 && !is_draining());
    }
    /// Reads until the socket is not readable or the turn has reached its limit. `waits` is that of
    /// `Stream::begin_turn`.
    void read(bool waits);
    void queue_flush();
    /// Sends until nothing is pending, the socket is not writable, or the turn has reached its limit.
    void flush();
    /// Resumes the calls whose streams have ended, and starts or ends the wait for the socket.
    void settle();
    void start_wait();
    void watch();
    /// When an unanswered PING ends the connection. While there are calls, any bytes are a sign of life: the answer may
    /// be behind them.
    Clock::time_point ping_limit() const noexcept;
    /// Calls `changed_` after a change. The function may close the connection, so nothing may follow.
    void tell_change();
    void interrupt(Interrupt why) override;

    const Strand strand_;
    const std::unique_ptr<Stream> stream_;
    http2::Session session_;
    const Http2Options options_;
    const std::shared_ptr<Deadlines> deadlines_;
    std::function<void()> changed_; ///< Empty if the connection is closed.
    const std::shared_ptr<Flusher> flusher_;
    bool flush_is_queued_ = false;
    /// Null during a wait for the socket, which then owns the reader.
    std::shared_ptr<Reader> idle_reader_;
    Reader& reader_;
    std::pmr::string unsent_;      ///< Frames that the stream has not accepted. They may contain the API key.
    std::size_t unsent_begin_ = 0; ///< Where they begin in `unsent_`.
    bool blocked_ = false;         ///< The socket was not writable.
    bool unfinished_ = false;      ///< The last turn reached its limit.
    bool waits_to_read_ = false;   ///< The current wait is only for reading.
    bool distrusted_ = false;
    bool answered_ = false; ///< `was_answered`
    bool places_wanted_ = false;
    std::size_t told_places_ = 0;
    bool told_draining_ = false;
    Clock::time_point silent_since_;
    Clock::time_point ping_sent_;  ///< Of the PING that is not answered.
    std::uint64_t timed_ping_ = 0; ///< The number of that PING.
};

} // namespace passage::net
