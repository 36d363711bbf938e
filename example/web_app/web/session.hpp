#pragma once

#include "site.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>

#include <memory>
#include <optional>

namespace web {

/// One connection with a browser. Runs on the executor of the socket, which is a strand.
class Session : public std::enable_shared_from_this<Session>
{
public:
    Session(asio::ip::tcp::socket socket, const Site& site);

    /// Serves requests until there are no more.
    asio::awaitable<void> run();

    /// Completes the request in flight and serves no more. May be called from any thread.
    void finish();

    /// Closes the connection and cancels the request in flight. May be called from any thread.
    void cut();

private:
    using Parser = http::request_parser<http::string_body>;

    asio::awaitable<bool> read_head(Parser& parser);
    asio::awaitable<bool> read_body(Parser& parser);
    asio::awaitable<bool> serve(Parser& parser);
    template <class T>
    asio::awaitable<std::optional<T>> unless_gone(asio::awaitable<T> work, bool may_probe);
    asio::awaitable<void> peer_gone(bool may_probe);
    asio::awaitable<bool> write(Response response, bool is_head);
    asio::awaitable<void> refuse(http::status status);
    asio::awaitable<void> close();

    boost::beast::tcp_stream stream_;
    boost::beast::flat_buffer buffer_;
    const Site& site_;
    bool idle_ = true;
    bool finishing_ = false;
};

} // namespace web
