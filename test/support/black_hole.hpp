#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace passage::test {

/// An address that neither accepts nor refuses connections. Its accept queue is full, so that the system drops further
/// attempts.
class BlackHole
{
public:
    /// Port 0: any.
    explicit BlackHole(const boost::asio::ip::address& address, std::uint16_t port = 0) : listener_{context_}
    {
        listener_.open(address.is_v6() ? Tcp::v6() : Tcp::v4());
        listener_.bind({address, port});
        listener_.listen(0); // room for one
        Tcp::socket{context_}.connect(listener_.local_endpoint());
    }

    std::uint16_t port() const { return listener_.local_endpoint().port(); }

private:
    using Tcp = boost::asio::ip::tcp;
    boost::asio::io_context context_;
    Tcp::acceptor listener_;
};

} // namespace passage::test
