#include <passage/opentelemetry.hpp>

#include <opentelemetry/common/key_value_iterable_view.h>
#include <opentelemetry/context/runtime_context.h>
#include <opentelemetry/metrics/meter.h>
#include <opentelemetry/metrics/noop.h>
#include <opentelemetry/metrics/provider.h>
#include <opentelemetry/metrics/sync_instruments.h>
#include <opentelemetry/nostd/span.h>
#include <opentelemetry/nostd/string_view.h>
#include <opentelemetry/nostd/unique_ptr.h>
#include <opentelemetry/trace/context.h>
#include <opentelemetry/trace/noop.h>
#include <opentelemetry/trace/provider.h>
#include <opentelemetry/trace/tracer.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace passage {
namespace {

namespace common = ::opentelemetry::common;
namespace context = ::opentelemetry::context;
namespace metrics = ::opentelemetry::metrics;
namespace nostd = ::opentelemetry::nostd;
namespace trace = ::opentelemetry::trace;

using Attribute = std::pair<nostd::string_view, common::AttributeValue>;
using Attributes = std::vector<Attribute>;
using SystemClock = std::chrono::system_clock;
using SteadyClock = std::chrono::steady_clock;

constexpr const char* schema = "https://opentelemetry.io/schemas/1.29.0";

/// OpenTelemetry may be built with a string view of its own.
nostd::string_view view(std::string_view text) noexcept
{
    return {text.data(), text.size()};
}

/// Attributes hold numbers of fixed types.
common::AttributeValue number(std::int64_t value) noexcept
{
    return value;
}

void add_server(Attributes& attributes, std::string_view address, std::uint16_t port)
{
    attributes.emplace_back("server.address", view(address));
    attributes.emplace_back("server.port", number(port));
}

/// The value of `error.type`; empty after a success or a cancellation.
std::string error_type(const std::optional<FailedAttempt>& failure)
{
    if (!failure || failure->code == Errc::cancelled)
        return {};
    if (failure->http_status != 0 && (failure->code == Errc::api || failure->code == Errc::rate_limited))
        return std::to_string(failure->http_status);
    return make_error_code(failure->code).message();
}

void set_outcome(trace::Span& span, const std::optional<FailedAttempt>& failure, const std::string& type)
{
    if (!type.empty()) {
        span.SetAttribute("error.type", view(type));
        span.SetStatus(trace::StatusCode::kError, failure->cause ? view(failure->cause.message()) : "");
    } else if (failure) {
        span.SetAttribute("passage.cancelled", true);
    }
}

/// The path with `REDACTED` in place of each id.
std::string redacted(std::string_view path_template)
{
    std::string url;
    for (;;) {
        const std::size_t begin = path_template.find('{');
        url.append(path_template.substr(0, begin));
        if (begin == path_template.npos)
            return url;
        url += "REDACTED";
        path_template.remove_prefix(std::min(path_template.find('}', begin), path_template.size() - 1) + 1);
    }
}

/// Where the requests of a call go.
struct Target
{
    explicit Target(const CallStarted& call)
        : server_address{call.server_address},
          server_port{call.server_port},
          app_url{call.app_url},
          scheme{call.app_url.substr(0, call.app_url.find(':'))}
    {
        const std::size_t path = app_url.find('/', scheme.size() + 3);
        app_template = app_url.substr(path, app_url.rfind('/') + 1 - path) + "{app_id}";
    }

    std::string server_address;
    std::uint16_t server_port;
    std::string app_url;
    std::string scheme;
    std::string app_template; ///< The path of `app_url`: "/v1/apps/{app_id}".
};

/// The instruments of a provider.
struct Instruments
{
    explicit Instruments(nostd::shared_ptr<metrics::MeterProvider> meters)
        : provider{std::move(meters)}, meter{provider->GetMeter("passage", PASSAGE_VERSION, schema)}
    {
        duration =
            meter->CreateDoubleHistogram("http.client.request.duration", "Duration of HTTP client requests.", "s");
        active_requests = meter->CreateInt64UpDownCounter("http.client.active_requests",
                                                          "Number of active HTTP requests.", "{request}");
        open_connections = meter->CreateInt64UpDownCounter(
            "http.client.open_connections",
            "Number of outbound HTTP connections that are currently active or idle on the client.", "{connection}");
    }

