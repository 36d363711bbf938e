// The spans and metrics of calls, as the SDK of OpenTelemetry exports them.

#include "support/canary.hpp"
#include "support/run.hpp"
#include "support/script_config.hpp"

#include <passage/client.hpp>
#include <passage/opentelemetry.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <opentelemetry/exporters/memory/in_memory_span_exporter_factory.h>
#include <opentelemetry/metrics/provider.h>
#include <opentelemetry/sdk/metrics/aggregation/aggregation_config.h>
#include <opentelemetry/sdk/metrics/data/metric_data.h>
#include <opentelemetry/sdk/metrics/export/metric_producer.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <opentelemetry/sdk/metrics/metric_reader.h>
#include <opentelemetry/sdk/metrics/view/instrument_selector_factory.h>
#include <opentelemetry/sdk/metrics/view/meter_selector_factory.h>
#include <opentelemetry/sdk/metrics/view/view_factory.h>
#include <opentelemetry/sdk/trace/samplers/always_off_factory.h>
#include <opentelemetry/sdk/trace/simple_processor_factory.h>
#include <opentelemetry/sdk/trace/span_data.h>
#include <opentelemetry/sdk/trace/tracer_provider_factory.h>
#include <opentelemetry/trace/provider.h>
#include <opentelemetry/trace/tracer.h>

#include <algorithm>
#include <cstddef>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace passage;
using namespace std::chrono_literals;
using passage::test::run;
namespace asio = boost::asio;
namespace steps = passage::test::steps;
namespace memory = opentelemetry::exporter::memory;
namespace sdk = opentelemetry::sdk;
namespace trace = opentelemetry::trace;
using sdk::trace::SpanData;

namespace {

/// Newer versions of the SDK take no unit.
template <class Factory = sdk::metrics::ViewFactory>
std::unique_ptr<sdk::metrics::View> make_histogram_view(const std::string& name,
                                                        const std::shared_ptr<sdk::metrics::AggregationConfig>& buckets)
{
    constexpr auto histogram = sdk::metrics::AggregationType::kHistogram;
    if constexpr (requires { Factory::Create(name, "", histogram, buckets); })
        return Factory::Create(name, "", histogram, buckets);
    else
        return Factory::Create(name, "", "s", histogram, buckets);
}

using Spans = std::vector<std::unique_ptr<SpanData>>;
/// By name, as text.
using Attributes = std::map<std::string, std::string>;

template <class Map>
Attributes to_text(const Map& map)
{
    Attributes result;
    for (const auto& [key, value] : map) {
        std::string& text = result[key];
        if (const auto* as_text = opentelemetry::nostd::get_if<std::string>(&value))
            text = *as_text;
        else if (const auto* as_number = opentelemetry::nostd::get_if<std::int64_t>(&value))
            text = std::to_string(*as_number);
        else if (const auto* as_bool = opentelemetry::nostd::get_if<bool>(&value))
            text = *as_bool ? "true" : "false";
        else
            BOOST_ERROR(key << " has another type");
    }
    return result;
}

Attributes attributes(const SpanData& span)
{
    return to_text(span.GetAttributes());
}

std::string name(const SpanData& span)
{
    return std::string{span.GetName().data(), span.GetName().size()};
}

/// What a span says of its end: its status, and its error if it has one.
std::string outcome(const SpanData& span)
{
    const Attributes all = attributes(span);
    const auto error = all.find("error.type");
    const std::string status = span.GetStatus() == trace::StatusCode::kError ? "error"
                               : span.GetStatus() == trace::StatusCode::kOk  ? "ok"
                                                                             : "unset";
    return error == all.end() ? status : status + ' ' + error->second;
}

bool is_below(const SpanData& child, const SpanData& parent)
{
    return child.GetParentSpanId() == parent.GetSpanId() && child.GetTraceId() == parent.GetTraceId();
}

std::string field_of(const trace::SpanContext& place)
{
    return to_string(to_trace_parent(place));
}

/// The values of `traceparent` in the requests that a server saw.
std::vector<std::string> sent_to(const test::ScriptServer& server)
{
    std::vector<std::string> sent;
    const std::string field = "\r\ntraceparent: ";
    for (const test::SeenRequest& request : server.requests()) {
        const auto at = request.bytes.find(field);
        sent.push_back(at == request.bytes.npos ? "none" : request.bytes.substr(at + field.size(), 55));
    }
    return sent;
}

/// Reads metrics when it is told to.
class Reader final : public sdk::metrics::MetricReader
{
public:
    sdk::metrics::AggregationTemporality GetAggregationTemporality(sdk::metrics::InstrumentType) const noexcept override
    {
        return sdk::metrics::AggregationTemporality::kCumulative;
    }

private:
    bool OnForceFlush(std::chrono::microseconds) noexcept override { return true; }
    bool OnShutDown(std::chrono::microseconds) noexcept override { return true; }
};

/// A point of a metric.
struct Point
{
    Attributes attributes;
    std::string unit;
    std::int64_t sum = 0; ///< Of a counter.
    sdk::metrics::HistogramPointData histogram;
};

struct Fixture
{
    static std::shared_ptr<trace::TracerProvider> make_tracers(std::shared_ptr<memory::InMemorySpanData>& data,
                                                               std::unique_ptr<sdk::trace::Sampler> sampler = nullptr)
    {
        auto processor =
            sdk::trace::SimpleSpanProcessorFactory::Create(memory::InMemorySpanExporterFactory::Create(data, 4000));
        const auto resource = sdk::resource::Resource::Create({});
        if (sampler)
            return sdk::trace::TracerProviderFactory::Create(std::move(processor), resource, std::move(sampler));
        return sdk::trace::TracerProviderFactory::Create(std::move(processor), resource);
    }

