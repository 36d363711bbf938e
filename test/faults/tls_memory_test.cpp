// Clients made and calls over TLS while the Nth allocation of OpenSSL's fails, for every N.

#include "driver.hpp"

#include "support/openssl_memory.hpp"

#include <boost/test/unit_test.hpp>

#include <new>
#include <optional>
#include <string>

using namespace passage;
using namespace passage::test;

namespace {

/// Whether OpenSSL reported a lack of memory and the error has another code. OpenSSL does not always report it: some of
/// its functions replace the error, and refuse a certificate that they have no memory to check.
bool hides_lack_of_memory(const Error& error)
{
    return error.code != Errc::no_memory && error.cause.message().find("malloc failure") != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_client_that_is_made_without_memory_does_not_blame_its_certificates)
{
    BOOST_TEST_REQUIRE(OpensslMemory::is_in_place());
    Driver driver;
    const Config config = driver.config();
    for (const bool all : {false, true}) {
        count_case();
        int failures = 0;
        bool reached = true;
        bool made = false;
        for (long n = 0; reached; ++n) {
            count_run();
            made = false;
            OpensslMemory::fail_from(n, all);
            try {
                const auto client = Client::create(driver.context().get_executor(), config);
                made = client.has_value();
                if (!client)
                    BOOST_TEST(!hides_lack_of_memory(client.error()), "allocation " << n << ": " << client.error());
            } catch (const std::bad_alloc&) {
                ++failures;
            }
            reached = OpensslMemory::stop();
        }
        BOOST_TEST(made); // with all the memory that it needs
        BOOST_TEST(failures > 0);
    }
}

BOOST_AUTO_TEST_CASE(a_call_that_openssl_has_no_memory_for_ends_as_a_lack_of_memory)
{
    BOOST_TEST_REQUIRE(OpensslMemory::is_in_place());
    Driver driver;
    for (const bool all : {false, true}) {
        count_case();
        int failures = 0;
        bool reached = true;
        bool succeeded = false;
        for (long n = 0; reached; ++n) {
            count_run();
            driver.server().plan({});
            Config config = driver.config();
            config.retry.max_attempts = 1;
            std::optional<Client> client{std::in_place, driver.context(), config};
            OpensslMemory::fail_from(n, all);
            std::optional<expected<UserInfo>> result;
            client->get_user("subject", [&](expected<UserInfo> user) { result.emplace(std::move(user)); });
            driver.context().restart();
            while (!result && driver.context().run_one() > 0) {
            }
            reached = OpensslMemory::stop();
            BOOST_TEST_REQUIRE(result.has_value());
            succeeded = result->has_value();
            if (!*result) {
                failures += result->error().code == Errc::no_memory;
                BOOST_TEST(!hides_lack_of_memory(result->error()), "allocation " << n << ": " << result->error());
            }
            client.reset();
            driver.context().restart();
            driver.context().run();
        }
        BOOST_TEST(succeeded); // with all the memory that it needs
        BOOST_TEST(failures > 0);
    }
}
