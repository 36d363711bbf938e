#pragma once

#include "http/response_parser.hpp"
#include "net/connection.hpp"
#include "net/stream.hpp"

#include <passage/secret.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace passage::net {

/// An HTTP/1.1 connection (RFC 9112). It has one exchange at a time.
class Http1Connection final : public Connection
{
public:
    /// `writer` must outlive the connection.
    Http1Connection(std::unique_ptr<Stream> stream, const http::RequestWriter& writer,
                    const http::ResponseLimits& limits);

    bool begin(Exchange& exchange) override;
    std::optional<Result> advance(Exchange& exchange) override;
    void wait(Exchange& exchange, std::shared_ptr<ParkedCall> call) override;
    void cancel(Exchange&) override { stream_->cancel(); }
    bool end(Exchange& exchange, bool keep) override;
    void distrust() override;
    bool check_alive() override { return reusable_ && stream_->check_quiet(); }
    void close() noexcept override {}

    void on_change(std::function<void()>) override {}
    bool take_change() noexcept override { return false; }
    void want_places(bool) override {}
    std::size_t places() const noexcept override { return 1; }
    std::size_t max_places() const noexcept override { return 1; }
    bool is_draining() const noexcept override { return !reusable_; }
    bool was_answered() const noexcept override { return was_used(); } // otherwise it is not used again
    HttpVersion version() const noexcept override { return HttpVersion::http1; }

    bool is_in_step() const noexcept override { return in_step_; }
    void set_in_step(bool in_step) noexcept override { in_step_ = in_step; }
    bool was_in_step(unsigned exchange) override { return exchanges() == exchange ? check_alive() : in_step_; }

private:
    /// Whether the whole request was passed to the system.
    bool is_sent() const noexcept { return unsent_.empty() && !stream_->has_unsent(); }
    void begin_turn() noexcept;
    /// Before the first request: whether nothing has arrived from the server and the connection has not failed. A
    /// response that is there already belongs to no request.
    bool check_first();
    /// Sends until the socket is not writable.
    void send(Progress& progress);
    /// Reads, and checks whether the connection is reusable. Returns nullopt if the exchange must wait.
    std::optional<Result> end_turn(Progress& progress);
    /// Reads until the socket is not readable. Returns nullopt if the response is incomplete.
    std::optional<Result> read_response(Progress& progress);
    http::ResponseParser::State parse(std::string_view bytes);

    const std::unique_ptr<Stream> stream_;
    const http::RequestWriter& writer_;
    Secret request_;          ///< Empty between exchanges.
    std::string_view unsent_; ///< The rest of `request_`.
    bool blocked_ = false;    ///< The socket was not writable.
    bool unfinished_ = false; ///< The last turn reached its limit.
    bool waits_to_send_ = false;
    std::uint64_t sent_before_ = 0;
    std::optional<Failure> early_failure_; ///< Nothing was sent because of it.
    std::optional<Failure> write_failure_;
    http::ResponseParser parser_;
    std::string unparsed_; ///< Received bytes that the parser has not consumed, such as part of a header.
    bool reusable_ = true;
    bool distrusted_ = false;
    bool in_step_ = true;
};

} // namespace passage::net
