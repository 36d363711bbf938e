#include "ledger_server.hpp"

#include "support/certificates.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <charconv>
#include <future>
#include <list>
#include <random>
#include <thread>
#include <vector>

namespace passage::stress {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
constexpr auto as_tuple = asio::as_tuple(asio::use_awaitable);

using Request = http::request<http::string_body>;

/// The number that a request is about: the user in its path, or in the address that it sends.
std::size_t number_of(const Request& request)
{
    std::string_view text{request.target().data(), request.target().size()};
    if (request.method() == http::verb::post) {
        text = request.body();
        text.remove_prefix(std::min(text.size(), text.find(":\"") + 2));
    } else {
        text.remove_prefix(text.rfind('/') + 1);
    }
    std::size_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::string answer(unsigned status, std::string_view fields, std::string_view body)
{
    return "HTTP/1.1 " + std::to_string(status) +
           " S\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string{fields} + "\r\n" + std::string{body};
}

std::string user_answer(const Request& request, std::size_t number, std::string_view fields = {})
{
    const std::string text = std::to_string(number);
    const std::string body = R"({"user":{"id":")" + text + R"(","email":")" + text + R"(@example.com"}})";
    return answer(request.method() == http::verb::post ? 201 : 200, fields, body);
}

} // namespace

std::string_view to_string(Fault fault)
{
    constexpr std::array<std::string_view, fault_count> names{
        "none",      "reset",   "half_answer", "unavailable",   "broken",
        "throttled", "garbage", "closes",      "closes_unsaid", "surplus"};
    return names[static_cast<std::size_t>(fault)];
}

FaultRates FaultRates::all(double together)
{
    FaultRates result;
    std::fill(result.rates.begin() + 1, result.rates.end(), together / (fault_count - 1));
    return result;
}

class LedgerServer::Impl
{
public:
    Impl(std::size_t numbers, const FaultRates& rates, std::uint32_t seed)
        : rates_{rates}, random_{seed}, done_(numbers)
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

        listen({asio::ip::address_v4::loopback(), 0});
        port_ = acceptor_.local_endpoint().port();
        thread_ = std::thread{[this] { context_.run(); }};
    }

    ~Impl()
    {
        context_.stop();
        thread_.join();
    }

    void restart()
    {
        std::promise<void> restarted;
        asio::post(context_, [&] {
            acceptor_.close();
            for (tcp::socket* socket : sockets_)
                reset(*socket);
            listen({asio::ip::address_v4::loopback(), port_});
            restarted.set_value();
        });
        restarted.get_future().get();
    }

    std::string ca_pem() const { return test::to_pem(authority_); }
    std::uint16_t port() const { return port_; }
    unsigned done(std::size_t number) const { return done_.at(number); }
    std::uint64_t count(Fault fault) const { return counts_[static_cast<std::size_t>(fault)]; }
    std::uint64_t requests() const { return requests_; }
    std::uint64_t connections() const { return connections_; }

private:
    using Stream = asio::ssl::stream<tcp::socket>;

    static void reset(tcp::socket& socket)
    {
        boost::system::error_code ignored;
        socket.set_option(asio::socket_base::linger{true, 0}, ignored);
        socket.close(ignored);
    }

    void listen(const tcp::endpoint& endpoint)
    {
        acceptor_ = tcp::acceptor{context_, endpoint}; // reuses the address
        asio::co_spawn(context_, accept(), asio::detached);
    }

    asio::awaitable<void> accept()
    {
        for (;;) {
            auto [ec, socket] = co_await acceptor_.async_accept(as_tuple);
            if (ec == asio::error::operation_aborted)
                co_return;
            if (!ec) {
                ++connections_;
                asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
            }
        }
    }

    asio::awaitable<void> serve(tcp::socket socket)
    {
        Stream stream{std::move(socket), tls_};
        const auto place = sockets_.insert(sockets_.end(), &stream.next_layer());
        const auto [failed] = co_await stream.async_handshake(asio::ssl::stream_base::server, as_tuple);
        bool open = !failed;
        boost::beast::flat_buffer buffer;
        while (open) {
            Request request;
            const auto [ec, size] = co_await http::async_read(stream, buffer, request, as_tuple);
            if (ec)
                break;
            ++requests_;
            open = co_await handle(stream, request);
        }
        sockets_.erase(place);
    }

