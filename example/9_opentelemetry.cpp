// Exports spans and metrics of calls by OpenTelemetry, here to the standard output. A server exports them by OTLP, and
// has a span for each request that it serves.

#include <passage/opentelemetry.hpp>
#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <opentelemetry/exporters/ostream/metric_exporter_factory.h>
#include <opentelemetry/exporters/ostream/span_exporter_factory.h>
#include <opentelemetry/sdk/metrics/aggregation/aggregation_config.h>
#include <opentelemetry/sdk/metrics/export/periodic_exporting_metric_reader_factory.h>
#include <opentelemetry/sdk/metrics/meter_provider.h>
#include <opentelemetry/sdk/metrics/view/instrument_selector_factory.h>
#include <opentelemetry/sdk/metrics/view/meter_selector_factory.h>
#include <opentelemetry/sdk/metrics/view/view_factory.h>
#include <opentelemetry/sdk/trace/simple_processor_factory.h>
#include <opentelemetry/sdk/trace/tracer_provider_factory.h>
#include <opentelemetry/trace/tracer.h>

#include <exception>
#include <iostream>
#include <memory>
#include <string>

namespace asio = boost::asio;
namespace exporters = opentelemetry::exporter;
namespace metrics = opentelemetry::sdk::metrics;
namespace trace = opentelemetry::trace;

namespace {

/// An exporter that uses the network needs a `BatchSpanProcessor`: the simple one exports each span on the thread that
/// ends it, which must not block.
std::shared_ptr<trace::TracerProvider> make_tracers()
{
    auto exporter = exporters::trace::OStreamSpanExporterFactory::Create(std::cout);
    auto processor = opentelemetry::sdk::trace::SimpleSpanProcessorFactory::Create(std::move(exporter));
    return opentelemetry::sdk::trace::TracerProviderFactory::Create(std::move(processor));
}

/// Newer versions of the SDK take no unit.
template <class Factory = metrics::ViewFactory>
std::unique_ptr<metrics::View> make_histogram_view(const std::string& name,
                                                   const std::shared_ptr<metrics::AggregationConfig>& buckets)
{
    constexpr auto histogram = metrics::AggregationType::kHistogram;
    if constexpr (requires { Factory::Create(name, "", histogram, buckets); })
        return Factory::Create(name, "", histogram, buckets);
    else
        return Factory::Create(name, "", "s", histogram, buckets);
}

std::shared_ptr<metrics::MeterProvider> make_meters()
{
    auto meters = std::make_shared<metrics::MeterProvider>();
    meters->AddMetricReader(metrics::PeriodicExportingMetricReaderFactory::Create(
        exporters::metrics::OStreamMetricExporterFactory::Create(std::cout), {}));

    // The buckets that the semantic conventions recommend: those of the SDK are for milliseconds.
    auto buckets = std::make_shared<metrics::HistogramAggregationConfig>();
    const auto& boundaries = passage::opentelemetry_duration_boundaries;
    buckets->boundaries_.assign(boundaries.begin(), boundaries.end());
    const std::string name = "http.client.request.duration";
    meters->AddView(metrics::InstrumentSelectorFactory::Create(metrics::InstrumentType::kHistogram, name, "s"),
                    metrics::MeterSelectorFactory::Create("passage", "", ""), make_histogram_view(name, buckets));
    return meters;
}

/// A span that is active on a thread does not follow a coroutine: each call is told its parent.
asio::awaitable<bool> serve(passage::Client& psg, trace::Tracer& tracer)
{
    const auto span = tracer.StartSpan("serve");
    const auto options = passage::CallOptions{}.trace_parent(passage::to_trace_parent(span->GetContext()));
    const auto user = co_await psg.create_user(passage::CreateUserRequest{}.email("jane.doe@example.com"), options);
    const auto found = co_await psg.get_user_by_identifier("jane.doe@example.com", options);
    if (!found)
        std::cerr << found.error() << '\n';
    span->End();
    co_return found.has_value();
}

} // namespace

int main()
try {
    auto config = passage::Config::from_environment();
    if (!config) {
        std::cerr << config.error() << '\n';
        return 2;
    }
    const auto tracers = make_tracers();
    const auto meters = make_meters();
    passage::OpenTelemetryOptions options; // without it, the global providers
    options.tracer_provider = tracers;
    options.meter_provider = std::shared_ptr<opentelemetry::metrics::MeterProvider>{meters};
    config->observer = passage::make_opentelemetry_observer(options);

    asio::io_context context;
    passage::Client psg{context, *config};
    const auto tracer = tracers->GetTracer("example");
    auto good = asio::co_spawn(context, serve(psg, *tracer), asio::use_future);
    context.run();
    meters->ForceFlush();
    return good.get() ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n'; // an invalid setting
    return 2;
}
