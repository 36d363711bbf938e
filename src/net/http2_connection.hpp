#pragma once

#include "http2/session.hpp"
#include "net/connection.hpp"
#include "net/deadlines.hpp"
#include "net/stream.hpp"

#include <passage/config.hpp>

#include <functional>
#include <memory>
#include <string>

namespace passage::net {

/// A connection that speaks HTTP/2 (RFC 9113): each exchange is a stream.
///
/// It reads for all of them while one is under way, and while a PING is unanswered or calls wait for the server to
/// allow more streams: an idle connection keeps no execution context busy. What exchanges have to send is sent at the
/// end of a turn of the execution context, together.
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
    HttpVersion version() const noexcept override { return HttpVersion::http2; }

    // A stream's answer can't be another's.
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

    /// Whether there is something to read for.
    bool is_busy() const noexcept
    {
        return session_.has_open_streams() || session_.awaits_ping() ||
               (places_wanted_ && places() == 0 && !is_draining());
    }
    /// Takes in what came, as far as that goes in a bounded time.
    void read();
    void queue_flush();
    /// Sends what there is room for.
    void flush();
    /// Does what follows on events of the session.
    void settle();
    void start_wait();
    void watch();
    /// Tells of a change. The last thing to be done: it may close the connection.
    void tell_change();
    void interrupt(Interrupt why) override;

    const Strand strand_;
    const std::unique_ptr<Stream> stream_;
    http2::Session session_;
    const Http2Options options_;
    const std::shared_ptr<Deadlines> deadlines_;
    std::function<void()> changed_; ///< Empty once it is closed.
    const std::shared_ptr<Flusher> flusher_;
    bool flush_is_queued_ = false;
    /// Holds the calls that wait. Null while the socket is waited for: then the wait owns it.
    std::shared_ptr<Reader> idle_reader_;
    Reader& reader_;
    std::string unsent_;           ///< Frames.
    std::size_t unsent_begin_ = 0; ///< What is before was sent.
    bool blocked_ = false;         ///< There was no room to send.
    bool unfinished_ = false;      ///< A turn ended before there was something to wait for.
    bool waits_to_read_ = false;   ///< And for nothing else.
    bool distrusted_ = false;
    bool places_wanted_ = false;
    std::size_t told_places_ = 0;
    bool told_draining_ = false;
    Clock::time_point silent_since_;
    Clock::time_point ping_sent_; ///< Meaningful while a PING is unanswered.
    bool ping_is_timed_ = false;
};

} // namespace passage::net