    std::shared_ptr<sdk::metrics::MeterProvider> make_meters()
    {
        using namespace sdk::metrics;
        auto made = std::make_shared<MeterProvider>();
        made->AddMetricReader(reader);
        auto buckets = std::make_shared<HistogramAggregationConfig>();
        buckets->boundaries_.assign(opentelemetry_duration_boundaries.begin(), opentelemetry_duration_boundaries.end());
        made->AddView(
            InstrumentSelectorFactory::Create(InstrumentType::kHistogram, "http.client.request.duration", "s"),
            MeterSelectorFactory::Create("passage", "", ""),
            make_histogram_view("http.client.request.duration", buckets));
        return made;
    }

    std::shared_ptr<Observer> observer()
    {
        OpenTelemetryOptions options;
        options.tracer_provider = opentelemetry::nostd::shared_ptr<trace::TracerProvider>{tracers};
        options.meter_provider = opentelemetry::nostd::shared_ptr<opentelemetry::metrics::MeterProvider>{meters};
        return make_opentelemetry_observer(options);
    }

    Config config()
    {
        Config config = test::config_for(server);
        config.http_version = HttpVersion::http1;
        config.retry.base = 1ms;
        config.observer = observer();
        return config;
    }

    void make_client() { client = std::make_unique<Client>(context, config()); }

    expected<UserInfo> get(const CallOptions& options = {})
    {
        return run(context, client->get_user("subject", options));
    }

    /// The spans that ended, in the order of their ends: attempts, then their operation.
    Spans spans() { return data->GetSpans(); }

    std::vector<Point> points(const std::string& metric)
    {
        std::vector<Point> result;
        reader->Collect([&](sdk::metrics::ResourceMetrics& collected) {
            for (const auto& scope : collected.scope_metric_data_)
                for (const auto& one : scope.metric_data_) {
                    if (one.instrument_descriptor.name_ != metric)
                        continue;
                    for (const auto& point : one.point_data_attr_) {
                        Point made;
                        made.attributes = to_text(point.attributes);
                        made.unit = one.instrument_descriptor.unit_;
                        using namespace sdk::metrics;
                        if (const auto* sum = opentelemetry::nostd::get_if<SumPointData>(&point.point_data))
                            made.sum = opentelemetry::nostd::get<std::int64_t>(sum->value_);
                        else
                            made.histogram =
                                HistogramPointData{opentelemetry::nostd::get<HistogramPointData>(point.point_data)};
                        result.push_back(std::move(made));
                    }
                }
            return true;
        });
        return result;
    }

