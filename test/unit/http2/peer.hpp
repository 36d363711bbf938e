#pragma once

#include "http2/session.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_session;

namespace passage::http2::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// A header field as bytes: a literal without indexing (RFC 7541, section 6.2.2).
std::string field_bytes(std::string_view name, std::string_view value);

/// A frame as bytes (RFC 9113, section 4.1).
std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);

/// HEADERS of a response, complete in one frame.
std::string response_head(std::uint32_t stream, int status, const Fields& fields = {}, bool ends = false);
std::string data(std::uint32_t stream, std::string_view bytes, bool ends = true);
std::string settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries = {});
std::string goaway(std::uint32_t last_stream, std::uint32_t error_code = 0);
std::string rst_stream(std::uint32_t stream, std::uint32_t error_code);
std::string ping_ack();

/// What a server reads of the session's bytes.
class Peer
{
public:
    struct Request
    {
        Fields fields;
        std::vector<std::string> never_indexed; ///< Names.
        std::string body;
        bool complete = false;
        std::optional<std::uint32_t> reset; ///< The code of RST_STREAM.
    };

    Peer();
    ~Peer();

    /// Reads all that the session has to send.
    void read_from(Session& session);

    std::map<std::int32_t, Request> requests;
    std::map<std::uint16_t, std::uint32_t> client_settings;
    std::uint32_t window_update = 0; ///< Of the connection.
    unsigned pings = 0;              ///< Without answers to the server's own.
    std::optional<std::uint32_t> goaway;

private:
    struct Callbacks;
    struct Deleter
    {
        void operator()(nghttp2_session* session) const noexcept;
    };
    std::unique_ptr<nghttp2_session, Deleter> session_;
};

} // namespace passage::http2::test
