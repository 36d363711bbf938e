#pragma once

#include "http/response.hpp"

#include <passage/error.hpp>

#include <cstddef>
#include <memory>
#include <string_view>

namespace passage::http {

/// How much of a response is accepted.
struct ResponseLimits
{
    std::size_t header_bytes;
    std::size_t header_fields;
    std::size_t body_bytes;
    std::size_t interim_responses;
};

/// Reads the response to one request from bytes (RFC 9112), strictly: what Beast's parser lets pass but the RFC
/// forbids is refused, and everything is bounded.
class ResponseParser
{
public:
    explicit ResponseParser(const ResponseLimits& limits);
    ~ResponseParser();

    /// Makes ready for the response to a further request.
    void reset();

    /// How far the response is.
    enum class State { incomplete, complete, failed };

    /// Reads from the beginning of `bytes`, which are those not consumed so far and what came after them.
    ///
    /// Sets `consumed` to how many are done with. After `complete` the rest is not part of the response.
    State put(std::string_view bytes, std::size_t& consumed);

    /// Says that no more bytes come. `clean` tells that the peer said so itself (close_notify, RFC 8446, section 6.1).
    State put_end(bool clean);

    /// The response; only after `complete`, and once.
    Response take();

    /// Why it failed: `protocol`, `truncated` or `too_large`. Only after `failed`.
    const Error& error() const noexcept;

private:
    class Message;
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace passage::http