    /// The sum of all points of a counter with this attribute.
    std::int64_t sum(const std::string& metric, const std::string& key = "", const std::string& value = "")
    {
        std::int64_t all = 0;
        for (const Point& point : points(metric))
            if (key.empty() || point.attributes.at(key) == value)
                all += point.sum;
        return all;
    }

    void finish()
    {
        client.reset();
        context.restart();
        context.run();
        BOOST_TEST(server.finish() == "");
        BOOST_TEST(sum("http.client.active_requests") == 0);
        BOOST_TEST(sum("http.client.open_connections", "http.connection.state", "idle") == 0);
        BOOST_TEST(sum("http.client.open_connections", "http.connection.state", "active") == 0);
    }

    std::shared_ptr<memory::InMemorySpanData> data;
    std::shared_ptr<Reader> reader = std::make_shared<Reader>();
    std::shared_ptr<trace::TracerProvider> tracers = make_tracers(data);
    std::shared_ptr<sdk::metrics::MeterProvider> meters = make_meters();
    test::ScriptServer server;
    asio::io_context context;
    std::unique_ptr<Client> client;
};

} // namespace

BOOST_FIXTURE_TEST_CASE(a_call_is_a_span_and_its_attempt_one_below_it, Fixture)
{
    make_client();
    BOOST_TEST(get().has_value());
    const Spans ended = spans();
    BOOST_REQUIRE(ended.size() == 2u);
    const SpanData& attempt = *ended[0];
    const SpanData& operation = *ended[1];
    BOOST_TEST(name(operation) == "passage.get_user");
    BOOST_TEST((operation.GetSpanKind() == trace::SpanKind::kInternal));
    BOOST_TEST(!operation.GetParentSpanId().IsValid());
    BOOST_TEST(name(attempt) == "GET /v1/apps/{app_id}/users/{user_id}");
    BOOST_TEST((attempt.GetSpanKind() == trace::SpanKind::kClient));
    BOOST_TEST(is_below(attempt, operation));
    BOOST_TEST(outcome(attempt) == "unset");
    BOOST_TEST(outcome(operation) == "unset");
    const std::string port = std::to_string(server.port());
    BOOST_TEST((attributes(attempt) == Attributes{{"http.request.method", "GET"},
                                                  {"http.response.status_code", "200"},
                                                  {"network.peer.address", "127.0.0.1"},
                                                  {"network.peer.port", port},
                                                  {"network.protocol.version", "1.1"},
                                                  {"server.address", "127.0.0.1"},
                                                  {"server.port", port},
                                                  {"url.full", server.url() + "/apps/app/users/REDACTED"},
                                                  {"url.scheme", "https"},
                                                  {"url.template", "/v1/apps/{app_id}/users/{user_id}"}}));
    BOOST_TEST((attributes(operation) == Attributes{{"server.address", "127.0.0.1"}, {"server.port", port}}));
    BOOST_TEST(sent_to(server).at(0) == field_of(attempt.GetSpanContext()));
    finish();
}

BOOST_FIXTURE_TEST_CASE(each_attempt_is_a_span_that_counts_what_was_resent, Fixture)
{
    server.plan({{{steps::tls(), steps::request(), steps::send(test::response(503)), steps::request(), steps::rst()}},
                 {{steps::tls(), steps::request(), steps::send(test::response(404))}}});
    make_client();
    BOOST_TEST((get().error().http_status == 404));
    const Spans ended = spans();
    BOOST_REQUIRE(ended.size() == 4u);
    BOOST_TEST(outcome(*ended[0]) == "error 503");
    BOOST_TEST(!attributes(*ended[0]).contains("http.request.resend_count"));
    BOOST_TEST(outcome(*ended[1]) == "error truncated");
    BOOST_TEST(attributes(*ended[1]).at("http.request.resend_count") == "1");
    BOOST_TEST(!attributes(*ended[1]).contains("http.response.status_code"));
    BOOST_TEST(outcome(*ended[2]) == "error 404");
    BOOST_TEST(attributes(*ended[2]).at("http.request.resend_count") == "2");
    BOOST_TEST(outcome(*ended[3]) == "error 404");
    BOOST_TEST(attributes(*ended[3]).at("passage.effect") == "unknown");
    std::vector<std::string> places;
    for (std::size_t i = 0; i < 3; ++i) {
        BOOST_TEST(is_below(*ended[i], *ended[3]));
        places.push_back(field_of(ended[i]->GetSpanContext()));
    }
    BOOST_TEST(sent_to(server) == places, boost::test_tools::per_element());

    std::map<std::string, std::uint64_t> counts;
    for (const Point& point : points("http.client.request.duration"))
        counts[point.attributes.at("error.type")] += point.histogram.count_;
    BOOST_TEST((counts == std::map<std::string, std::uint64_t>{{"404", 1}, {"503", 1}, {"truncated", 1}}));
    finish();
}

