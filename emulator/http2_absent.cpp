#include "http2_connection.hpp"

namespace passage::emulator {

bool has_http2()
{
    return false;
}

std::shared_ptr<Http2Connection> make_http2_connection(ByteStream&, Service&)
{
    return nullptr;
}

} // namespace passage::emulator