    /// False when the connection is over.
    asio::awaitable<bool> handle(Stream& stream, const Request& request)
    {
        const std::size_t number = number_of(request);
        const Fault fault = choose();
        ++counts_[static_cast<std::size_t>(fault)];
        if (fault != Fault::throttled && number < done_.size())
            ++done_[number];

        std::string bytes;
        switch (fault) {
        case Fault::reset:
            reset(stream.next_layer());
            co_return false;
        case Fault::unavailable:
            bytes = answer(503, "Retry-After: 0\r\n", "");
            break;
        case Fault::broken:
            bytes = answer(500, "", "<html>broken</html>");
            break;
        case Fault::throttled:
            bytes = answer(429, "Retry-After: 0\r\n", R"({"code":"rate_limited","error":"Slow down."})");
            break;
        case Fault::garbage:
            bytes = "SSH-2.0-OpenSSH_9.2\r\n\r\n";
            break;
        case Fault::closes:
            bytes = user_answer(request, number, "Connection: close\r\n");
            break;
        case Fault::surplus:
            bytes = user_answer(request, number) + user_answer(request, number + 1);
            break;
        case Fault::half_answer:
            bytes = user_answer(request, number);
            bytes.resize(std::uniform_int_distribution<std::size_t>{1, bytes.size() - 1}(random_));
            break;
        case Fault::none:
        case Fault::closes_unsaid:
            bytes = user_answer(request, number);
            break;
        }
        const auto [ec, size] = co_await asio::async_write(stream, asio::buffer(bytes), as_tuple);
        if (ec)
            co_return false;
        if (fault == Fault::closes_unsaid) {
            // Some time within which the client may be about to send its next request.
            asio::steady_timer moment{context_,
                                      std::chrono::microseconds{std::uniform_int_distribution<>{0, 300}(random_)}};
            co_await moment.async_wait(as_tuple);
            co_return false;
        }
        co_return fault != Fault::half_answer&& fault != Fault::garbage&& fault != Fault::closes;
    }

    Fault choose()
    {
        double at = std::uniform_real_distribution{}(random_);
        for (std::size_t i = 1; i < fault_count; ++i) {
            at -= rates_.rates[i];
            if (at < 0)
                return static_cast<Fault>(i);
        }
        return Fault::none;
    }

    FaultRates rates_;
    std::mt19937 random_;
    std::vector<std::uint8_t> done_;
    std::array<std::uint64_t, fault_count> counts_{};
    std::uint64_t requests_ = 0;
    std::uint64_t connections_ = 0;

    test::Identity authority_;
    test::Identity identity_;
    asio::ssl::context tls_{asio::ssl::context::tls_server};
    std::list<tcp::socket*> sockets_;
    asio::io_context context_{1};
    tcp::acceptor acceptor_{context_};
    std::uint16_t port_ = 0;
    std::thread thread_;
};

LedgerServer::LedgerServer(std::size_t numbers, const FaultRates& rates, std::uint32_t seed)
    : impl_{std::make_unique<Impl>(numbers, rates, seed)}
{}

LedgerServer::~LedgerServer() = default;

std::string LedgerServer::base_url() const
{
    return "https://127.0.0.1:" + std::to_string(impl_->port()) + "/v1";
}

std::string LedgerServer::ca_pem() const
{
    return impl_->ca_pem();
}

void LedgerServer::restart()
{
    impl_->restart();
}

unsigned LedgerServer::done(std::size_t number) const
{
    return impl_->done(number);
}

std::uint64_t LedgerServer::count(Fault fault) const
{
    return impl_->count(fault);
}

std::uint64_t LedgerServer::requests() const
{
    return impl_->requests();
}

std::uint64_t LedgerServer::connections() const
{
    return impl_->connections();
}

} // namespace passage::stress