BOOST_FIXTURE_TEST_CASE(the_second_request_of_a_search_is_no_resent_one, Fixture)
{
    server.plan({{{steps::tls(), steps::request(),
                   steps::send(test::response(200, "Content-Type: application/json\r\n",
                                              R"({"users":[{"id":"subject","email":"jane@example.com"}]})")),
                   steps::serve()},
                  true}});
    make_client();
    BOOST_TEST(run(context, client->get_user_by_identifier("jane@example.com")).has_value());
    const Spans ended = spans();
    BOOST_REQUIRE(ended.size() == 3u);
    BOOST_TEST(name(*ended[0]) == "GET /v1/apps/{app_id}/users");
    BOOST_TEST(attributes(*ended[0]).at("url.full") == server.url() + "/apps/app/users");
    BOOST_TEST(name(*ended[1]) == "GET /v1/apps/{app_id}/users/{user_id}");
    BOOST_TEST(attributes(*ended[1]).at("url.full") == server.url() + "/apps/app/users/REDACTED");
    BOOST_TEST(!attributes(*ended[1]).contains("http.request.resend_count"));
    BOOST_TEST(name(*ended[2]) == "passage.get_user_by_identifier");
    finish();
}

BOOST_FIXTURE_TEST_CASE(an_attempt_without_a_connection_names_no_peer, Fixture)
{
    server.plan({{{steps::failing_tls()}}});
    Config other_roots = config();
    other_roots.tls.ca_pem = to_pem(test::make_identity({.is_authority = true}, nullptr));
    client = std::make_unique<Client>(context, other_roots);
    BOOST_TEST((get().error().code == Errc::tls));
    const Spans ended = spans();
    BOOST_REQUIRE(ended.size() == 2u);
    BOOST_TEST(outcome(*ended[0]) == "error tls");
    BOOST_TEST(outcome(*ended[1]) == "error tls");
    for (const char* absent :
         {"network.peer.address", "network.peer.port", "network.protocol.version", "http.response.status_code"})
        BOOST_TEST(!attributes(*ended[0]).contains(absent), absent);
    finish();
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_call_is_no_error, Fixture)
{
    server.plan({{{steps::tls(), steps::request(), steps::hold()}, true}});
    make_client();
    asio::cancellation_signal signal;
    asio::co_spawn(context, client->get_user("subject"),
                   asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr, expected<UserInfo> user) {
                       BOOST_TEST(is_cancelled(user.error()));
                   }));
    while (server.requests().empty())
        context.run_one();
    BOOST_TEST(sum("http.client.active_requests") == 1);
    BOOST_TEST(sum("http.client.open_connections", "http.connection.state", "active") == 1);
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    const Spans ended = spans();
    BOOST_REQUIRE(ended.size() == 2u);
    for (const auto& span : ended) {
        BOOST_TEST(outcome(*span) == "unset");
        BOOST_TEST(attributes(*span).at("passage.cancelled") == "true");
    }
    const auto durations = points("http.client.request.duration");
    BOOST_REQUIRE(durations.size() == 1u);
    BOOST_TEST(!durations[0].attributes.contains("error.type"));
    server.release();
    finish();
}

BOOST_FIXTURE_TEST_CASE(a_call_that_is_not_made_is_a_span_by_itself, Fixture)
{
    make_client();
    BOOST_TEST(is_invalid_argument(run(context, client->get_user("")).error()));
    const Spans ended = spans();
    BOOST_REQUIRE(ended.size() == 1u);
    BOOST_TEST(outcome(*ended[0]) == "error invalid_argument");
    finish();
}

