#include "http/response_parser.hpp"

#include "http/line_block.hpp"
#include "http/response_fields.hpp"
#include "model/text.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/version.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

namespace passage::http {
namespace {

namespace beast = boost::beast;
using boost::system::error_code;

constexpr int no_content = 204;

/// Limit on the bytes that frame a chunked body: a fixed part, and a factor for each byte of the body.
constexpr std::size_t chunk_overhead_fixed = 64 * 1024;
constexpr std::size_t chunk_overhead_factor = 8;
/// Capacity reserved for a body in advance. Beyond that, the body grows as it is received.
constexpr std::size_t body_reserve = 64 * 1024;

/// Fields that must not be in a trailer, as they change the framing (RFC 9110, section 6.5.1).
constexpr std::array framing_fields{beast::http::field::content_length, beast::http::field::transfer_encoding,
                                    beast::http::field::host, beast::http::field::content_encoding,
                                    beast::http::field::trailer};

/// The value of `name=` in a list such as `timeout=5, max=100`.
std::optional<unsigned> list_parameter(std::string_view list, std::string_view name)
{
    while (!list.empty()) {
        std::string_view item = list.substr(0, list.find(','));
        list.remove_prefix(std::min(list.size(), item.size() + 1));
        item.remove_prefix(std::min(item.size(), item.find_first_not_of(" \t")));
        if (item.size() > name.size() && item[name.size()] == '=' &&
            equal_ignoring_case(item.substr(0, name.size()), name)) {
            unsigned value = 0;
            const char* const begin = item.data() + name.size() + 1;
            if (std::from_chars(begin, item.data() + item.size(), value).ec == std::errc{})
                return value;
        }
    }
    return std::nullopt;
}

} // namespace

/// One interim or final response, parsed by Beast.
class ResponseParser::Message final : public beast::http::basic_parser<false>
{
public:
    explicit Message(std::size_t body_limit)
    {
        this->body_limit(body_limit);
        header_limit(std::numeric_limits<std::uint32_t>::max()); // LineBlock limits it
    }

    Response response;
    /// What is wrong, if this class refused the message; else null.
    const char* refusal = nullptr;
    /// Checks the lines that come next. Null inside a body.
    std::optional<LineBlock> lines{LineBlock::Line::status};

private:
    void refuse(const char* why, error_code& ec)
    {
        refusal = why;
        ec = beast::http::error::bad_field;
    }

    void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int, error_code&) override {}

    void on_response_impl(int status, beast::string_view, int version, error_code&) override
    {
        response.status = status;
        http_1_1_ = version == 11;
    }

    void on_field_impl(beast::http::field known, beast::string_view name, beast::string_view value,
                       error_code& ec) override
    {
        if (in_trailer_) {
            if (std::find(framing_fields.begin(), framing_fields.end(), known) != framing_fields.end())
                refuse("a trailer has a field that changes the framing", ec);
            return;
        }
        const std::string_view text{value.data(), value.size()};
        using beast::http::field;
        switch (known) {
        case field::content_length:
            has_length_ = true;
            break;
        case field::transfer_encoding:
            has_encoding_ = true;
            if (!http_1_1_)
                refuse("Transfer-Encoding in an HTTP/1.0 response", ec);
            else if (!equal_ignoring_case(text, "chunked"))
                refuse("a Transfer-Encoding other than chunked", ec);
            break;
        case field::content_type:
            response.content_type = text;
            break;
        case field::date:
            response.date = text;
            break;
        case field::keep_alive:
            read_keep_alive(text);
            break;
        case field::server:
        case field::connection:
            break;
        default:
            if (const char* const why = fields_.put(response, {name.data(), name.size()}, text))
                refuse(why, ec);
            break;
        }
        if (has_length_ && has_encoding_)
            refuse("both Content-Length and Transfer-Encoding", ec);
    }

#if BOOST_BEAST_VERSION >= 359
    void on_trailer_field_impl(beast::http::field known, beast::string_view name, beast::string_view value,
                               error_code& ec) override
    {
        on_field_impl(known, name, value, ec);
    }
#endif

    void read_keep_alive(std::string_view value)
    {
        using std::chrono::seconds;
        if (const auto timeout = list_parameter(value, "timeout")) {
            response.keep_alive_timeout =
                std::min(response.keep_alive_timeout.value_or(seconds::max()), seconds{*timeout});
            last_of_connection_ |= *timeout == 0;
        }
        if (const auto remaining = list_parameter(value, "max"))
            last_of_connection_ |= *remaining <= 1;
    }

