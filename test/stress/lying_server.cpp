#include "lying_server.hpp"

#include "answers.hpp"
#include "dice.hpp"
#include "support/certificates.hpp"

#include <passage/detail/build.hpp>
#if PASSAGE_HTTP2
#include "http2_end.hpp"

#include <nghttp2/nghttp2.h>
#endif

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <charconv>
#include <functional>
#include <limits>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

namespace passage::stress {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace asio::experimental::awaitable_operators;
using std::chrono::microseconds;
constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

struct Kind
{
    Lie lie;
    std::string_view name;
    unsigned weight; ///< Of 10,000 requests.
};

constexpr std::array<Kind, lie_count> kinds{{
    {Lie::none, "none", 0}, // the rest
    {Lie::split, "split", 500},
    {Lie::delayed, "delayed", 200},
    {Lie::interim, "interim", 150},
    {Lie::chunked, "chunked", 250},
    {Lie::fills_buffer, "fills_buffer", 100},
    {Lie::overfills, "overfills", 60},
    {Lie::surplus, "surplus", 120},
    {Lie::surplus_record, "surplus_record", 120},
    {Lie::surplus_at_once, "surplus_at_once", 60},
    {Lie::surplus_later, "surplus_later", 60},
    {Lie::wrong_first, "wrong_first", 60},
    {Lie::wrong, "wrong", 60},
    {Lie::undecodable, "undecodable", 40},
    {Lie::cut, "cut", 100},
    {Lie::reset_before, "reset_before", 40},
    {Lie::reset_after, "reset_after", 40},
    {Lie::stops_reading, "stops_reading", 100},
    {Lie::closes, "closes", 40},
    {Lie::closes_unsaid, "closes_unsaid", 120},
    {Lie::gives_up_idle, "gives_up_idle", 60},
    {Lie::garbage, "garbage", 30},
    {Lie::throttled, "throttled", 100},
    {Lie::misdirected, "misdirected", 60},
    {Lie::gives_up, "gives_up", 30},
    {Lie::failed, "failed", 120},
    {Lie::key_update, "key_update", 120},
    {Lie::tickets, "tickets", 120},
    {Lie::stalls, "stalls", 1},
}};

/// An answer about another one than was asked for.
std::string wrong_answer(const Request& request, std::uint32_t other)
{
    if (request.ask == Ask::app)
        return response(200, {}, R"({"app":{"id":"another","name":"another"}})");
    return answer(request, other);
}

std::string another_user(std::uint32_t other)
{
    Request request;
    request.ask = Ask::user;
    return answer(request, other);
}

std::string chunked_answer(const Request& request, std::uint32_t number, Dice& dice)
{
    if (request.ask == Ask::nothing)
        return answer(request, number);
    std::string text = "HTTP/1.1 200 S\r\nTransfer-Encoding: chunked\r\n\r\n";
    std::string body = body_of(request, number);
    while (!body.empty()) {
        const std::size_t size = 1 + dice.below(body.size());
        std::array<char, 16> digits;
        text.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr);
        text.append("\r\n").append(body, 0, size).append("\r\n");
        body.erase(0, size);
    }
    return text + "0\r\n\r\n";
}

