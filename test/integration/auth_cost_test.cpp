// What a check costs whose key is there: memory, which is counted, and time beside OpenSSL's bare verification, which
// is printed.

#include "support/token_signer.hpp"

#include <passage/auth.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <openssl/x509.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <new>

using namespace passage;
namespace asio = boost::asio;

namespace {

thread_local std::size_t allocations = 0;

} // namespace

void* operator new(std::size_t size)
{
    ++allocations;
    if (void* const memory = std::malloc(size > 0 ? size : 1))
        return memory;
    throw std::bad_alloc{};
}

void operator delete(void* memory) noexcept
{
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept
{
    std::free(memory);
}

namespace {

using Clock = std::chrono::steady_clock;

constexpr int checks = 200;

/// The time that one of many takes, where the machine did nothing else.
template <class Repeat>
double least_microseconds(Repeat repeat)
{
    auto least = Clock::duration::max();
    for (int round = 0; round < 25; ++round) {
        const auto begin = Clock::now();
        repeat();
        least = std::min(least, Clock::now() - begin);
    }
    return std::chrono::duration<double, std::micro>{least}.count() / checks;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_check_takes_no_memory_beyond_the_claims_and_little_time_beyond_the_signature)
{
    const test::TokenSigner signer{"k1"};
    const std::string payload =
        R"({"sub":"h7dOU3v2QkrhVNcdBuTKCzpE","aud":["app"],"iss":"app","exp":4000000000,"iat":1700000000,"nbf":1700000000})";
    const std::string token = signer.sign(payload);
    Config config;
    config.app_id = "app";
    AuthOptions options;
    options.keys = test::key_set({signer.jwk()});
    asio::io_context context;
    Authenticator authenticator{context, config, options};

    const auto check = [&](std::size_t& counted) -> asio::awaitable<void> {
        for (int i = 0; i < checks; ++i) {
            const std::size_t before = allocations;
            const auto claims = co_await authenticator.authenticate(token);
            counted = allocations - before;
            if (!claims)
                BOOST_ERROR(claims.error());
        }
    };
    std::size_t counted = 0;
    const auto run = [&] {
        asio::co_spawn(context, check(counted), [](std::exception_ptr error) {
            if (error)
                std::rethrow_exception(error);
        });
        context.restart();
        context.run();
    };
    run();
    BOOST_TEST(counted == 3u); // sub, the list of aud, and the payload; aud and iss are short

    const std::string der = signer.public_der();
    const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{
        d2i_PUBKEY(nullptr, &bytes, static_cast<long>(der.size())), EVP_PKEY_free};
    const std::string message = token.substr(0, token.rfind('.'));
    const std::string signature = signer.signature(message);
    const auto as_bytes = [](const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); };
    const auto verify = [&] {
        for (int i = 0; i < checks; ++i) {
            EVP_MD_CTX* const md = EVP_MD_CTX_new();
            const bool good =
                EVP_DigestVerifyInit(md, nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
                EVP_DigestVerify(md, as_bytes(signature), signature.size(), as_bytes(message), message.size()) == 1;
            EVP_MD_CTX_free(md);
            if (!good)
                BOOST_ERROR("the signature is not good");
        }
    };
    const double bare = least_microseconds(verify);
    const double whole = least_microseconds(run);
    std::cout << "a check takes " << whole << " us, of which OpenSSL's verification " << bare << " us: " << whole / bare
              << " times as long\n";
}
