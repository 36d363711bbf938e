#include "demo_store.hpp"
#include "fuzz.hpp"

#include "request_reader.hpp"
#include "response_bytes.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/parse.hpp>

#include <random>
#include <string>

// From a request's bytes to the emulator's answer. A byte says how the bytes are split; the rest are requests, one
// after the other, to an emulator with one user.

namespace passage::fuzz {
namespace {

using emulator::Request;
using emulator::RequestReader;
using emulator::Response;
using State = RequestReader::State;

/// What a request is answered with by a fault of the emulator's own.
constexpr unsigned internal_error = 500;

struct Reading
{
    RequestReader reader;
    State state = State::incomplete;
    std::string left; ///< Not read.
};

/// `size_of_piece` tells how many bytes come at once.
template <class Size>
void read(Reading& reading, std::string_view bytes, Size size_of_piece)
{
    while (reading.state == State::incomplete && !bytes.empty()) {
        const std::size_t size = std::min<std::size_t>(size_of_piece(), bytes.size());
        reading.left.append(bytes.substr(0, size));
        bytes.remove_prefix(size);
        do {
            reading.state = reading.reader.put(reading.left);
        } while (reading.state == State::head);
    }
    reading.left.append(bytes);
}

void require_same(const Reading& left, const Reading& right)
{
    // Of a header that is malformed and has no end yet, it depends whether that is seen already.
    require((left.state == State::complete) == (right.state == State::complete), "it matters not how the bytes come");
    if (left.state == State::complete) {
        const Request a = left.reader.request();
        const Request b = right.reader.request();
        require(a.method == b.method && a.target == b.target && a.user_agent == b.user_agent &&
                    a.authorization == b.authorization && a.body == b.body && left.left == right.left &&
                    left.reader.keep_alive() == right.reader.keep_alive(),
                "a request is the same however its bytes come");
    }
}

void check_answer(const Response& response, bool head_only)
{
    require(response.status >= 200 && response.status < 600 && response.status != internal_error,
            "no request makes the emulator fail");
    if (!response.body.empty()) {
        boost::system::error_code error;
        const auto body = boost::json::parse(response.body, error);
        require(!error && body.is_object(), "a body is a JSON object");
        require(response.status < 400 || (body.at("code").is_string() && body.at("error").is_string()),
                "an error says what it is");
    }
    const std::string bytes = to_bytes(response, true, head_only);
    boost::beast::http::response_parser<boost::beast::http::string_body> parser;
    parser.body_limit(boost::none);
    parser.skip(head_only);
    parser.eager(true);
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(bytes), error);
    require(!error && parser.is_done() && used == bytes.size(), "an answer is one response");
    require(head_only || parser.get().body() == response.body, "an answer comes as it was given");
}

} // namespace

void run(std::string_view bytes)
{
    Input input{bytes};
    std::minstd_rand random{input.byte() + 1U};
    std::string requests{input.rest()};
    emulator::Store& store = store_of_one_user();
    for (int count = 0; count < 16 && !requests.empty(); ++count) {
        Reading whole;
        read(whole, requests, [&] { return requests.size(); });
        Reading split;
        read(split, requests, [&] { return 1 + random() % 32; });
        require_same(whole, split);
        Reading trickle;
        read(trickle, requests, [] { return 1; });
        require_same(whole, trickle);
        if (whole.state == State::refused)
            return check_answer(whole.reader.refusal(), false);
        if (whole.state == State::incomplete)
            return;
        ++taken;
        const Request request = whole.reader.request();
        check_answer(answer(store, request), request.method == "HEAD");
        requests = whole.left;
    }
}

} // namespace passage::fuzz
