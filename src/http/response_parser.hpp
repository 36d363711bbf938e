#pragma once

#include "http/response.hpp"

#include <passage/error.hpp>

#include <cstddef>
#include <memory>
#include <string_view>

namespace passage::http {

/// Limits on a response.
struct ResponseLimits
{
    std::size_t header_bytes;
    std::size_t header_fields;
    std::size_t body_bytes;
    std::size_t interim_responses;
};

/// Parses the response to one request (RFC 9112). Refuses what the RFC forbids, even where Beast's parser accepts it,
/// and limits every part.
class ResponseParser
{
public:
    explicit ResponseParser(const ResponseLimits& limits);
    ~ResponseParser();

    /// Prepares for the response to another request.
    void reset();

    enum class State { incomplete, complete, failed };

    /// Parses received bytes. `bytes` begins with those that earlier calls did not consume.
    ///
    /// Sets `consumed` to the number of bytes consumed. After `complete`, the rest is not part of the response.
    State put(std::string_view bytes, std::size_t& consumed);

    /// Ends the input. `clean` says that the peer announced the end (close_notify, RFC 8446, section 6.1).
    State put_end(bool clean);

    /// Returns the response. May be called once, after `complete`.
    Response take();

    /// The error after `failed`: `Errc::protocol`, `truncated` or `too_large`.
    const Error& error() const noexcept;

private:
    class Message;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace passage::http
