#pragma once

#include "tls_client.hpp"

#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_session;

/// What was received on one stream.
struct Http2Reply
{
    unsigned status = 0;
    std::map<std::string, std::string> fields; ///< of the last head
    std::vector<unsigned> informational;       ///< statuses of those before
    std::string body;
    bool complete = false;              ///< The answer is whole.
    std::optional<std::uint32_t> reset; ///< The code of RST_STREAM, if one came.

    boost::json::value json() const;
    /// Of an error answer.
    std::string code() const;
};

struct GoAway
{
    std::int32_t last;
    std::uint32_t code;
    friend bool operator==(const GoAway&, const GoAway&) = default;
};

/// A client that speaks HTTP/2 over one verified TLS connection, and blocks.
class Http2Client
{
public:
    using Fields = std::vector<std::pair<std::string, std::string>>;

    /// `window` is that of each stream; the connection's is as large as can be.
    Http2Client(std::uint16_t port, const std::string& ca_pem, std::uint32_t window = 65'535);
    ~Http2Client();

    /// Sends a request with the fields that every request needs, and returns its stream.
    std::int32_t submit(std::string_view method, std::string_view target, std::string_view key,
                        std::string_view body = {}, const Fields& more = {});
    /// Sends just these fields, and the body if there is one; without an end if `open`.
    std::int32_t submit(const Fields& fields, std::string_view body = {}, bool open = false);
    /// Sends the rest of a body that was left open.
    void finish(std::int32_t stream, std::string_view body);
    /// Sends what was submitted: as much as the server's windows allow.
    void flush();
    /// Waits for the stream to end, or the connection.
    const Http2Reply& wait(std::int32_t stream);
    const Http2Reply& call(std::string_view method, std::string_view target, std::string_view key,
                           std::string_view body = {});
    const Http2Reply& reply(std::int32_t stream) { return replies_[stream]; }
    /// Takes in what comes until this is so, or the connection ends.
    void receive_until(const std::function<bool()>& condition);
    /// Waits for the end of the connection; true if it was one in the way of TLS.
    bool is_ended();

    /// Whether all of the body of a request was sent.
    bool is_uploaded(std::int32_t stream) const;

    void ping();
    void cancel(std::int32_t stream);

    const std::vector<GoAway>& goaways() const { return goaways_; }
    /// Streams in the order in which they ended.
    const std::vector<std::int32_t>& ended() const { return ended_; }
    std::optional<std::uint32_t> setting(std::int32_t id) const;
    std::size_t pongs() const { return pongs_; }
    /// How the connection has ended.
    const std::optional<boost::system::error_code>& end() const { return end_; }
    TlsClient& tls() { return tls_; }

private:
    struct Callbacks;
    struct Deleter
    {
        void operator()(nghttp2_session* session) const;
    };
    struct Upload
    {
        std::string body;
        std::size_t read = 0;
        bool open = false;
    };

    TlsClient tls_;
    std::unique_ptr<nghttp2_session, Deleter> session_;
    std::map<std::int32_t, Http2Reply> replies_;
    std::map<std::int32_t, std::unique_ptr<Upload>> uploads_;
    std::vector<GoAway> goaways_;
    std::vector<std::int32_t> ended_;
    std::map<std::int32_t, std::uint32_t> settings_;
    std::size_t pongs_ = 0;
    std::optional<boost::system::error_code> end_;
};
