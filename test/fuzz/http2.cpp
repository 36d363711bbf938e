#include "answers.hpp"

#include "http2/session.hpp"

#include <deque>
#include <memory>
#include <memory_resource>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

// From a server's frames to what callers get. Two bytes say what the calls are and which limits hold, and how the bytes
// are split and what callers do in between; the rest are the bytes of the server, which may have put the key into them.

namespace passage::fuzz {
namespace {

using http2::Session;
using http2::Stream;
using State = Stream::State;

constexpr http::ResponseLimits usual_limits{16 * 1024, 100, 64 * 1024, 8};
constexpr http::ResponseLimits small_limits{200, 5, 300, 2};
constexpr std::size_t max_written_at_once = 16 * 1024;

/// What a caller is told of its call.
struct Outcome
{
    State state = State::open;
    bool begun = false;
    bool sent = false;
    bool answered = false;
    std::string told; ///< The response or the kind of the error, in one text.

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

struct Call
{
    http::Request request;
    Stream stream;
    bool given_up = false;
    std::optional<Outcome> outcome;
};

/// A session, and the calls over it.
class Exchange
{
public:
    explicit Exchange(const http::ResponseLimits& limits)
        : limits_{limits},
          session_{std::make_shared<http::CommonFields>("h.example", Secret{key}, "fuzz/1"),
                   {"https", 65'535, 1024 * 1024, limits, 100}}
    {}

    void begin(std::size_t body_size)
    {
        Call& call = calls_.emplace_back();
        call.request.method = body_size == 0 ? "GET" : "POST";
        call.request.target = "/v1/apps/a/users/u" + std::to_string(calls_.size());
        call.request.has_body = body_size != 0;
        call.request.body.assign(body_size, 'b');
        session_.begin(call.stream, call.request, {});
        if (call.stream.state() != State::open)
            finish(call); // it could not begin
        collect();
    }

    void receive(std::string_view bytes)
    {
        session_.receive(bytes, {});
        collect();
    }

    void send(std::size_t limit)
    {
        std::pmr::string out;
        session_.send(out, limit);
        collect();
        require(session_.places() <= session_.max_streams(), "there are no more places than streams");
        require(!session_.has_ended() || session_.is_draining(), "a session that has ended takes no more");
        require(!session_.has_ended() || !session_.has_open_streams(), "a session ends with all its streams");
    }

    void give_up(std::size_t number)
    {
        Call& call = calls_[number % calls_.size()];
        call.given_up = call.given_up || !call.outcome;
        session_.reset(call.stream);
        collect();
    }

    void ping() { session_.ping(); }

    /// The connection is lost.
    void end()
    {
        session_.fail({Error{Errc::truncated, "lost"}, true});
        collect();
        require(!session_.has_open_streams(), "no stream outlives its connection");
        for (const Call& call : calls_)
            require(call.given_up || call.outcome, "every call ends");
    }

    std::vector<Outcome> outcomes() const
    {
        std::vector<Outcome> all;
        for (const Call& call : calls_)
            all.push_back(call.outcome.value_or(Outcome{}));
        return all;
    }

private:
    void collect()
    {
        while (Stream* const ended = session_.next_ended()) {
            const auto call =
                std::find_if(calls_.begin(), calls_.end(), [&](const Call& each) { return &each.stream == ended; });
            require(call != calls_.end(), "what ends has begun");
            finish(*call);
        }
    }

    void finish(Call& call)
    {
        require(!call.outcome, "a call ends once");
        require(!call.given_up, "a call that was given up is not heard of again");
        Stream& stream = call.stream;
        Outcome& outcome = call.outcome.emplace(
            Outcome{stream.state(), stream.is_begun(), stream.is_sent(), stream.is_answered(), {}});
        if (outcome.state == State::complete) {
            ++taken;
            const http::Response response = stream.take_response();
            require(outcome.begun && outcome.answered, "a response is the answer to a request");
            require(response.body.size() <= limits_.body_bytes, "no call is told a body beyond the limit");
            check_response(response);
            outcome.told = std::to_string(response.status) + ' ' + response.request_id + ' ' + response.retry_after +
                           ' ' + response.body;
        } else {
            require(outcome.state == State::failed, "a call completes or fails");
            const Failure failure = stream.take_failure();
            const Errc code = failure.error.code;
            require(code == Errc::protocol || code == Errc::truncated || code == Errc::too_large,
                    "a failure has a kind of its own");
            require(failure.transient || code != Errc::truncated, "what was lost may be retried");
            check_error(failure.error);
            // Of a connection that breaks several rules, it depends which is seen first.
            outcome.told = make_error_code(code).message();
        }
    }

    const http::ResponseLimits limits_;
    std::deque<Call> calls_;
    Session session_;
};

/// `turn` is called after each piece.
template <class Size, class Turn>
std::vector<Outcome> play(std::uint8_t how, std::string_view bytes, Size size_of_piece, Turn turn)
{
    Exchange exchange{(how & 4) != 0 ? small_limits : usual_limits};
    constexpr std::size_t body_sizes[]{0, 10, 40'000, 100'000};
    for (int i = 0; i <= (how & 3); ++i)
        exchange.begin(i == 0 ? body_sizes[how >> 3 & 3] : 0);
    exchange.send(1024 * 1024);
    while (!bytes.empty()) {
        const std::size_t size = std::min<std::size_t>(size_of_piece(), bytes.size());
        exchange.receive(bytes.substr(0, size));
        bytes.remove_prefix(size);
        turn(exchange);
    }
    exchange.send(1024 * 1024);
    exchange.end();
    return exchange.outcomes();
}

} // namespace

void run(std::string_view input_bytes)
{
    Input input{input_bytes};
    const std::uint8_t how = input.byte();
    const std::uint8_t seed = input.byte();
    const std::string_view bytes = input.rest();
    std::minstd_rand random{seed + 1U};
    const auto any_size = [&] { return 1 + random() % (seed % 16 == 0 ? 1 : 64); };

    const auto whole = play(
        how, bytes, [&] { return bytes.size(); }, [](Exchange&) {});
    const auto split = play(how, bytes, any_size, [](Exchange&) {});
    require(split == whole, "it matters not how the bytes come");

    // Callers give up and begin, and the connection sends, whenever they like.
    play(how, bytes, any_size, [&](Exchange& exchange) {
        switch (random() % 8) {
        case 0:
            return exchange.give_up(random());
        case 1:
            return exchange.begin(random() % 2 == 0 ? 0 : 50'000);
        case 2:
            return exchange.ping();
        case 3:
        case 4:
            return exchange.send(1 + random() % max_written_at_once);
        default:
            return;
        }
    });
}

} // namespace passage::fuzz
