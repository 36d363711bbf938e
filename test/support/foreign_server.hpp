#pragma once

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace passage::test {

/// A server that nobody here wrote, as a process of its own, with a certificate for localhost. It answers
/// `GET /v1/apps/app/users/u1` with a user.
class ForeignServer
{
public:
    /// nghttpd, which allows so many streams a connection.
    static ForeignServer nghttpd(unsigned streams);
    /// nginx. `directives` are of the server; `tls_options` is empty or " http2".
    static ForeignServer nginx(std::string_view tls_options, std::string_view directives);
    /// Proxies that demand credentials, "user:password"; squid with or without TLS.
    static ForeignServer tinyproxy(const std::string& credentials);
    static ForeignServer squid(const std::string& credentials, bool tls);

    ForeignServer(ForeignServer&& other) noexcept;
    ForeignServer& operator=(ForeignServer&&) = delete;
    ~ForeignServer();

    /// For a precondition: whether these programs are installed. With PASSAGE_TEST_PEERS=1 in the environment the
    /// answer is yes, so that tests fail for want of them rather than skip.
    static boost::test_tools::assertion_result are_installed(const std::vector<std::string>& programs);

    std::string base_url() const { return "https://localhost:" + std::to_string(port_) + "/v1"; }
    const std::string& ca_pem() const noexcept { return ca_pem_; }
    unsigned port() const noexcept { return port_; }

    /// What a proxy wrote down of its requests.
    std::string log() const;

    /// Sends a signal to the server.
    void signal(int number) const;

private:
    ForeignServer();
    void start(const std::function<std::vector<std::string>(unsigned port)>& command);

    std::filesystem::path folder_;
    std::string ca_pem_;
    pid_t process_ = -1;
    unsigned port_ = 0;
};

} // namespace passage::test
