#pragma once

#include "histogram.hpp"
#include "meter.hpp"

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace passage::bench {

/// What calls came to, while they are made. Any thread.
struct Tally
{
    Histogram latency;
    std::atomic<std::size_t> errors{0};

    /// Counts an error; the first one is kept.
    void fail(std::string what)
    {
        if (errors.fetch_add(1) == 0) {
            const std::lock_guard lock{mutex_};
            first_error_ = std::move(what);
        }
    }

    void add(const Tally& other)
    {
        latency.add(other.latency);
        if (other.errors > 0 && errors.fetch_add(other.errors) == 0) {
            const std::lock_guard lock{mutex_};
            first_error_ = other.first_error();
        }
    }

    std::string first_error() const
    {
        const std::lock_guard lock{mutex_};
        return first_error_;
    }

private:
    mutable std::mutex mutex_;
    std::string first_error_;
};

/// What a run showed.
struct Report
{
    std::size_t requests = 0;
    std::size_t errors = 0;
    std::string first_error;
    std::optional<Usage> usage;
    /// By the names of percentiles, in nanoseconds.
    std::map<std::string, std::uint64_t> latency;
    /// What only this scenario measures; the unit is part of the name.
    std::map<std::string, double> values;

    Report() = default;
    /// Of calls of which each was timed.
    Report(std::size_t calls, const Tally& tally, const Usage& spent);
    /// Of work that was repeated so often.
    Report(std::size_t repetitions, const Usage& spent) : requests{repetitions}, usage{spent} {}
};

/// Of `count` things that took this memory together; `tally` is of the calls that were made with them.
Report memory_report(const MemoryUse& all, std::size_t count, const Tally& tally);

/// A line of JSON, as the peers that are programs of their own print it too.
std::string to_json(const std::string& client, const std::string& scenario, std::size_t connections,
                    const Report& report);

/// A few lines for people.
std::string to_text(const std::string& client, const std::string& scenario, std::size_t connections,
                    const Report& report);

} // namespace passage::bench
