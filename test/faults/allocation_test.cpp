// A call during which the Nth allocation fails, for every N.

#include "driver.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <new>

using namespace passage;
using namespace passage::test;

namespace {

/// Allocations until one fails; none if negative. Of this thread only: the server's must succeed.
thread_local long allocations_left = -1;

bool fails_now() noexcept
{
    return allocations_left >= 0 && allocations_left-- == 0;
}

} // namespace

void* operator new(std::size_t size)
{
    void* const memory = fails_now() ? nullptr : std::malloc(size > 0 ? size : 1);
    if (!memory)
        throw std::bad_alloc{};
    return memory;
}

void operator delete(void* memory) noexcept
{
    std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept
{
    std::free(memory);
}

BOOST_AUTO_TEST_CASE(every_allocation_of_a_call_may_fail)
{
    Driver driver;
    asio::io_context& context = driver.context();
    for (const Operation operation : {Operation::get, Operation::create, Operation::find})
        for (const bool warm : {false, true}) {
            count_case();
            bool failed = true;
            long n = 0;
            for (; failed; ++n) {
                BOOST_TEST_CONTEXT("operation " << static_cast<int>(operation) << (warm ? ", warm" : ", cold")
                                                << ", allocation " << n)
                {
                    count_run();
                    const std::size_t descriptors = open_descriptors();
                    driver.server().plan({});
                    Config config = driver.config();
                    config.timeouts.total = std::chrono::seconds{5};
                    std::optional<Client> client{std::in_place, context, config};
                    if (warm)
                        BOOST_TEST(driver.run(get(*client, "warm")).id == "warm");

                    int completions = 0;
                    bool thrown = false;
                    Result result;
                    context.restart();
                    allocations_left = n;
                    try {
                        asio::co_spawn(context, perform(*client, operation),
                                       [&](std::exception_ptr error, Result value) {
                                           ++completions;
                                           thrown = thrown || error;
                                           result = std::move(value);
                                       });
                        while (completions == 0 && context.run_one() > 0) {
                        }
                    } catch (const std::bad_alloc&) {
                        thrown = true;
                    }
                    failed = allocations_left < 0;
                    allocations_left = -1;

                    // The call's own result, or an exception out of the context: never neither.
                    BOOST_TEST((completions == 1 || thrown));
                    if (!failed)
                        BOOST_TEST((!thrown && !result.error));
                    BOOST_TEST(driver.run(get(*client, "sentinel")).id == "sentinel");
                    client.reset();
                    context.restart();
                    context.run();
                    BOOST_TEST(completions <= 1);
                    BOOST_TEST(driver.server().finish() == "");
                    BOOST_TEST(open_descriptors() == descriptors);
                }
            }
            BOOST_TEST(n > 3);
        }
}
