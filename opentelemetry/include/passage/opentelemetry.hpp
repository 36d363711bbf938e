#pragma once

#include <passage/observer.hpp>

#include <opentelemetry/metrics/meter_provider.h>
#include <opentelemetry/nostd/shared_ptr.h>
#include <opentelemetry/trace/span_context.h>
#include <opentelemetry/trace/tracer_provider.h>

#include <array>
#include <memory>

/// \file
/// Spans and metrics of calls by the API of OpenTelemetry, in the separate library `passage::opentelemetry`.

namespace passage {

/// Where spans and metrics go.
struct OpenTelemetryOptions
{
    OpenTelemetryOptions() = default;

    /// The provider of the tracer; the global one if null.
    ::opentelemetry::nostd::shared_ptr<::opentelemetry::trace::TracerProvider> tracer_provider;
    /// The provider of the meter; the global one if null.
    ::opentelemetry::nostd::shared_ptr<::opentelemetry::metrics::MeterProvider> meter_provider;
};

/// The boundaries of the buckets, in seconds, that the semantic conventions recommend for the histogram
/// `http.client.request.duration`. The API of OpenTelemetry cannot set them: a program sets them by a view of its SDK.
inline constexpr std::array<double, 14> opentelemetry_duration_boundaries{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                                                          0.5,   0.75, 1,     2.5,  5,     7.5, 10};

/// Returns an observer that makes spans and metrics by the semantic conventions for HTTP clients. See
/// `Config::observer`.
///
/// Gets a tracer and a meter named "passage" from the providers. Set global providers before you call this function.
/// Without a tracer provider there are no spans, and without a meter provider no metrics.
///
/// \par Spans
/// A call has a span of kind INTERNAL with the name `passage.<operation>`. Its parent is the position of
/// `CallOptions::trace_parent` if that is set, otherwise the span that is active on the thread that starts the call.
/// With a completion token, `coalesced_get_user`, `authenticate` and batches start their calls later, on a thread of
/// the executor, where the caller's span is not active: set `trace_parent` (`BatchOptions::each`).
/// Each attempt has a span of kind CLIENT below it, with the name `{method} {url.template}`. It starts when the attempt
/// starts to wait for a connection, and ends when the response was read, or the attempt failed. The server gets its
/// position as `traceparent`; a `tracestate` is not sent.
/// \par Attributes
/// A CLIENT span has `http.request.method`, `server.address`, `server.port`, `url.scheme`, `url.full`, `url.template`,
/// and, if known, `http.response.status_code`, `error.type`, `http.request.resend_count`, `network.peer.address`,
/// `network.peer.port` and `network.protocol.version`. In `url.full` each id of a user or a device is replaced by
/// `REDACTED`, and there is no query. An INTERNAL span has `server.address`, `server.port` and, if the call failed,
/// `error.type`, `passage.effect` ("none", "done" or "unknown"), `passage.api_code` and `passage.request_id`.
/// \par Errors
/// `error.type` is the HTTP status if the service responded with an error, otherwise the name of the `Errc`. If it is
/// set, the status of the span is Error. An attempt or a call that its caller cancelled is not an error: it has
/// `passage.cancelled` = true instead.
/// \par Metrics
/// - The histogram `http.client.request.duration`, in seconds, of attempts: the duration of the CLIENT span.
/// - The up-down counter `http.client.active_requests`: attempts in progress.
/// - The up-down counter `http.client.open_connections`, by `http.connection.state`: "active" or "idle".
///
/// Observers of one meter provider share its instruments while one of them exists. Keep one for the whole program: some
/// versions of the SDK export nothing more of former instruments once there are new ones.
/// \par Object lifetimes
/// The observer, and each of its calls in progress, keeps the providers alive.
/// \par Exceptions
/// Throws nothing but `std::bad_alloc`. A span or a value that cannot be made for lack of memory is lost.
/// \par Thread safety
/// Clients on any threads may share the observer.
PASSAGE_EXPORT std::shared_ptr<Observer> make_opentelemetry_observer(const OpenTelemetryOptions& options = {});

/// Returns the position of a span, for `CallOptions::trace_parent`. It is valid if the span context is valid.
///
/// In a coroutine, pass the position of its span this way. A span that is active on the thread does not follow a
/// coroutine that is suspended.
PASSAGE_EXPORT TraceParent to_trace_parent(const ::opentelemetry::trace::SpanContext& place) noexcept;

} // namespace passage