BOOST_FIXTURE_TEST_CASE(the_parent_is_the_callers_active_span_or_the_place_that_the_caller_set, Fixture)
{
    make_client();
    const auto tracer = tracers->GetTracer("caller");
    auto active = tracer->StartSpan("active");
    auto other = tracer->StartSpan("other");
    {
        const trace::Scope scope{active};
        BOOST_TEST(get().has_value());
        BOOST_TEST(get(CallOptions{}.trace_parent(to_trace_parent(other->GetContext()))).has_value());
        BOOST_TEST(get(CallOptions{}.trace_parent(TraceParent{})).has_value());
    }
    BOOST_TEST(get().has_value());
    const Spans ended = spans();
    BOOST_REQUIRE(ended.size() == 8u);
    BOOST_TEST((ended[1]->GetParentSpanId() == active->GetContext().span_id()));
    BOOST_TEST((ended[1]->GetTraceId() == active->GetContext().trace_id()));
    BOOST_TEST((ended[3]->GetParentSpanId() == other->GetContext().span_id()));
    BOOST_TEST((ended[3]->GetTraceId() == other->GetContext().trace_id()));
    BOOST_TEST((ended[5]->GetParentSpanId() == active->GetContext().span_id()));
    BOOST_TEST(!ended[7]->GetParentSpanId().IsValid());
    for (std::size_t i = 0; i < 8; i += 2)
        BOOST_TEST(is_below(*ended[i], *ended[i + 1]));
    finish();
}

BOOST_FIXTURE_TEST_CASE(what_is_not_sampled_is_sent_as_such, Fixture)
{
    tracers = make_tracers(data, sdk::trace::AlwaysOffSamplerFactory::Create());
    make_client();
    BOOST_TEST(get().has_value());
    BOOST_TEST(spans().empty());
    const std::string sent = sent_to(server).at(0);
    const auto place = TraceParent::parse(sent);
    BOOST_REQUIRE(place);
    BOOST_TEST(!place->sampled);
    finish();
}

BOOST_FIXTURE_TEST_CASE(without_a_provider_the_callers_place_is_sent, Fixture)
{
    Config global = config();
    global.observer = make_opentelemetry_observer();
    client = std::make_unique<Client>(context, global);
    const auto place = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    BOOST_TEST(get(CallOptions{}.trace_parent(*place)).has_value());
    BOOST_TEST(get().has_value());
    BOOST_TEST(sent_to(server) == (std::vector<std::string>{to_string(*place), "none"}),
               boost::test_tools::per_element());
    finish();
}

BOOST_FIXTURE_TEST_CASE(global_providers_may_be_null, Fixture)
{
    namespace metrics = opentelemetry::metrics;
    const auto global_tracers = trace::Provider::GetTracerProvider();
    const auto global_meters = metrics::Provider::GetMeterProvider();
    trace::Provider::SetTracerProvider(opentelemetry::nostd::shared_ptr<trace::TracerProvider>{});
    metrics::Provider::SetMeterProvider(opentelemetry::nostd::shared_ptr<metrics::MeterProvider>{});
    Config global = config();
    global.observer = make_opentelemetry_observer();
    trace::Provider::SetTracerProvider(global_tracers);
    metrics::Provider::SetMeterProvider(global_meters);
    client = std::make_unique<Client>(context, global);
    BOOST_TEST(get().has_value());
    finish();
}

BOOST_FIXTURE_TEST_CASE(an_observer_keeps_its_providers, Fixture)
{
    make_client();
    const std::weak_ptr<trace::TracerProvider> kept_tracers = std::exchange(tracers, nullptr);
    const std::weak_ptr<sdk::metrics::MeterProvider> kept_meters = std::exchange(meters, nullptr);
    BOOST_REQUIRE(!kept_tracers.expired());
    BOOST_REQUIRE(!kept_meters.expired());
    BOOST_TEST(get().has_value());
    BOOST_TEST(spans().size() == 2u);
    BOOST_TEST(points("http.client.request.duration").size() == 1u);
    client.reset();
    context.restart();
    context.run();
    BOOST_TEST(kept_tracers.expired());
    BOOST_TEST(kept_meters.expired());
    BOOST_TEST(server.finish() == "");
}