/// A response of so many bytes in all.
std::string long_answer(const Request& request, std::uint32_t number, std::size_t size)
{
    if (request.ask == Ask::nothing)
        return answer(request, number);
    std::string body = body_of(request, number);
    body.pop_back();
    body += R"(,"filler":"")"
            "}";
    const std::string short_one = response(200, {}, body + std::string(10'000, 'x'));
    body.insert(body.size() - 2, size - short_one.size() + 10'000, 'x');
    return response(200, {}, body);
}

/// What comes behind an answer that the client can see before it sends its next request: it must not use the
/// connection again, so this may be anything.
std::string surplus(const std::string& own, std::uint32_t other, Dice& dice)
{
    switch (dice.below(8)) {
    case 0:
        return own;
    case 1:
        return "HTTP/1.1 204 S\r\n\r\n";
    case 2:
        return response(429, "Retry-After: 0\r\n", "");
    case 3:
        return response(404, {}, R"({"code":"user_not_found","error":"No such user."})");
    case 4:
        return response(503, "Retry-After: 0\r\n", "");
    case 5:
        return "HTTP/1.1 100 S\r\n\r\n";
    case 6:
        return "\n";
    default:
        return another_user(other);
    }
}

} // namespace

std::string_view to_string(Lie lie)
{
    return kinds[static_cast<std::size_t>(lie)].name;
}

std::string to_string(const Entry& entry)
{
    return "on connection " + std::to_string(entry.connection) + (entry.looks_up ? ", a lookup" : "") + ", lie " +
           std::string{to_string(entry.lie)} + (entry.acted ? ", acted" : ", did not act") +
           (entry.spoiled ? ", behind surplus bytes" : "");
}

class LyingServer::Impl
{
public:
    Impl(bool secure, bool speaks_http2, std::size_t numbers, std::uint32_t seed)
        : secure_{secure},
          speaks_http2_{speaks_http2},
          seed_{seed},
          numbers_{static_cast<std::uint32_t>(numbers)},
          requests_of_(numbers)
    {
        test::CertificateSpec of_authority;
        of_authority.common_name = "passage stress authority";
        of_authority.names.clear();
        of_authority.is_authority = true;
        authority_ = test::make_identity(of_authority, nullptr);
        identity_ = test::make_identity(test::CertificateSpec{}, &authority_);
        SSL_CTX* const tls = tls_.native_handle();
        if (SSL_CTX_use_certificate(tls, identity_.certificate.get()) != 1 ||
            SSL_CTX_use_PrivateKey(tls, identity_.key.get()) != 1)
            throw std::runtime_error{"the server's certificate can't be used"};
        if (speaks_http2_)
            SSL_CTX_set_alpn_select_cb(tls, &choose_http2, nullptr);
        port_ = acceptor_.local_endpoint().port();
        asio::co_spawn(context_, accept(), rethrow);
        thread_ = std::thread{[this] { context_.run(); }};
    }

    ~Impl() { finish(); }

    void finish()
    {
        if (!thread_.joinable())
            return;
        asio::post(context_, [this] { acceptor_.close(); });
        thread_.join(); // its context runs out of work with the last connection
    }

    std::string base_url() const
    {
        return (secure_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_) + "/v1";
    }
    std::string ca_pem() const { return test::to_pem(authority_); }

    std::vector<Entry> ledger_;
    std::array<std::uint64_t, lie_count> counts_{};
    std::uint64_t late_answers_ = 0;
    std::uint32_t connections_ = 0;

private:
    using Tls = asio::ssl::stream<tcp::socket>;

    static int choose_http2(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char*, unsigned,
                            void*)
    {
        static constexpr unsigned char h2[]{'h', '2'};
        *chosen = h2;
        *size = sizeof h2;
        return SSL_TLSEXT_ERR_OK;
    }

    static void rethrow(std::exception_ptr error)
    {
        if (error)
            std::rethrow_exception(error);
    }

    /// A connection, as what is done on it needs it.
    template <class Stream>
    struct Peer
    {
        Peer(Stream of, std::uint32_t its_number) : stream{std::move(of)}, number{its_number} {}

        Stream stream;
        std::uint32_t number;
        std::uint32_t requests = 0;
        bool spoiled = false;
        bool out_of_turn = false; ///< An answer came when another request may have left: all that follow may be late.
        std::string received;

        tcp::socket& socket()
        {
            if constexpr (std::is_same_v<Stream, Tls>)
                return stream.next_layer();
            else
                return stream;
        }
    };

    asio::awaitable<void> accept()
    {
        for (;;) {
            auto [ec, socket] = co_await acceptor_.async_accept(as_tuple);
            if (ec == asio::error::operation_aborted)
                co_return;
            if (ec)
                continue;
            boost::system::error_code ignored;
            socket.set_option(tcp::no_delay{true}, ignored);
            const std::uint32_t number = connections_++;
            if (secure_)
                asio::co_spawn(context_, serve(std::make_unique<Peer<Tls>>(Tls{std::move(socket), tls_}, number)),
                               rethrow);
            else
                asio::co_spawn(context_, serve(std::make_unique<Peer<tcp::socket>>(std::move(socket), number)),
                               rethrow);
        }
    }

    template <class Stream>
    asio::awaitable<void> serve(std::unique_ptr<Peer<Stream>> owned)
    {
        Peer<Stream>& peer = *owned;
        Dice dice{seed_, 1, peer.number};
        if constexpr (std::is_same_v<Stream, Tls>) {
            const auto [failed] = co_await peer.stream.async_handshake(asio::ssl::stream_base::server, as_tuple);
            if (failed)
                co_return;
        }
#if PASSAGE_HTTP2
        if (speaks_http2_)
            co_return co_await serve_http2(std::make_shared<Http2Peer<Stream>>(std::move(owned)));
#endif
        if (dice.chance(4)) { // before anything was asked
            note_late_answer(peer);
            co_await send(peer, another_user(other()));
        }
        while (co_await handle(peer)) {
        }
    }

    /// False when the connection is over.
    template <class Stream>
    asio::awaitable<bool> handle(Peer<Stream>& peer)
    {
        Dice of_connection{seed_, 2, peer.number, peer.requests++};
        const bool stops_in_head = of_connection.chance(2);
        std::size_t head_end = 0;
        while ((head_end = peer.received.find("\r\n\r\n")) == peer.received.npos) {
            if (!co_await receive(peer))
                co_return false;
            if (stops_in_head)
                co_return co_await end(peer, of_connection);
        }
        Request request = read_head({peer.received.data(), head_end});
        peer.received.erase(0, head_end + 4);
        if (!request.number) {
            if (!co_await receive(peer, request.body_size))
                co_return false;
            request.number = number_in_body(peer.received);
            if (!request.number)
                throw std::runtime_error{"a request is of no call"};
        }

        Dice dice{seed_, 3, *request.number, requests_of_.at(*request.number)++};
        Entry entry{*request.number, peer.number, choose_lie(request, dice)};
        entry.looks_up = request.ask == Ask::found_user;
        entry.spoiled = peer.spoiled && !peer.out_of_turn;
        entry.out_of_turn = peer.out_of_turn;
        ++counts_[static_cast<std::size_t>(entry.lie)];
        const std::size_t place = ledger_.size();
        ledger_.push_back(entry);

        if (entry.lie == Lie::stops_reading)
            co_return co_await end(peer, dice);
        if (!co_await receive(peer, request.body_size))
            co_return false;
        peer.received.erase(0, request.body_size);
        co_return co_await answer_with(peer, request, place, dice);
    }

    Lie choose_lie(const Request& request, Dice& dice) const
    {
        const std::uint64_t at = dice.below(10'000);
        std::uint64_t end = 0;
        Lie lie = Lie::none;
        for (const Kind& kind : kinds) {
            end += kind.weight;
            if (at < end) {
                lie = kind.lie;
                break;
            }
        }
        switch (lie) {
        case Lie::stops_reading:
            return request.body_size > 0 ? lie : Lie::none;
        case Lie::wrong:
        case Lie::wrong_first:
            return request.shows_lies() ? lie : Lie::none;
        case Lie::key_update:
        case Lie::tickets:
            return secure_ ? lie : Lie::none;
        default:
            return lie;
        }
    }

    template <class Stream>
    asio::awaitable<bool> answer_with(Peer<Stream>& peer, const Request& request, std::size_t place, Dice& dice)
    {
        const std::uint32_t number = *request.number;
        const Lie lie = ledger_[place].lie;
        const auto act = [&](bool acts = true) { ledger_[place].acted = acts; };
        const std::string own = answer(request, number);
        switch (lie) {
        case Lie::none:
            act();
            co_return co_await send(peer, own);
        case Lie::split: {
            act();
            std::string_view rest = own;
            while (!rest.empty()) {
                const std::size_t size = 1 + dice.below(rest.size());
                if (!co_await send(peer, rest.substr(0, size)))
                    co_return false;
                rest.remove_prefix(size);
                if (dice.below(2) == 0)
                    co_await pause(dice, microseconds{200});
            }
            co_return true;
        }
        case Lie::delayed:
            act();
            co_await pause(dice, microseconds{3000});
            co_return co_await send(peer, own);
        case Lie::interim:
            act();
            co_return co_await send(peer, "HTTP/1.1 103 S\r\nLink: </>\r\n\r\nHTTP/1.1 100 S\r\n\r\n" + own);
        case Lie::chunked:
            act();
            co_return co_await send(peer, chunked_answer(request, number, dice));
        case Lie::fills_buffer:
            act();
            co_return co_await send(peer, long_answer(request, number, 16'384));
        case Lie::overfills:
            act();
            peer.spoiled = true;
            co_return co_await send_in_one_segment(peer, long_answer(request, number, 16'384),
                                                   surplus(own, other(), dice));
        case Lie::surplus:
            act();
            peer.spoiled = true;
            co_return co_await send(peer, own + surplus(own, other(), dice));
        case Lie::surplus_record:
            act();
            peer.spoiled = true;
            co_return co_await send_in_one_segment(peer, own, surplus(own, other(), dice));
        case Lie::surplus_at_once:
            act();
            note_late_answer(peer);
            if (!co_await send(peer, own))
                co_return false;
            co_return co_await send(peer, late_answer(request, own, dice));
        case Lie::surplus_later:
            act();
            note_late_answer(peer);
            if (!co_await send(peer, own))
                co_return false;
            co_await pause(dice, microseconds{500});
            co_return co_await send(peer, late_answer(request, own, dice));
        case Lie::wrong_first:
            act(dice.below(2) == 0);
            peer.spoiled = true;
            co_return co_await send(peer, wrong_answer(request, other()) + own);
        case Lie::wrong:
            act(dice.below(2) == 0);
            co_return co_await send(peer, wrong_answer(request, other()));
        case Lie::undecodable: {
            act();
            const std::string half = request.ask == Ask::nothing ? own : response(200, {}, R"({"user":)");
            co_return co_await send(peer, half);
        }
        case Lie::cut:
            act(dice.below(4) != 0);
            co_await send(peer, std::string_view{own}.substr(0, dice.below(own.size())));
            co_return co_await end(peer, dice);
        case Lie::reset_after:
            act();
            [[fallthrough]];
        case Lie::reset_before:
            reset(peer.socket());
            co_return false;
        case Lie::closes:
            act();
            co_await send(peer, answer(request, number, "Connection: close\r\n"));
            co_return co_await end(peer, dice);
        case Lie::closes_unsaid:
            act();
            co_await send(peer, own);
            co_await pause(dice, microseconds{300});
            co_return co_await end(peer, dice);
        case Lie::gives_up_idle:
            act();
            co_await send(peer, own);
            co_await pause(dice, microseconds{300});
            co_await send(peer, response(408, "Connection: close\r\n", ""));
            co_return co_await end(peer, dice);
        case Lie::garbage:
            act(dice.below(2) == 0);
            co_await send(peer, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
            co_return co_await end(peer, dice);
        case Lie::throttled:
            co_return co_await send(
                peer, response(429, "Retry-After: 0\r\n", R"({"code":"rate_limited","error":"Slow down."})"));
        case Lie::misdirected:
            co_return co_await send(peer, response(421, {}, ""));
        case Lie::gives_up:
            co_return co_await send(peer, response(408, {}, ""));
        case Lie::failed: {
            act(dice.below(2) == 0);
            constexpr std::array statuses{500, 502, 503, 504};
            co_return co_await send(peer, response(statuses[dice.below(statuses.size())], {}, "<html>failed</html>"));
        }
        case Lie::key_update:
        case Lie::tickets: {
            act();
            const bool before = dice.below(2) == 0;
            if (before)
                co_await speak_tls(peer, lie, dice);
            if (!co_await send(peer, own))
                co_return false;
            if (!before)
                co_await speak_tls(peer, lie, dice);
            co_return true;
        }
        case Lie::stalls:
            act(dice.below(2) == 0);
            while (co_await receive(peer)) {
            }
            co_return false;
        case Lie::stops_reading:
            break;
        }
        co_return false;
    }

#if PASSAGE_HTTP2
    /// Few, so that each connection that ends takes few calls along.
    static constexpr std::uint32_t streams = 8;

    /// A connection over HTTP/2.
    template <class Stream>
    struct Http2Peer
    {
        explicit Http2Peer(std::unique_ptr<Peer<Stream>> of) : transport{std::move(of)} {}

        std::unique_ptr<Peer<Stream>> transport;
        Http2End end{streams};
        std::string raw; ///< To be sent behind all frames, as it is.
        bool is_sending = false;
        bool is_over = false;
    };
    template <class Stream>
    using Http2PeerPtr = std::shared_ptr<Http2Peer<Stream>>;

    template <class Stream>
    asio::awaitable<void> serve_http2(Http2PeerPtr<Stream> peer)
    {
        flush(peer);
        while (!peer->is_over && co_await receive(*peer->transport)) {
            const bool good = peer->end.receive(std::exchange(peer->transport->received, {}));
            for (auto& requests = peer->end.requests; !requests.empty(); requests.pop_front())
                asio::co_spawn(context_, handle_http2(peer, std::move(requests.front())), rethrow);
            flush(peer);
            if (!good)
                throw std::runtime_error{"the client breaks the rules of HTTP/2"};
        }
        end_http2(*peer, false);
    }

    /// Sends what there is, in the background.
    template <class Stream>
    void flush(const Http2PeerPtr<Stream>& peer)
    {
        if (!peer->is_over && !std::exchange(peer->is_sending, true))
            asio::co_spawn(context_, send_frames(peer), rethrow);
    }

    template <class Stream>
    asio::awaitable<void> send_frames(Http2PeerPtr<Stream> peer)
    {
        for (bool sent = true; sent && !peer->is_over;) {
            const std::string bytes = peer->end.take_output() + std::exchange(peer->raw, {});
            if (bytes.empty())
                break;
            sent = co_await send(*peer->transport, bytes);
        }
        peer->is_sending = false;
    }

    template <class Stream>
    static void end_http2(Http2Peer<Stream>& peer, bool resets)
    {
        peer.is_over = true;
        boost::system::error_code ignored;
        if (resets)
            reset(peer.transport->socket());
        else
            peer.transport->socket().close(ignored);
    }

    template <class Stream>
    asio::awaitable<void> handle_http2(Http2PeerPtr<Stream> peer, Http2End::Request asked)
    {
        Request request = read_head(asked.head);
        if (!request.number)
            request.number = number_in_body(asked.body);
        if (!request.number)
            throw std::runtime_error{"a request is of no call"};
        Dice dice{seed_, 3, *request.number, requests_of_.at(*request.number)++};
        Entry entry{*request.number, peer->transport->number, choose_lie(request, dice)};
        entry.looks_up = request.ask == Ask::found_user;
        ++counts_[static_cast<std::size_t>(entry.lie)];
        const std::size_t place = ledger_.size();
        ledger_.push_back(entry);
        co_await answer_over_http2(*peer, asked.id, request, place, dice, [&] { flush(peer); });
        flush(peer);
    }

    /// Most lies are about one stream; one of eight that could end the connection does, or all calls would fail.
    template <class Stream, class Flush>
    asio::awaitable<void> answer_over_http2(Http2Peer<Stream>& peer, std::int32_t id, const Request& request,
                                            std::size_t place, Dice& dice, Flush flush_now)
    {
        const std::uint32_t number = *request.number;
        const auto act = [&](bool acts = true) { ledger_[place].acted = acts; };
        const std::string own = answer(request, number);
        const bool is_fatal = dice.below(8) == 0;
        Http2End& end = peer.end;
        const auto in_pieces = [&](const std::string& whole) -> asio::awaitable<void> {
            end.begin_response(id, whole);
            std::string_view rest = std::string_view{whole}.substr(whole.find("\r\n\r\n") + 4);
            while (!rest.empty()) {
                const std::size_t size = 1 + dice.below(rest.size());
                end.append(id, rest.substr(0, size), false);
                rest.remove_prefix(size);
                flush_now();
                if (dice.below(2) == 0)
                    co_await pause(dice, microseconds{200});
            }
            end.append(id, {}, true);
        };
        const auto another_head = [&] {
            return frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, literal_field(":status", "200"));
        };
        const auto finish = [&](bool resets) -> asio::awaitable<void> {
            flush_now();
            co_await pause(dice, microseconds{300});
            end_http2(peer, resets);
        };
        switch (ledger_[place].lie) {
        case Lie::none:
        case Lie::key_update:
        case Lie::tickets:
            act();
            co_return end.respond(id, own);
        case Lie::split:
        case Lie::chunked:
            act();
            co_return co_await in_pieces(own);
        case Lie::delayed:
            act();
            co_await pause(dice, microseconds{3000});
            co_return end.respond(id, own);
        case Lie::interim:
            act();
            end.interim(id, 103);
            end.interim(id, 100);
            co_return end.respond(id, own);
        case Lie::fills_buffer:
            act();
            co_return end.respond(id, long_answer(request, number, 16'384));
        case Lie::overfills:
        case Lie::surplus:
        case Lie::surplus_record:
        case Lie::surplus_at_once:
        case Lie::surplus_later:
            act();
            end.respond(id, ledger_[place].lie == Lie::overfills ? long_answer(request, number, 16'384) : own);
            if (ledger_[place].lie == Lie::surplus_later) {
                flush_now();
                co_await pause(dice, microseconds{500});
            }
            if (is_fatal) // on a stream that is over
                peer.raw += another_head() + frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id,
                                                   body_of(request, request.shows_lies() ? other() : number));
            co_return;
        case Lie::wrong_first: {
            act(dice.below(2) == 0);
            const std::string wrong = wrong_answer(request, other());
            end.begin_response(id, wrong);
            end.append(id, std::string_view{wrong}.substr(wrong.find("\r\n\r\n") + 4), false);
            flush_now();
            co_await pause(dice, microseconds{100});
            peer.raw += another_head() + frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id, body_of(request, number));
            co_return;
        }
        case Lie::wrong:
            act(dice.below(2) == 0);
            co_return end.respond(id, wrong_answer(request, other()));
        case Lie::undecodable:
            act();
            co_return end.respond(id, request.ask == Ask::nothing ? own : response(200, {}, R"({"user":)"));
        case Lie::cut: {
            act(dice.below(4) != 0);
            const std::string_view body = std::string_view{own}.substr(own.find("\r\n\r\n") + 4);
            end.begin_response(id, own);
            end.append(id, body.substr(0, dice.below(body.size() + 1)), false);
            if (is_fatal)
                co_return co_await finish(dice.below(2) == 0);
            flush_now();
            co_await pause(dice, microseconds{100});
            co_return end.reset(id, NGHTTP2_INTERNAL_ERROR);
        }
        case Lie::reset_after:
            act();
            if (is_fatal)
                co_return co_await finish(true);
            co_return end.reset(id, NGHTTP2_CANCEL);
        case Lie::reset_before:
            if (is_fatal)
                co_return co_await finish(true);
            ledger_[place].refused = true;
            co_return end.reset(id, NGHTTP2_REFUSED_STREAM);
        case Lie::stops_reading:
            co_return end.reset(id, NGHTTP2_NO_ERROR);
        case Lie::closes:
            act();
            end.respond(id, own);
            co_return end.go_away();
        case Lie::closes_unsaid:
            act();
            end.respond(id, own);
            if (is_fatal)
                co_await finish(false);
            co_return;
        case Lie::gives_up_idle:
            act();
            end.respond(id, own);
            if (!is_fatal)
                co_return;
            end.go_away();
            co_return co_await finish(false);
        case Lie::garbage:
            act(dice.below(2) == 0);
            if (is_fatal)
                peer.raw += "SSH-2.0-OpenSSH_9.2\r\n\r\n";
            else
                peer.raw += frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, literal_field("Not-A-Status", "200"));
            co_return;
        case Lie::throttled:
            co_return end.respond(
                id, response(429, "Retry-After: 0\r\n", R"({"code":"rate_limited","error":"Slow down."})"));
        case Lie::misdirected:
            co_return end.respond(id, response(421, {}, ""));
        case Lie::gives_up:
            co_return end.respond(id, response(408, {}, ""));
        case Lie::failed: {
            act(dice.below(2) == 0);
            constexpr std::array statuses{500, 502, 503, 504};
            co_return end.respond(id, response(statuses[dice.below(statuses.size())], {}, "<html>failed</html>"));
        }
        case Lie::stalls:
            act(dice.below(2) == 0);
            co_return;
        }
    }
#endif

    template <class Stream>
    void note_late_answer(Peer<Stream>& peer)
    {
        ++late_answers_;
        peer.out_of_turn = true;
    }

    /// A user whom no call is about.
    std::uint32_t other() const
    {
        return numbers_;
    }

    /// An answer that comes when another request may have left, so it must not be about that one's user.
    std::string late_answer(const Request& request, const std::string& own, Dice& dice) const
    {
        return request.has_user() && dice.below(2) == 0 ? own : another_user(other());
    }

    template <class Stream>
    asio::awaitable<bool> receive(Peer<Stream>& peer)
    {
        std::array<char, 16 * 1024> buffer;
        const auto [ec, size] = co_await peer.stream.async_read_some(asio::buffer(buffer), as_tuple);
        peer.received.append(buffer.data(), size);
        co_return !ec;
    }

    /// Until so many bytes are there.
    template <class Stream>
    asio::awaitable<bool> receive(Peer<Stream>& peer, std::size_t size)
    {
        while (peer.received.size() < size) {
            const bool received = co_await receive(peer);
            if (!received)
                co_return false;
        }
        co_return true;
    }

    template <class Stream>
    asio::awaitable<bool> send(Peer<Stream>& peer, std::string_view bytes)
    {
        const auto [ec, size] = co_await asio::async_write(peer.stream, asio::buffer(bytes), as_tuple);
        co_return !ec;
    }

    /// What comes second is there when the first can be read; over TLS it is a record of its own.
    template <class Stream>
    asio::awaitable<bool> send_in_one_segment(Peer<Stream>& peer, std::string first, std::string second)
    {
        if constexpr (!std::is_same_v<Stream, Tls>)
            co_return co_await send(peer, first + second);
        const auto cork = [&](int on) {
            setsockopt(peer.socket().native_handle(), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
        };
        cork(1);
        bool sent = co_await send(peer, first);
        if (sent)
            sent = co_await send(peer, second);
        cork(0);
        co_return sent;
    }

    /// Renews keys, or sends tickets; on their own, or in the same record flight as what is sent next.
    template <class Stream>
    asio::awaitable<void> speak_tls(Peer<Stream>& peer, Lie what, Dice& dice)
    {
        if constexpr (std::is_same_v<Stream, Tls>) {
            SSL* const ssl = peer.stream.native_handle();
            if (SSL_version(ssl) != TLS1_3_VERSION)
                co_return;
            if (what == Lie::tickets)
                SSL_new_session_ticket(ssl);
            else
                SSL_key_update(ssl, dice.below(2) == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
            co_await peer.stream.async_handshake(asio::ssl::stream_base::server, as_tuple);
        }
    }

    /// Ends a connection in one way or another.
    template <class Stream>
    asio::awaitable<bool> end(Peer<Stream>& peer, Dice& dice)
    {
        boost::system::error_code ignored;
        switch (dice.below(3)) {
        case 0:
            reset(peer.socket());
            break;
        case 1:
            if constexpr (std::is_same_v<Stream, Tls>) {
                asio::steady_timer enough{context_, std::chrono::milliseconds{20}};
                const auto ended = co_await (peer.stream.async_shutdown(as_tuple) || enough.async_wait(as_tuple));
                static_cast<void>(ended);
            }
            [[fallthrough]];
        default:
            peer.socket().close(ignored);
        }
        co_return false;
    }

    static void reset(tcp::socket& socket)
    {
        boost::system::error_code ignored;
        socket.set_option(asio::socket_base::linger{true, 0}, ignored);
        socket.close(ignored);
    }

    asio::awaitable<void> pause(Dice& dice, microseconds most)
    {
        asio::steady_timer moment{context_, microseconds{dice.below(static_cast<std::uint64_t>(most.count()) + 1)}};
        co_await moment.async_wait(as_tuple);
    }

    const bool secure_;
    const bool speaks_http2_;
    const std::uint32_t seed_;
    const std::uint32_t numbers_;
    std::vector<std::uint8_t> requests_of_;

    test::Identity authority_;
    test::Identity identity_;
    asio::ssl::context tls_{asio::ssl::context::tls_server};
    asio::io_context context_{1};
    tcp::acceptor acceptor_{context_, {asio::ip::address_v4::loopback(), 0}};
    std::uint16_t port_ = 0;
    std::thread thread_;
};

LyingServer::LyingServer(bool secure, bool speaks_http2, std::size_t numbers, std::uint32_t seed)
    : impl_{std::make_unique<Impl>(secure, speaks_http2, numbers, seed)}
{}

LyingServer::~LyingServer() = default;

std::string LyingServer::base_url() const
{
    return impl_->base_url();
}

std::string LyingServer::ca_pem() const
{
    return impl_->ca_pem();
}

void LyingServer::finish()
{
    impl_->finish();
}

const std::vector<Entry>& LyingServer::ledger() const
{
    return impl_->ledger_;
}

std::uint64_t LyingServer::count(Lie lie) const
{
    return impl_->counts_[static_cast<std::size_t>(lie)];
}

std::uint64_t LyingServer::late_answers() const
{
    return impl_->late_answers_;
}

std::uint32_t LyingServer::connections() const
{
    return impl_->connections_;
}

} // namespace passage::stress