    void on_header_impl(error_code&) override
    {
        // A response that has no body but announces a size leaves open what the next bytes are.
        const bool ambiguous = is_done() && (chunked() || content_length().value_or(0) > 0 ||
                                             (has_length_ && response.status == no_content));
        response.keep_alive = http_1_1_ && keep_alive() && !last_of_connection_ && !ambiguous;
        in_trailer_ = chunked();
        if (chunked())
            lines.emplace(LineBlock::Line::chunk_size);
        else
            lines.reset();
    }

    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override
    {
        if (length)
            response.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, body_reserve)));
    }

    std::size_t on_body_impl(beast::string_view part, error_code&) override
    {
        response.body.append(part.data(), part.size());
        return part.size();
    }

    void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override
    {
        lines.reset();
    }

    std::size_t on_chunk_body_impl(std::uint64_t remaining, beast::string_view part, error_code&) override
    {
        response.body.append(part.data(), part.size());
        if (part.size() == remaining)
            lines.emplace(LineBlock::Line::data_end);
        return part.size();
    }

    void on_finish_impl(error_code&) override {}

    bool http_1_1_ = false;
    bool in_trailer_ = false;
    bool has_length_ = false;
    bool has_encoding_ = false;
    bool last_of_connection_ = false;
    ResponseFields fields_;
};

struct ResponseParser::Impl
{
    explicit Impl(const ResponseLimits& given) : limits{given} {}

    void reset()
    {
        message.emplace(limits.body_bytes);
        interim = 0;
        wire_bytes = 0;
        head_bytes = 0;
        error = Error{};
    }

    State fail(Errc code, std::string why)
    {
        error = Error{code, std::move(why)};
        return State::failed;
    }

    State fail(const error_code& ec)
    {
        if (ec == beast::http::error::body_limit)
            return fail(Errc::too_large, "the response's body exceeds " + std::to_string(limits.body_bytes) + " bytes");
        if (ec == beast::http::error::need_more) // though the lines are complete
            return fail(Errc::protocol, "a chunk's extension is malformed");
        return fail(Errc::protocol, message->refusal ? message->refusal : ec.message());
    }

    /// Checks the lines that come next. Sets `size` to their size if they are complete and good.
    State check_lines(std::string_view bytes, std::size_t& size)
    {
        LineBlock& lines = *message->lines;
        const bool in_head = !message->is_header_done();
        const auto refuse = [&](Errc code, const std::string& why) {
            return fail(code, (in_head ? "the response's header " : "a chunk's header or the trailer ") + why);
        };
        switch (lines.check(bytes.substr(0, limits.header_bytes), limits.header_fields)) {
        case LineBlock::Result::incomplete:
            if (bytes.size() >= limits.header_bytes)
                return refuse(Errc::too_large, "exceeds " + std::to_string(limits.header_bytes) + " bytes");
            return State::incomplete;
        case LineBlock::Result::malformed:
            return refuse(Errc::protocol, "is malformed");
        case LineBlock::Result::too_many_fields:
            return refuse(Errc::too_large, "exceeds " + std::to_string(limits.header_fields) + " fields");
        case LineBlock::Result::good:
            break;
        }
        size = lines.size();
        if (in_head)
            head_bytes += size;
        return State::complete;
    }

    State next_message()
    {
        if (message->response.status == 101)
            return fail(Errc::protocol, "101 Switching Protocols, which was not asked for");
        if (++interim > limits.interim_responses)
            return fail(Errc::too_large,
                        "more than " + std::to_string(limits.interim_responses) + " interim responses");
        message.emplace(limits.body_bytes);
        return State::incomplete;
    }

    ResponseLimits limits;
    std::optional<Message> message;
    std::size_t interim = 0;
    std::size_t head_bytes = 0;
    std::size_t wire_bytes = 0;
    Error error;
};

ResponseParser::ResponseParser(const ResponseLimits& limits) : impl_{std::make_unique<Impl>(limits)}
{
    impl_->reset();
}

ResponseParser::~ResponseParser() = default;

void ResponseParser::reset()
{
    impl_->reset();
}

ResponseParser::State ResponseParser::put(std::string_view bytes, std::size_t& consumed)
{
    Impl& impl = *impl_;
    consumed = 0;
    while (consumed < bytes.size()) {
        const std::string_view rest = bytes.substr(consumed);
        std::size_t size = rest.size();
        if (impl.message->lines) {
            if (const State state = impl.check_lines(rest, size); state != State::complete)
                return state;
        }
        error_code ec;
        const std::size_t taken = impl.message->put({rest.data(), size}, ec);
        consumed += taken;
        impl.wire_bytes += taken;
        if (ec)
            return impl.fail(ec);

        const std::size_t body = impl.message->response.body.size();
        if (impl.wire_bytes - body > impl.head_bytes + chunk_overhead_fixed + chunk_overhead_factor * body)
            return impl.fail(Errc::too_large, "the framing of the response's body is many times its size");
        if (impl.message->is_done()) {
            if (impl.message->response.status >= 200)
                return State::complete;
            if (impl.next_message() == State::failed)
                return State::failed;
        }
    }
    return State::incomplete;
}

ResponseParser::State ResponseParser::put_end(bool clean)
{
    Impl& impl = *impl_;
    if (impl.message->is_header_done() && impl.message->need_eof() && clean) {
        error_code ec;
        impl.message->put_eof(ec);
        return ec ? impl.fail(ec) : State::complete;
    }
    return impl.fail(Errc::truncated, "the connection ended before the response did");
}

Response ResponseParser::take()
{
    return std::move(impl_->message->response);
}

const Error& ResponseParser::error() const noexcept
{
    return impl_->error;
}

} // namespace passage::http