BOOST_FIXTURE_TEST_CASE(durations_are_those_of_the_spans_in_the_recommended_buckets, Fixture)
{
    make_client();
    for (int i = 0; i < 3; ++i)
        BOOST_TEST(get().has_value());
    const auto durations = points("http.client.request.duration");
    BOOST_REQUIRE(durations.size() == 1u);
    const Point& point = durations[0];
    BOOST_TEST(point.unit == "s");
    const std::string port = std::to_string(server.port());
    BOOST_TEST((point.attributes == Attributes{{"http.request.method", "GET"},
                                               {"http.response.status_code", "200"},
                                               {"network.protocol.version", "1.1"},
                                               {"server.address", "127.0.0.1"},
                                               {"server.port", port},
                                               {"url.template", "/v1/apps/{app_id}/users/{user_id}"}}));
    BOOST_TEST(point.histogram.count_ == 3u);
    BOOST_TEST(point.histogram.boundaries_ == std::vector<double>(opentelemetry_duration_boundaries.begin(),
                                                                  opentelemetry_duration_boundaries.end()),
               boost::test_tools::per_element());
    double of_spans = 0;
    for (const auto& span : spans())
        if (span->GetSpanKind() == trace::SpanKind::kClient)
            of_spans += std::chrono::duration<double>{span->GetDuration()}.count();
    BOOST_TEST(opentelemetry::nostd::get<double>(point.histogram.sum_) == of_spans, boost::test_tools::tolerance(1e-6));

    const auto active = points("http.client.active_requests");
    BOOST_REQUIRE(active.size() == 1u);
    BOOST_TEST(active[0].unit == "{request}");
    BOOST_TEST((active[0].attributes == Attributes{{"http.request.method", "GET"},
                                                   {"server.address", "127.0.0.1"},
                                                   {"server.port", port},
                                                   {"url.template", "/v1/apps/{app_id}/users/{user_id}"}}));
    finish();
}

BOOST_FIXTURE_TEST_CASE(clients_that_share_an_observer_share_its_counters, Fixture)
{
    const Config shared = config();
    auto first = std::make_unique<Client>(context, shared);
    auto second = std::make_unique<Client>(context, shared);
    BOOST_TEST(run(context, first->get_user("subject")).has_value());
    BOOST_TEST(run(context, second->get_user("subject")).has_value());
    const std::string metric = "http.client.open_connections";
    const std::string state = "http.connection.state";
    BOOST_TEST(sum(metric, state, "idle") == 2);
    BOOST_TEST(sum(metric, state, "active") == 0);
    for (const Point& point : points(metric)) {
        BOOST_TEST(point.unit == "{connection}");
        BOOST_TEST(point.attributes.at("server.address") == "127.0.0.1");
        BOOST_TEST(point.attributes.at("server.port") == std::to_string(server.port()));
    }
    first.reset();
    context.restart();
    context.run();
    BOOST_TEST(sum(metric, state, "idle") == 1);
    second.reset();
    finish();
}

BOOST_FIXTURE_TEST_CASE(observers_of_one_provider_share_its_metrics, Fixture)
{
    client = std::make_unique<Client>(context, config());
    BOOST_TEST(get().has_value());
    Client other{context, config()};
    BOOST_TEST(run(context, other.get_user("subject")).has_value());
    BOOST_TEST(get().has_value());
    const auto durations = points("http.client.request.duration");
    BOOST_REQUIRE(durations.size() == 1u);
    BOOST_TEST(durations[0].histogram.count_ == 3u);
    BOOST_TEST(sum("http.client.open_connections", "http.connection.state", "idle") == 2);
    other.close();
    finish();
}

BOOST_FIXTURE_TEST_CASE(spans_of_a_context_that_is_destroyed_end_with_it, Fixture)
{
    server.plan({{{steps::tls(), steps::request(), steps::hold()}, true}});
    {
        asio::io_context own;
        Client psg{own, config()};
        asio::co_spawn(own, psg.get_user("subject"), [](std::exception_ptr, expected<UserInfo>) {});
        while (server.requests().empty())
            own.run_one();
        BOOST_TEST(sum("http.client.active_requests") == 1);
    }
    BOOST_TEST(spans().size() == 2u);
    server.release();
    finish();
}

