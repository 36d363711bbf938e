#include "request_reader.hpp"

#include "limits.hpp"
#include "request_target.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <iterator>

namespace passage::emulator {
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

// With chunk headers and extensions a chunked body has more bytes than its content.
constexpr std::size_t max_wire_size = max_header_size + 2 * max_body_size;
constexpr std::string_view end_of_chunks = "0\r\n\r\n";

std::string_view to_std(beast::string_view text)
{
    return {text.data(), text.size()};
}

/// The value of a field. Empty if it occurs more than once: none of the values can be trusted.
std::optional<std::string_view> single(const http::fields& fields, http::field name)
{
    const auto [first, last] = fields.equal_range(name);
    if (first == last) {
        return std::nullopt;
    }
    return std::next(first) == last ? to_std(first->value()) : std::string_view{};
}

/// Checks of RFC 9112 that Beast does not make. Returns an error text, or an empty one if the header is valid.
std::string_view fault_of(const http::request_header<>& header)
{
    if (!is_target(to_std(header.method_string()), to_std(header.target()))) {
        return "The target must be a path, or an URL of http or https.";
    }
    const auto hosts = header.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && header.version() == 11)) {
        return "A request must have one Host header.";
    }
    if (hosts == 1 && !is_authority(to_std(header[http::field::host]))) {
        return "The Host header must be a host, and a port if need be.";
    }
    const auto coding = header.find(http::field::transfer_encoding);
    if (coding != header.end() && (header.version() < 11 || !beast::iequals(coding->value(), "chunked") ||
                                   header.count(http::field::transfer_encoding) > 1)) {
        return "The only transfer coding that a request may have is chunked.";
    }
    return {};
}

} // namespace

struct RequestReader::Parser : http::request_parser<http::string_body>
{
    http::request_header<> header;

    Parser()
    {
        header_limit(max_header_size);
        body_limit(max_body_size);
    }
};

RequestReader::RequestReader() : parser_(std::make_unique<Parser>()) {}

RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::put(std::string& input)
{
    while (!input.empty() && !parser_->is_done()) {
        // Beast asserts that it gets at least this much of the end of a chunked body.
        if (parser_->is_header_done() && parser_->chunked() && input.size() < end_of_chunks.size()) {
            break;
        }
        beast::error_code error;
        const std::size_t used = parser_->put(boost::asio::buffer(input), error);
        input.erase(0, used);
        wire_size_ += used;
        if (error == http::error::header_limit || error == http::error::buffer_overflow) {
            return refuse(431, "header_too_large", "The header is too large.");
        }
        if (error == http::error::body_limit || wire_size_ > max_wire_size) {
            return refuse(413, "body_too_large", "The body is too large.");
        }
        if (error && error != http::error::need_more) {
            return refuse(400, "invalid_request", "This is no HTTP request: " + error.message() + ".");
        }
        if (parser_->is_header_done() && !parser_->eager()) {
            if (const std::string_view fault = fault_of(parser_->get()); !fault.empty()) {
                return refuse(400, "invalid_request", fault);
            }
            // Beast adds trailers to the fields. Moving the header away keeps them apart.
            parser_->header = std::move(parser_->get().base());
            parser_->eager(true);
            if (parser_->chunked() || parser_->content_length().value_or(0) > max_small_body_size) {
                return State::head;
            }
            continue;
        }
        if (error == http::error::need_more) {
            break;
        }
    }
    if (parser_->is_done()) {
        return State::complete;
    }
    // The parser consumes only whole parts: a header, or the lines between and after chunks. This one is too large.
    if (input.size() > max_header_size) {
        return refuse(413, "body_too_large", "The body is too large.");
    }
    return State::incomplete;
}

bool RequestReader::waits_for_continue() const
{
    return parser_->is_header_done() && !parser_->is_done() &&
           beast::iequals(parser_->header[http::field::expect], "100-continue");
}

RequestReader::State RequestReader::refuse(unsigned status, std::string_view code, std::string_view text)
{
    refusal_ = emulator::refusal(status, code, text);
    return State::refused;
}

Request RequestReader::request() const
{
    const auto& header = parser_->header;
    return {to_std(header.method_string()), path_of(to_std(header.target())), single(header, http::field::user_agent),
            single(header, http::field::authorization), parser_->get().body()};
}

bool RequestReader::keep_alive() const
{
    // Persistent connections of HTTP/1.0 are not supported.
    return parser_->keep_alive() && parser_->header.version() == 11;
}

} // namespace passage::emulator
