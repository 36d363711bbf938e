// Keys made and signatures verified while the Nth allocation of OpenSSL's fails, for every N.

#include "jwt/public_key.hpp"

#include "support/openssl_memory.hpp"
#include "support/token_signer.hpp"

#include "jwt/base64url.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <new>
#include <span>
#include <string>

using namespace passage;

namespace {

std::string decoded(const std::string& text)
{
    std::array<char, jwt::PublicKey::max_bits / 8> buffer;
    std::span<char> room{buffer};
    return std::string{jwt::decode_base64url(text, room).value()};
}

/// Calls a function again and again, with another of its allocations failing each time. It must return true or throw
/// `std::bad_alloc`. Returns how often it threw.
template <class Function>
int with_failures(Function function)
{
    int failures = 0;
    for (const bool all : {false, true}) {
        bool reached = true;
        for (long n = 0; reached; ++n) {
            test::OpensslMemory::fail_from(n, all);
            bool right = true;
            try {
                right = function();
            } catch (const std::bad_alloc&) {
                ++failures;
            }
            reached = test::OpensslMemory::stop();
            BOOST_TEST(right, "allocation " << n << (all ? " and all after it" : ""));
        }
    }
    return failures;
}

} // namespace

BOOST_AUTO_TEST_SUITE(memory)

BOOST_AUTO_TEST_CASE(want_of_memory_says_nothing_of_a_key_or_a_signature)
{
    BOOST_TEST_REQUIRE(test::OpensslMemory::is_in_place());
    const test::TokenSigner signer{"k1"};
    const std::string modulus = decoded(signer.modulus());
    const std::string exponent = decoded(signer.exponent());
    const std::string message = "header.payload";
    const std::string signature = signer.signature(message);
    const auto key = jwt::PublicKey::create(modulus, exponent);
    BOOST_TEST_REQUIRE(key.has_value());
    BOOST_TEST_REQUIRE(key->verifies(message, signature));

    BOOST_TEST(with_failures([&] { return jwt::PublicKey::create(modulus, exponent).has_value(); }) > 0);
    BOOST_TEST(with_failures([&] { return key->verifies(message, signature); }) > 0);
    BOOST_TEST(with_failures([&] { return !key->verifies("header.other", signature); }) > 0);
}

BOOST_AUTO_TEST_CASE(no_signature_is_taken_for_want_of_memory)
{
    const test::TokenSigner signer{"k1"};
    const auto key = jwt::PublicKey::create(decoded(signer.modulus()), decoded(signer.exponent()));
    BOOST_TEST_REQUIRE(key.has_value());
    for (const char filler : {'\0', '\1', '\x7f', '\xff'})
        for (std::size_t size = 0; size <= 520; ++size)
            BOOST_TEST(!key->verifies("header.payload", std::string(size, filler)));
}

BOOST_AUTO_TEST_SUITE_END()
