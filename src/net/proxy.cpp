#include "net/proxy.hpp"

#include <boost/asio/error.hpp>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace passage::net {

using Step = Stream::Step;

namespace {

/// The failure of TLS with the proxy. The stream says "the server".
Failure failed_tls(Failure failure)
{
    constexpr std::string_view whose = "the server's";
    std::string& message = failure.error.message;
    if (failure.unprocessed)
        message = "it demands a client certificate, and proxies get none";
    else if (message.starts_with(whose))
        message.replace(0, whose.size(), "its");
    failure.error.stage = Stage::connect;
    return failure;
}

} // namespace

Proxy::Proxy(http::BaseUrl url, std::shared_ptr<TlsContext> tls, Secret request, const http::ResponseLimits& limits)
    : url_{std::move(url)},
      name_{"the proxy " + url_.authority()},
      tls_{std::move(tls)},
      request_{std::move(request)},
      limits_{limits}
{}

Task<std::optional<Failure>> Proxy::open_tunnel(Stream& stream) const
{
    if (const auto tls = tls_) { // may be replaced during the handshake
        stream.start_tls(tls->make_ssl(Clock::now()));
        if (auto failure = co_await stream.secure())
            co_return failed_tls(*std::move(failure));
    }
    co_await send_request(stream);
    co_return co_await read_response(stream);
}

/// Reports no failure: the proxy may have sent a response before it closed the connection, which is read next.
Task<void> Proxy::send_request(Stream& stream) const
{
    std::string_view rest = request_.reveal();
    while (!rest.empty() || stream.has_unsent()) {
        const Step step = stream.write(rest);
        if (step.result == Step::Result::done)
            rest.remove_prefix(step.size);
        else if (step.failure || co_await stream.wait(step.result))
            co_return;
    }
}

Task<std::optional<Failure>> Proxy::read_response(Stream& stream) const
{
    using State = http::ConnectResponse::State;
    http::ConnectResponse response{limits_};
    std::array<char, 2048> buffer;
    std::size_t seen = 0; // bytes of the head that were peeked at and must still be read
    while (response.state() == State::incomplete || (response.state() == State::opened && seen > 0)) {
        stream.begin_turn();
        // Only the proxy's own bytes are read. The bytes after them belong to the TLS with the server.
        Step step = seen > 0 ? stream.read(std::span{buffer}.first(seen)) : stream.peek(buffer);
        if (step.result == Step::Result::done && seen > 0)
            seen -= step.size;
        else if (step.result == Step::Result::done)
            seen = response.put(std::string_view{buffer.data(), step.size});
        else if (step.result == Step::Result::ended)
            response.put_end(asio::error::eof);
        else if (step.failure && step.failure->unprocessed) // over TLS 1.3: see `Stream::ssl_failure`
            co_return failed_tls(*std::move(step.failure));
        else if (step.failure && (step.failure->error.code == Errc::truncated || step.failure->error.code == Errc::tls))
            response.put_end(step.failure->error.cause);
        else if (step.failure)
            co_return std::move(step.failure);
        else if (const error_code ec = co_await stream.wait(step.result))
            response.put_end(ec);
    }
    if (response.state() == State::opened)
        co_return std::nullopt;
    co_return response.failure();
}

void Proxy::name_in(Failure& failure) const
{
    failure.error.message.insert(0, ": ").insert(0, name_);
}

} // namespace passage::net
