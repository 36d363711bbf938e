#include "report.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <cstdio>
#include <utility>

namespace passage::bench {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<const char*, double>, 5> percentiles{
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}, {"max", 1}}};

template <class Number>
double each(Number sum, std::size_t count)
{
    return static_cast<double>(sum) / static_cast<double>(count);
}

/// What is measured of each request.
std::map<std::string, double> costs(const Report& report)
{
    const Usage& usage = *report.usage;
    std::map<std::string, double> costs{
        {"cpu_us", each(usage.cpu.count(), report.requests)},
        {"wall_us", each(usage.wall.count(), report.requests) / 1000},
        {"allocations", each(usage.heap.allocations, report.requests)},
        {"allocated_bytes", each(usage.heap.bytes, report.requests)},
    };
    if (usage.server_cpu.count() != 0)
        costs["server_cpu_us"] = each(usage.server_cpu.count(), report.requests);
    return costs;
}

} // namespace

Report::Report(std::size_t calls, const Tally& tally, const Usage& spent)
    : requests{calls}, errors{tally.errors}, first_error{tally.first_error()}, usage{spent}
{
    for (const auto& [name, share] : percentiles)
        latency[name] = tally.latency.percentile(share);
}

Report memory_report(const MemoryUse& all, std::size_t count, const Tally& tally)
{
    Report report;
    report.errors = tally.errors;
    report.first_error = tally.first_error();
    report.values["resident_bytes_each"] = each(all.resident, count);
    report.values["heap_bytes_each"] = each(all.heap, count);
    return report;
}

std::string to_json(const std::string& client, const std::string& scenario, std::size_t connections,
                    const Report& report)
{
    json::object line{
        {"client", client},        {"scenario", scenario}, {"connections", connections}, {"requests", report.requests},
        {"errors", report.errors},
    };
    if (!report.first_error.empty())
        line["first_error"] = report.first_error;
    if (report.usage) {
        for (const auto& [name, value] : costs(report))
            line[name] = value;
    }
    if (!report.latency.empty()) {
        json::object& latency = line["latency_us"].emplace_object();
        for (const auto& [name, nanoseconds] : report.latency)
            latency[name] = static_cast<double>(nanoseconds) / 1000;
    }
    for (const auto& [name, value] : report.values)
        line[name] = value;
    return json::serialize(line);
}

std::string to_text(const std::string& client, const std::string& scenario, std::size_t connections,
                    const Report& report)
{
    std::string text = client + " " + scenario + ", " + std::to_string(connections) + " connections";
    if (report.requests != 0)
        text += ", " + std::to_string(report.requests) + " requests, " + std::to_string(report.errors) + " errors";
    if (!report.first_error.empty())
        text += ": " + report.first_error;
    const auto add = [&](const std::string& name, double value) {
        std::array<char, 128> line{};
        std::snprintf(line.data(), line.size(), "\n%14.2f  %s", value, name.c_str());
        text += line.data();
    };
    if (report.usage) {
        for (const auto& [name, value] : costs(report))
            add(name, value);
    }
    for (const auto& [name, share] : percentiles) {
        if (const auto found = report.latency.find(name); found != report.latency.end())
            add(std::string{name} + "_us", static_cast<double>(found->second) / 1000);
    }
    for (const auto& [name, value] : report.values)
        add(name, value);
    return text;
}

} // namespace passage::bench