    nostd::shared_ptr<metrics::MeterProvider> provider; ///< In SDK 1.19 the instruments refer to its views.
    nostd::shared_ptr<metrics::Meter> meter;
    nostd::unique_ptr<metrics::Histogram<double>> duration;
    nostd::unique_ptr<metrics::UpDownCounter<std::int64_t>> active_requests;
    nostd::unique_ptr<metrics::UpDownCounter<std::int64_t>> open_connections;
};

/// Returns the instruments of a provider. All observers share them: if an instrument is made twice, SDK 1.19 exports
/// the values of the second alone.
std::shared_ptr<const Instruments> instruments_of(nostd::shared_ptr<metrics::MeterProvider> provider)
{
    static std::mutex mutex;
    static std::map<const metrics::MeterProvider*, std::weak_ptr<const Instruments>> all;
    const std::lock_guard lock{mutex};
    std::erase_if(all, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<const Instruments>& shared = all[provider.get()];
    auto instruments = shared.lock();
    if (!instruments)
        shared = instruments = std::make_shared<const Instruments>(std::move(provider));
    return instruments;
}

/// The tracer and the instruments. Shared by an observer and its calls.
struct Telemetry
{
    explicit Telemetry(const OpenTelemetryOptions& options)
        : tracers{options.tracer_provider ? options.tracer_provider : trace::Provider::GetTracerProvider()}
    {
        auto meters = options.meter_provider ? options.meter_provider : metrics::Provider::GetMeterProvider();
        // A program may have set the global providers to null.
        if (!tracers)
            tracers = nostd::shared_ptr<trace::TracerProvider>{new trace::NoopTracerProvider};
        if (!meters)
            meters = nostd::shared_ptr<metrics::MeterProvider>{new metrics::NoopMeterProvider};
        tracer = tracers->GetTracer("passage", PASSAGE_VERSION, schema);
        instruments = instruments_of(std::move(meters));
    }

    nostd::shared_ptr<trace::TracerProvider> tracers; ///< Kept, because it shuts its tracers down when it is destroyed.
    nostd::shared_ptr<trace::Tracer> tracer;
    std::shared_ptr<const Instruments> instruments;
};

/// An attempt in progress.
class Attempt
{
public:
    /// `telemetry` and `target` must outlive it.
    Attempt(const Telemetry& telemetry, const Target& target, const AttemptStarted& started, unsigned resend_count,
            const trace::SpanContext& parent)
        : telemetry_{telemetry}, url_template_{target.app_template + std::string{started.path_template}}
    {
        request_.emplace_back("http.request.method", view(started.method)); // of static storage
        add_server(request_, target.server_address, target.server_port);
        request_.emplace_back("url.template", view(url_template_));

        const std::string url = target.app_url + redacted(started.path_template);
        Attributes attributes = request_;
        attributes.emplace_back("url.full", view(url));
        attributes.emplace_back("url.scheme", view(target.scheme));
        if (resend_count > 0)
            attributes.emplace_back("http.request.resend_count", number(resend_count));
        trace::StartSpanOptions options;
        options.kind = trace::SpanKind::kClient;
        options.parent = parent;
        options.start_system_time = SystemClock::now();
        options.start_steady_time = begin_;
        span_ =
            telemetry_.tracer->StartSpan(view(std::string{started.method} + ' ' + url_template_), attributes, options);
        telemetry_.instruments->active_requests->Add(1, request_);
    }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    /// Destroyed without `end` if the execution context of the call was destroyed.
    ~Attempt() { telemetry_.instruments->active_requests->Add(-1, request_); }

    trace::SpanContext place() const { return span_->GetContext(); }

    void end(const AttemptEnded& attempt)
    {
        const auto end = SteadyClock::now();
        Attributes known;
        if (attempt.http_status != 0)
            known.emplace_back("http.response.status_code", number(attempt.http_status));
        if (attempt.http_version)
            known.emplace_back("network.protocol.version", *attempt.http_version == HttpVersion::http2 ? "2" : "1.1");
        const std::string type = error_type(attempt.failure);

        for (const auto& [key, value] : known)
            span_->SetAttribute(key, value);
        if (!attempt.peer_address.empty()) {
            span_->SetAttribute("network.peer.address", view(attempt.peer_address));
            if (attempt.peer_port != 0) // a Unix domain socket has none
                span_->SetAttribute("network.peer.port", number(attempt.peer_port));
        }
        set_outcome(*span_, attempt.failure, type);
        trace::EndSpanOptions options;
        options.end_steady_time = end;
        span_->End(options);

        known.insert(known.end(), request_.begin(), request_.end());
        if (!type.empty())
            known.emplace_back("error.type", view(type));
        auto current = context::RuntimeContext::GetCurrent();
        telemetry_.instruments->duration->Record(std::chrono::duration<double>{end - begin_}.count(), known,
                                                 trace::SetSpan(current, span_));
    }

private:
    const Telemetry& telemetry_;
    const std::string url_template_;
    Attributes request_; ///< The attributes that spans and metrics share.
    const SteadyClock::time_point begin_ = SteadyClock::now();
    nostd::shared_ptr<trace::Span> span_;
};

class TracedCall final : public CallObserver
{
public:
    TracedCall(std::shared_ptr<const Telemetry> telemetry, const CallStarted& call)
        : telemetry_{std::move(telemetry)}, target_{call}
    {
        Attributes attributes;
        add_server(attributes, target_.server_address, target_.server_port);
        trace::StartSpanOptions options; // by default the parent is the span that is active
        if (call.trace_parent && call.trace_parent->is_valid())
            options.parent = to_span_context(*call.trace_parent);
        span_ = telemetry_->tracer->StartSpan(view("passage." + std::string{call.operation}), attributes, options);
    }

    std::optional<TraceParent> attempt_started(const AttemptStarted& started) noexcept override
    try {
        resend_count_ = std::exchange(is_resend_, false) ? resend_count_ + 1 : 0;
        attempt_.emplace(*telemetry_, target_, started, resend_count_, span_->GetContext());
        const TraceParent place = to_trace_parent(attempt_->place());
        return place.is_valid() ? std::optional{place} : std::nullopt;
    } catch (...) {
        return std::nullopt; // no memory
    }

    void attempt_ended(const AttemptEnded& attempt) noexcept override
    try {
        if (attempt_)
            attempt_->end(attempt);
        attempt_.reset();
    } catch (...) {
        attempt_.reset();
    }

    void retrying(const Retrying&) noexcept override { is_resend_ = true; }

    void ended(const CallEnded& call) noexcept override
    try {
        set_outcome(*span_, call.failure, error_type(call.failure));
        if (call.failure) {
            span_->SetAttribute("passage.effect", view(to_string(call.effect)));
            if (!call.api_code.empty())
                span_->SetAttribute("passage.api_code", view(call.api_code));
            if (!call.request_id.empty())
                span_->SetAttribute("passage.request_id", view(call.request_id));
        }
        span_->End();
    } catch (...) {
        span_->End();
    }

private:
    static trace::SpanContext to_span_context(const TraceParent& place)
    {
        return {trace::TraceId{place.trace_id}, trace::SpanId{place.parent_id},
                trace::TraceFlags{place.sampled ? trace::TraceFlags::kIsSampled : std::uint8_t{0}}, false};
    }

    const std::shared_ptr<const Telemetry> telemetry_;
    const Target target_;
    nostd::shared_ptr<trace::Span> span_;
    std::optional<Attempt> attempt_;
    bool is_resend_ = false;    ///< Of the next attempt.
    unsigned resend_count_ = 0; ///< Of the last attempt.
};

class OpenTelemetryObserver final : public Observer
{
public:
    explicit OpenTelemetryObserver(const OpenTelemetryOptions& options)
        : telemetry_{std::make_shared<const Telemetry>(options)}
    {}

    std::shared_ptr<CallObserver> call_started(const CallStarted& call) noexcept override
    try {
        return std::make_shared<TracedCall>(telemetry_, call);
    } catch (...) {
        return nullptr; // no memory
    }

    void pool_changed(const PoolChanged& change) noexcept override
    try {
        const auto idle = [](const ClientStats& stats) { return static_cast<std::int64_t>(stats.idle_connections); };
        const auto active = [&](const ClientStats& stats) {
            return static_cast<std::int64_t>(stats.connections) - static_cast<std::int64_t>(stats.connecting) -
                   idle(stats);
        };
        add(change, "idle", idle(change.now) - idle(change.before));
        add(change, "active", active(change.now) - active(change.before));
    } catch (...) {
        // No memory.
    }

private:
    void add(const PoolChanged& change, const char* state, std::int64_t difference) const
    {
        if (difference == 0)
            return;
        Attributes attributes{{"http.connection.state", state}};
        add_server(attributes, change.server_address, change.server_port);
        telemetry_->instruments->open_connections->Add(difference, attributes);
    }

    const std::shared_ptr<const Telemetry> telemetry_;
};

} // namespace

std::shared_ptr<Observer> make_opentelemetry_observer(const OpenTelemetryOptions& options)
{
    return std::make_shared<OpenTelemetryObserver>(options);
}

TraceParent to_trace_parent(const trace::SpanContext& place) noexcept
{
    TraceParent result;
    std::ranges::copy(place.trace_id().Id(), result.trace_id.begin());
    std::ranges::copy(place.span_id().Id(), result.parent_id.begin());
    result.sampled = place.IsSampled();
    return result;
}

} // namespace passage
