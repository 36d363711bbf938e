#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

struct nghttp2_session;

namespace passage::stress {

/// A server's end of an HTTP/2 connection: bytes come in, requests come out; answers go in, bytes go out. No socket.
///
/// Requests and answers have the form that they have over HTTP/1.1, so that both are understood alike.
class Http2End
{
public:
    struct Request
    {
        std::int32_t id = 0;
        std::string head; ///< Without the empty line.
        std::string body;
    };

    /// `streams`: how many the client may have open.
    explicit Http2End(std::uint32_t streams);
    ~Http2End();
    Http2End(const Http2End&) = delete;
    Http2End& operator=(const Http2End&) = delete;

    /// False if the client broke the rules.
    bool receive(std::string_view bytes);
    /// What is to be sent; empty if that is nothing.
    std::string take_output();

    /// Requests that are whole and were not taken yet.
    std::deque<Request> requests;

    // All are no-ops for a stream that is over.

    void respond(std::int32_t id, std::string_view response);
    /// The head alone. The body follows by `append`.
    void begin_response(std::int32_t id, std::string_view response);
    void append(std::int32_t id, std::string_view part, bool is_last);
    void interim(std::int32_t id, int status);
    void reset(std::int32_t id, std::uint32_t error_code);
    /// Takes no streams but those that have begun.
    void go_away();

private:
    struct Callbacks;
    struct Body
    {
        std::string unsent;
        bool whole = false;
    };
    struct Deleter
    {
        void operator()(nghttp2_session* session) const noexcept;
    };

    std::int32_t last_stream_; ///< As GOAWAY says: later ones are not taken.
    std::map<std::int32_t, Request> incoming_;
    std::map<std::int32_t, Body> bodies_; ///< By open stream.
    std::unique_ptr<nghttp2_session, Deleter> session_;
};

/// A frame (RFC 9113, section 4.1) with whatever is in it.
std::string frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream, std::string_view payload);
/// A field as it is in the payload of HEADERS; both texts are shorter than 127 bytes.
std::string literal_field(std::string_view name, std::string_view value);

} // namespace passage::stress
