#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace passage::stress {

/// What a server does with a request, or behind its answer.
enum class Lie {
    none,
    split,           ///< Sends the answer in pieces.
    delayed,         ///< Answers a moment later.
    interim,         ///< Sends interim responses before the answer.
    chunked,         ///< Sends the answer in chunks.
    fills_buffer,    ///< Sends an answer of exactly 16,384 bytes.
    overfills,       ///< The same, and surplus bytes right behind it.
    surplus,         ///< Sends surplus bytes with the answer.
    surplus_record,  ///< Sends them in the same segment, in a TLS record of their own.
    surplus_at_once, ///< Sends another user's answer right after the answer.
    surplus_later,   ///< Sends it a moment later.
    wrong_first,     ///< Sends another one's answer, and the answer right behind it.
    wrong,           ///< Sends another one's answer.
    undecodable,     ///< Says that it acted, and not what came of it.
    cut,             ///< Ends the connection within the answer, or before it.
    reset_before,    ///< Resets the connection, or refuses the stream, and does not act.
    reset_after,     ///< Acts, and resets the connection.
    stops_reading,   ///< Ends the connection before it has read the request.
    closes,          ///< Answers, and says that it closes.
    closes_unsaid,   ///< Answers, and closes a moment later.
    gives_up_idle,   ///< Answers; a moment later it sends 408 and closes.
    garbage,         ///< Sends bytes that are no response.
    throttled,       ///< 429: does not act.
    misdirected,     ///< 421: does not act.
    gives_up,        ///< 408: does not act.
    failed,          ///< 500, 502, 503 or 504: acts or not.
    key_update,      ///< Renews its TLS keys before the answer, or behind it.
    tickets,         ///< Sends TLS session tickets before the answer, or behind it.
    stalls,          ///< Never answers.
};
inline constexpr std::size_t lie_count = 29;

std::string_view to_string(Lie lie);

/// A request that a server read, or at least the head of it.
struct Entry
{
    std::uint32_t number; ///< Of the call.
    std::uint32_t connection;
    Lie lie = Lie::none;
    bool looks_up = false; ///< It is the first of a call's two: it only looks for an identifier.
    bool acted = false;
    bool refused = false; ///< It said that it does not act, so that the request may be sent again.
    /// The connection had surplus bytes on it that the client could see before it sent this.
    bool spoiled = false;
    /// An answer that came before may have been taken for this one's.
    bool out_of_turn = false;
};

std::string to_string(const Entry& entry);

/// A service that lies, over TLS or plain HTTP, in HTTP/1.1 or HTTP/2. What would surprise a client over HTTP/2 in
/// another way, it does so: it resets streams, goes away, and sends frames where none may be. It renews no keys there.
///
/// What is done to a request depends on the seed, its call's number (see answers.hpp) and which one of that call it is.
///
/// Where a lie could not be told from an answer, none is made: an answer out of turn names a user whom no call is
/// about, and a status that says "not done" is out of turn only where it comes with the answer before (the client must
/// not use the connection again), or where the server does nothing more on that connection.
///
/// Runs on a thread of its own.
class LyingServer
{
public:
    LyingServer(bool secure, bool speaks_http2, std::size_t numbers, std::uint32_t seed);
    ~LyingServer();

    std::string base_url() const;
    std::string ca_pem() const;

    /// Waits until all connections are over, which needs the clients to be gone. What follows may be called then.
    void finish();

    /// All requests, in the order in which they came.
    const std::vector<Entry>& ledger() const;
    std::uint64_t count(Lie lie) const;
    /// Answers out of turn that may have come just after a request had left. Who asked for no user (a deletion, say)
    /// can't tell them from an answer.
    std::uint64_t late_answers() const;
    std::uint32_t connections() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace passage::stress
