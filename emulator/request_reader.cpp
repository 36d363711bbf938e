#include "request_reader.hpp"

#include "limits.hpp"
#include "request_target.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>

namespace passage::emulator {
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

// With chunk headers and extensions a chunked body has more bytes than its content.
constexpr std::size_t max_wire_size = max_header_size + 2 * max_body_size;
constexpr std::string_view line_end = "\r\n";

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
        on_chunk_header(take_chunk_header_);
    }

    /// Whether the lines that frame a chunk come next.
    bool is_at_lines() const { return is_header_done() && chunked() && chunk_left_ == 0; }

    /// How much of `input` to parse next. Versions of Beast differ in what they make of a part of the lines that frame
    /// a chunk, so they get all of them at once; nothing until those have come.
    std::size_t next_part(std::string_view input) const
    {
        if (!is_at_lines()) {
            return chunk_left_ > 0 ? static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), chunk_left_))
                                   : input.size();
        }
        const std::size_t size = is_first_ ? 0 : line_end.size(); // the line's end after the data before
        std::size_t end = input.find(line_end, size);
        if (end != input.npos && is_zero(input.substr(size, end - size))) {
            end = input.find("\r\n\r\n", end); // of the trailer
            return end == input.npos ? 0 : end + 2 * line_end.size();
        }
        return end == input.npos ? 0 : end + line_end.size();
    }

    void skip_data(std::size_t size) { chunk_left_ -= std::min<std::uint64_t>(size, chunk_left_); }

private:
    static bool is_zero(std::string_view size_line)
    {
        const std::size_t digit = size_line.find_first_not_of('0');
        return digit != 0 &&
               (digit == size_line.npos || std::string_view{"; \t"}.find(size_line[digit]) != std::string_view::npos);
    }

    std::uint64_t chunk_left_ = 0; // of the data of the chunk being read
    bool is_first_ = true;         // chunk
    std::function<void(std::uint64_t, beast::string_view, beast::error_code&)> take_chunk_header_ =
        [this](std::uint64_t size, beast::string_view, beast::error_code&) {
            chunk_left_ = size;
            is_first_ = false;
        };
};

RequestReader::RequestReader() : parser_(std::make_unique<Parser>()) {}

RequestReader::~RequestReader() = default;

RequestReader::State RequestReader::put(std::string& input)
{
    while (!input.empty() && !parser_->is_done()) {
        const std::size_t part = parser_->next_part(input);
        if (part == 0) {
            break;
        }
        const bool in_lines = parser_->is_at_lines();
        if (in_lines && part > max_header_size) {
            return refuse(413, "body_too_large", "The body is too large.");
        }
        const bool in_header = !parser_->is_header_done();
        beast::error_code error;
        const std::size_t used = parser_->put(boost::asio::buffer(input.data(), part), error);
        if (!in_lines) {
            parser_->skip_data(used);
        }
        input.erase(0, used);
        wire_size_ += used;
        if (error == http::error::header_limit || error == http::error::buffer_overflow) {
            return refuse(431, "header_too_large", "The header is too large.");
        }
        if (error == http::error::body_limit || wire_size_ > max_wire_size) {
            return refuse(413, "body_too_large", "The body is too large.");
        }
        if (error && !(error == http::error::need_more && in_header)) {
            return refuse(400, "invalid_request", "This is not an HTTP request: " + error.message() + ".");
        }
        if (parser_->is_header_done() && !parser_->eager()) {
            if (const std::string_view fault = fault_of(parser_->get()); !fault.empty()) {
                return refuse(400, "invalid_request", fault);
            }
            // Beast adds trailers to the fields. Moving the header away keeps them apart.
            parser_->header = std::move(parser_->get().base());
            parser_->eager(true);
            parser_->header_limit(2 * max_header_size); // of a trailer, which is bounded before
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