BOOST_FIXTURE_TEST_CASE(no_attribute_has_a_secret_or_an_id, Fixture)
{
    const std::string key = test::canary_api_key;
    server.plan({{{steps::tls(), steps::request(),
                   steps::send(test::response(400, "Content-Type: application/json\r\nX-Request-Id: " + key + "\r\n",
                                              R"({"code":")" + key + R"(","error":")" + key + "\"}")),
                   steps::serve()},
                  true}});
    make_client();
    BOOST_TEST(!run(context, client->delete_user_device("my-user", "my-device")).has_value());
    (void)run(context, client->get_user_by_identifier("jane@example.com"));
    const Spans ended = spans();
    BOOST_REQUIRE(ended.size() >= 4u);
    BOOST_TEST(attributes(*ended[0]).at("url.full") == server.url() + "/apps/app/users/REDACTED/devices/REDACTED");
    for (const auto& span : ended)
        for (const auto& [attribute, text] : attributes(*span))
            for (const std::string& secret :
                 {key.substr(0, 8), std::string{"my-user"}, std::string{"my-device"}, std::string{"jane"}})
                BOOST_TEST(text.find(secret) == text.npos, attribute << ": " << text);
    finish();
}

BOOST_FIXTURE_TEST_CASE(http2_is_named_by_its_version, Fixture)
{
    CallStarted started;
    started.operation = "get_app";
    started.server_address = "users.example.com";
    started.server_port = 443;
    started.app_url = "https://users.example.com/v1/apps/my_app";
    const auto call = observer()->call_started(started);
    AttemptStarted attempt;
    attempt.number = 1;
    attempt.method = "GET";
    BOOST_TEST(call->attempt_started(attempt).has_value());
    AttemptEnded attempt_ended;
    attempt_ended.http_version = HttpVersion::http2;
    attempt_ended.http_status = 200;
    call->attempt_ended(attempt_ended);
    call->ended({});
    const Spans ended = spans();
    BOOST_REQUIRE(ended.size() == 2u);
    BOOST_TEST(name(*ended[0]) == "GET /v1/apps/{app_id}");
    BOOST_TEST(attributes(*ended[0]).at("network.protocol.version") == "2");
    BOOST_TEST(attributes(*ended[0]).at("url.full") == "https://users.example.com/v1/apps/my_app");
}

BOOST_FIXTURE_TEST_CASE(a_unix_domain_socket_has_no_port, Fixture)
{
    CallStarted started;
    started.operation = "get_app";
    started.app_url = "https://users.example.com/v1/apps/my_app";
    const auto call = observer()->call_started(started);
    call->attempt_started({});
    AttemptEnded attempt;
    attempt.peer_address = "/run/passage.sock";
    call->attempt_ended(attempt);
    const Attributes peer = attributes(*spans().at(0));
    BOOST_TEST(peer.at("network.peer.address") == "/run/passage.sock");
    BOOST_TEST(!peer.contains("network.peer.port"));
    call->ended({});
}

BOOST_FIXTURE_TEST_CASE(calls_of_many_threads_have_spans_of_their_own, Fixture)
{
    {
        asio::thread_pool pool{4};
        Client psg{pool, config()};
        std::vector<std::future<expected<UserInfo>>> users;
        for (int i = 0; i < 300; ++i)
            users.push_back(asio::co_spawn(pool, psg.get_user("subject"), asio::use_future));
        for (auto& user : users)
            BOOST_TEST(user.get().has_value());
    }
    const Spans ended = spans();
    const auto attempts = static_cast<std::size_t>(
        std::ranges::count_if(ended, [](const auto& span) { return span->GetSpanKind() == trace::SpanKind::kClient; }));
    BOOST_TEST(ended.size() - attempts == 300u);
    BOOST_TEST(attempts >= 300u); // more if the machine is so slow that attempts are repeated
    std::uint64_t count = 0;
    for (const Point& point : points("http.client.request.duration"))
        count += point.histogram.count_;
    BOOST_TEST(count == attempts);
    finish();
}
