// What the benchmarks measure with.

#include "bench/heap.hpp"
#include "bench/histogram.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

using namespace passage::bench;
using namespace std::chrono;

namespace {

/// Prevents the compiler from removing an unused allocation.
void* volatile kept = nullptr;

HeapUse use_of(void* (*allocate)(), void (*release)(void*))
{
    const HeapUse before = heap_use();
    kept = allocate();
    const HeapUse use = heap_use() - before;
    release(kept);
    return use;
}

void check_use(const HeapUse& use, std::uint64_t bytes)
{
    BOOST_TEST(use.allocations == 1U);
    BOOST_TEST(use.bytes == bytes);
}

} // namespace

BOOST_AUTO_TEST_CASE(percentiles_are_right_to_a_64th)
{
    Histogram histogram;
    for (int i = 1; i <= 100'000; ++i)
        histogram.add(nanoseconds{i});
    for (const double share : {0.001, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const double right = share * 100'000;
        const auto measured = static_cast<double>(histogram.percentile(share));
        BOOST_TEST(measured >= right);
        BOOST_TEST(measured <= right * (1 + 1.0 / 64));
    }
}

BOOST_AUTO_TEST_CASE(short_times_are_exact)
{
    for (int i = 0; i < 128; ++i) {
        Histogram histogram;
        histogram.add(nanoseconds{i});
        BOOST_TEST(histogram.percentile(0.5) == static_cast<std::uint64_t>(i));
    }
}

BOOST_AUTO_TEST_CASE(no_time_is_too_long_or_too_short)
{
    Histogram histogram;
    histogram.add(nanoseconds::max());
    histogram.add(nanoseconds{-1});
    BOOST_TEST(histogram.percentile(0.5) == 0U);
    BOOST_TEST(histogram.percentile(1) == static_cast<std::uint64_t>(nanoseconds::max().count()));
}

BOOST_AUTO_TEST_CASE(an_empty_histogram_has_no_percentiles)
{
    BOOST_TEST(Histogram{}.percentile(0.99) == 0U);
}

BOOST_AUTO_TEST_CASE(each_way_to_the_heap_is_counted_once)
{
    check_use(use_of([] { return std::malloc(100); }, std::free), 100);
    check_use(use_of([] { return std::calloc(10, 20); }, std::free), 200);
    check_use(use_of([] { return std::aligned_alloc(64, 640); }, std::free), 640);
    check_use(use_of([] { return ::operator new(300); }, [](void* block) { ::operator delete(block); }), 300);

    kept = std::malloc(10);
    check_use(use_of([] { return std::realloc(kept, 10'000); }, std::free), 10'000);
}

BOOST_AUTO_TEST_CASE(threads_are_counted_apart)
{
    const HeapUse before = heap_use();
    HeapUse theirs;
    std::thread thread{[&] { theirs = use_of([] { return std::malloc(1'000'000); }, std::free); }};
    thread.join();
    BOOST_TEST(theirs.bytes == 1'000'000U);
    BOOST_TEST((heap_use() - before).bytes < 1'000'000U);
}
