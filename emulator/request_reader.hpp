#pragma once

#include "routes.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace passage::emulator {

/// One HTTP request, read from bytes as they come: strictly (RFC 9112), and never more of it than a
/// request of this API needs. Knows no socket.
class RequestReader
{
public:
    RequestReader();
    ~RequestReader();

    enum class State {
        incomplete,
        head, ///< As incomplete, and the head is there, once, before any of a body that may be large.
        complete,
        refused,
    };

    /// Reads from the beginning of `input` and removes what it has read. After `head` it may have more to read of it.
    State put(std::string& input);
    /// Whether the client waits for a word (100) before it sends the rest.
    bool waits_for_continue() const;

    /// The answer to what is no request; once it was refused. What follows on the connection cannot
    /// be told apart any more.
    const Response& refusal() const { return refusal_; }

    /// Once the head is there; the body once it is complete. Refers to this reader.
    Request request() const;
    // Once it is complete:

    /// Whether the client may send a further one.
    bool keep_alive() const;

private:
    struct Parser;

    State refuse(unsigned status, std::string_view code, std::string_view text);

    std::unique_ptr<Parser> parser_;
    std::size_t wire_size_ = 0;
    Response refusal_;
};

} // namespace passage::emulator
