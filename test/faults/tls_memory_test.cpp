// Clients made and calls over TLS while the Nth allocation of OpenSSL's fails, for every N.

#include "driver.hpp"

#include <boost/test/unit_test.hpp>

#include <openssl/crypto.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>

using namespace passage;
using namespace passage::test;

namespace {

/// Allocations until one fails; none fails if negative. Only on the thread that takes part: the server's must succeed.
std::atomic<long> allocations_left = -1;
/// Whether those after it fail too.
std::atomic<bool> all_fail = false;
thread_local bool takes_part = false;

bool fails_now() noexcept
{
    if (!takes_part || allocations_left < 0)
        return false;
    if (allocations_left == 0 && all_fail)
        return true;
    return allocations_left-- == 0;
}

void* allocate(std::size_t size, const char*, int)
{
    return fails_now() ? nullptr : std::malloc(size);
}

void* reallocate(void* memory, std::size_t size, const char*, int)
{
    return fails_now() ? nullptr : std::realloc(memory, size);
}

void release(void* memory, const char*, int)
{
    std::free(memory);
}

/// Possible only before OpenSSL's first allocation.
const bool is_in_place = CRYPTO_set_mem_functions(&allocate, &reallocate, &release) == 1;

/// Whether the allocation that was to fail was reached.
bool was_reached() noexcept
{
    return all_fail ? allocations_left == 0 : allocations_left < 0;
}

/// Whether OpenSSL reported a lack of memory and the error has another code. OpenSSL does not always report it: some of
/// its functions replace the error, and refuse a certificate that they have no memory to check.
bool hides_lack_of_memory(const Error& error)
{
    return error.code != Errc::no_memory && error.cause.message().find("malloc failure") != std::string::npos;
}

void fail_from(long n, bool all) noexcept
{
    all_fail = all;
    allocations_left = n;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_client_that_is_made_without_memory_does_not_blame_its_certificates)
{
    BOOST_TEST_REQUIRE(is_in_place);
    takes_part = true;
    Driver driver;
    const Config config = driver.config();
    for (const bool all : {false, true}) {
        count_case();
        int failures = 0;
        bool reached = true;
        for (long n = 0; reached; ++n) {
            count_run();
            fail_from(n, all);
            try {
                const auto client = Client::create(driver.context().get_executor(), config);
                if (!client)
                    BOOST_TEST(!hides_lack_of_memory(client.error()), "allocation " << n << ": " << client.error());
            } catch (const std::bad_alloc&) {
                ++failures;
            }
            reached = was_reached();
            allocations_left = -1;
        }
        BOOST_TEST(failures > 0);
    }
    takes_part = false;
}

BOOST_AUTO_TEST_CASE(a_call_that_openssl_has_no_memory_for_ends_as_a_lack_of_memory)
{
    BOOST_TEST_REQUIRE(is_in_place);
    takes_part = true;
    Driver driver;
    for (const bool all : {false, true}) {
        count_case();
        int failures = 0;
        bool reached = true;
        for (long n = 0; reached; ++n) {
            count_run();
            driver.server().plan({});
            Config config = driver.config();
            config.retry.max_attempts = 1;
            std::optional<Client> client{std::in_place, driver.context(), config};
            fail_from(n, all);
            std::optional<expected<UserInfo>> result;
            client->get_user("subject", [&](expected<UserInfo> user) { result.emplace(std::move(user)); });
            driver.context().restart();
            while (!result && driver.context().run_one() > 0) {
            }
            reached = was_reached();
            allocations_left = -1;
            BOOST_TEST_REQUIRE(result.has_value());
            if (!*result) {
                failures += result->error().code == Errc::no_memory;
                BOOST_TEST(!hides_lack_of_memory(result->error()), "allocation " << n << ": " << result->error());
            }
            client.reset();
            driver.context().restart();
            driver.context().run();
        }
        BOOST_TEST(failures > 0);
    }
    takes_part = false;
}
