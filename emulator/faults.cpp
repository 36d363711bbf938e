#include <passage/emulator.hpp>

#include "http2_connection.hpp"
#include "routes.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <stdexcept>

namespace passage {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds longest = std::chrono::hours{24};
constexpr std::uint32_t most_streams = 1000;

[[noreturn]] void fail(const std::string& why)
{
    throw std::invalid_argument("fault: " + why);
}

/// Throws the error for a fault given as text.
[[noreturn]] void fail(std::string_view text, std::string_view why)
{
    std::string sentence{'"'};
    sentence.append(text).append("\" ").append(why);
    fail(sentence);
}

void require_http2(const std::string& name)
{
    if (!emulator::has_http2()) {
        fail(name + " needs HTTP/2, and this emulator was built without it");
    }
}

double checked_rate(double rate)
{
    if (!(rate >= 0 && rate <= 1)) {
        fail("a rate must be a number from 0 to 1");
    }
    return rate;
}

template <class Time>
Time checked_time(Time time)
{
    if (time < Time{0} || time > longest) {
        fail("a time must be from 0 to a day");
    }
    return time;
}

template <class Number>
Number number_of(std::string_view text, std::string_view whole)
{
    Number number{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end) {
        fail(whole, "has no number where one is needed");
    }
    return number;
}

/// Splits off the part before a separator. `rest` becomes what follows, or nullopt without a separator.
std::string_view take(std::optional<std::string_view>& rest, char separator)
{
    const std::string_view text = rest.value_or(std::string_view{});
    const std::size_t end = text.find(separator);
    rest = end == std::string_view::npos ? std::nullopt : std::optional{text.substr(end + 1)};
    return text.substr(0, end);
}

constexpr std::string_view app_pattern = "/v1/apps/{}";

/// The pattern of endpoints that a path stands for: `/users/{id}`, or `/apps/{app_id}/users/{id}`.
std::string pattern_of(std::string_view path)
{
    std::string pattern;
    while (!path.empty()) {
        const std::size_t name = std::min(path.find('{'), path.size());
        const std::size_t end = std::min(path.find('}', name), path.size());
        pattern.append(path.substr(0, name)).append(end < path.size() ? "{}" : "");
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    if (!pattern.starts_with('/')) {
        return pattern; // of no endpoint
    }
    return std::string{pattern.starts_with("/apps/{}") ? "/v1" : app_pattern} + pattern;
}

/// The index of the endpoint that a route names.
std::size_t endpoint_named(std::string_view route)
{
    std::optional<std::string_view> path = route;
    const std::string_view method = take(path, ' ');
    const std::string pattern = pattern_of(path.value_or(std::string_view{}));
    const std::vector<emulator::Endpoint> endpoints = emulator::endpoints();
    std::string known;
    for (std::size_t index = 0; index < endpoints.size(); ++index) {
        const emulator::Endpoint& each = endpoints[index];
        if (!each.pattern.starts_with(app_pattern)) {
            continue; // not affected by faults
        }
        if (each.method == method && each.pattern == pattern) {
            return index;
        }
        const std::string_view rest = each.pattern.substr(app_pattern.size());
        known.append(known.empty() ? "" : ", ")
            .append(each.method)
            .append(" ")
            .append(rest.empty() ? "/apps/{}" : rest);
    }
    fail(route, "is not a route; the routes are: " + known);
}

/// Parses `KIND[=VALUE][@RATE][,NAME=VALUE]...`.
class Words
{
public:
    explicit Words(std::string_view text) : whole_(text)
    {
        std::optional<std::string_view> rest = text;
        rate_ = take(rest, ',');
        value_ = take(rate_, '@');
        kind_ = take(value_, '=');
        while (rest) {
            std::optional<std::string_view> option = take(rest, ',');
            const std::string_view name = take(option, '=');
            if (!option || !options_.emplace(name, *option).second) {
                fail(text, "is malformed");
            }
        }
    }

    std::string_view kind() const { return kind_; }
    bool has_value() const { return value_.has_value(); }
    template <class Number>
    Number value(std::string_view unit = {}) const
    {
        std::string_view text = value_.value_or(std::string_view{});
        if (!text.ends_with(unit)) {
            fail(whole_, std::string{"must be in the unit "}.append(unit));
        }
        text.remove_suffix(unit.size());
        return number_of<Number>(text, whole_);
    }
    double rate()
    {
        const auto text = std::exchange(rate_, std::nullopt);
        return text ? number_of<double>(*text, whole_) : 1;
    }
    template <class Number>
    Number option(std::string_view name, Number otherwise)
    {
        const auto node = options_.extract(name);
        return node ? number_of<Number>(node.mapped(), whole_) : otherwise;
    }
    std::optional<std::string_view> route()
    {
        const auto node = options_.extract("route");
        return node ? std::optional{node.mapped()} : std::nullopt;
    }
    /// Throws if the text has parts that were not read.
    void end() const
    {
        if (rate_ || !options_.empty()) {
            fail(whole_, "says more than this fault knows");
        }
    }

private:
    std::string_view whole_;
    std::string_view kind_;
    std::optional<std::string_view> value_;
    std::optional<std::string_view> rate_;
    std::map<std::string_view, std::string_view> options_;
};

} // namespace

Faults::Faults() = default;

Faults& Faults::latency(milliseconds time, milliseconds jitter)
{
    latency_ = checked_time(time);
    jitter_ = checked_time(jitter);
    return *this;
}

Faults& Faults::error(unsigned status, double rate)
{
    if (status < 400 || status > 599) {
        fail("the status of an error must be 400 to 599");
    }
    errors_.emplace_back(status, checked_rate(rate));
    return *this;
}

Faults& Faults::close_after(std::uint64_t count)
{
    if (count == 0) {
        fail("a connection can be closed after 1 request or more");
    }
    close_after_ = count;
    return *this;
}

Faults& Faults::reset(double rate)
{
    reset_rate_ = checked_rate(rate);
    return *this;
}

Faults& Faults::cut_after(std::size_t bytes, double rate)
{
    cut_rate_ = checked_rate(rate);
    cut_after_ = bytes;
    return *this;
}

Faults& Faults::throttle(double requests_per_second, seconds retry_after)
{
    if (!(requests_per_second > 0 && requests_per_second <= 1e9)) {
        fail("the requests a second must be more than 0, and at most 1e9");
    }
    retry_after_ = checked_time(retry_after);
    requests_per_second_ = requests_per_second;
    return *this;
}

Faults& Faults::refuse(double rate)
{
    require_http2("refuse");
    refuse_rate_ = checked_rate(rate);
    return *this;
}

Faults& Faults::goaway_after(std::uint64_t count)
{
    require_http2("goaway");
    if (count == 0) {
        fail("a connection can go away after 1 request or more");
    }
    goaway_after_ = count;
    return *this;
}

Faults& Faults::max_streams(std::uint32_t count)
{
    require_http2("streams");
    if (count > most_streams) {
        fail("a connection can have 0 to 1000 streams");
    }
    max_streams_ = count;
    return *this;
}

Faults& Faults::seed(std::uint64_t number)
{
    seed_ = number;
    return *this;
}

Faults& Faults::for_route(std::string_view route, const Faults& faults)
{
    const std::size_t endpoint = endpoint_named(route);
    if (faults.max_streams_) {
        fail("streams affects whole connections, and not one route");
    }
    if (faults.seed_) {
        fail("seed affects all faults, and not those of one route");
    }
    if (!faults.of_routes_.empty()) {
        fail("the faults of a route cannot have routes themselves");
    }
    of_routes_.emplace_back(endpoint, faults);
    return *this;
}

Faults& Faults::add(std::string_view text)
{
    Words words{text};
    const std::optional<std::string_view> route = words.route();
    Faults of_route;
    Faults& faults = route ? of_route : *this;
    if (words.kind() == "latency") {
        faults.latency(milliseconds{words.value<std::int64_t>()},
                       milliseconds{words.option<std::int64_t>("jitter", 0)});
    } else if (words.kind() == "error") {
        faults.error(words.value<unsigned>(), words.rate());
    } else if (words.kind() == "close") {
        faults.close_after(words.value<std::uint64_t>());
    } else if (words.kind() == "reset" && !words.has_value()) {
        faults.reset(words.rate());
    } else if (words.kind() == "cut") {
        faults.cut_after(words.value<std::size_t>(), words.rate());
    } else if (words.kind() == "throttle") {
        faults.throttle(words.value<double>("/s"), seconds{words.option<std::int64_t>("retry-after", 1)});
    } else if (words.kind() == "refuse" && !words.has_value()) {
        faults.refuse(words.rate());
    } else if (words.kind() == "goaway") {
        faults.goaway_after(words.value<std::uint64_t>());
    } else if (words.kind() == "streams") {
        faults.max_streams(words.value<std::uint32_t>());
    } else if (words.kind() == "seed") {
        faults.seed(words.value<std::uint64_t>());
    } else {
        fail(text, "is none of latency=MS, error=STATUS, close=COUNT, reset, cut=BYTES, throttle=COUNT/s, refuse, "
                   "goaway=COUNT, streams=COUNT, seed=NUMBER");
    }
    words.end();
    return route ? for_route(*route, of_route) : *this;
}

bool Faults::any() const
{
    return latency_.count() > 0 || jitter_.count() > 0 || !errors_.empty() || close_after_ != 0 || reset_rate_ > 0 ||
           cut_rate_ > 0 || requests_per_second_ > 0 || refuse_rate_ > 0 || goaway_after_ != 0 ||
           std::ranges::any_of(of_routes_, [](const auto& each) { return each.second.any(); });
}

} // namespace passage
