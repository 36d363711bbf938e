#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace passage::stress {

/// A service that answers truly (see answers.hpp), if it does: some connections are never greeted, some handshakes
/// hang, some connections are reset, and some answers come late or never. Its token keys change all the time.
///
/// It listens twice: with TLS, for 127.0.0.1 and each name within "stress.test", and without. With TLS, half of its
/// connections speak HTTP/2 if the client offers it. Runs on a thread of its own.
class UnsteadyServer
{
public:
    explicit UnsteadyServer(std::uint32_t seed);
    ~UnsteadyServer();

    std::string base_url(bool secure, std::string_view host) const;
    std::string ca_pem() const;
    /// A token of a user, by one of its keys, which may be in its set of keys at the moment or not. Any thread.
    const std::string& token(std::size_t key, std::size_t user) const;

    static constexpr std::size_t token_keys = 3;
    static constexpr std::size_t token_users = 8;

    std::uint64_t connections() const;
    std::uint64_t requests() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace passage::stress
