#include "service.hpp"

#include "fault_plan.hpp"

#include <iostream>
#include <sstream>

namespace passage::emulator {

namespace {

using Clock = std::chrono::steady_clock;

/// Logs a request if the service is verbose.
void log(const Service& service, const Request& request, const Response& response, Clock::time_point start)
{
    if (service.verbose) {
        const auto time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
        std::ostringstream line; // written at once, because other threads log, too
        line << request.method << ' ' << request.target << ' ' << response.status << ' ' << time.count() << " us\n";
        std::clog << line.str() << std::flush;
    }
}

} // namespace

bool can_have_faults(const Request& request)
{
    return !request.target.starts_with("/admin/");
}

Response answer_to(Service& service, const Request& request, const Fate& fate)
{
    const auto start = Clock::now();
    Response response;
    if (fate.refused_with != 0) {
        response = refusal(fate.refused_with, fate.refused_with == 429 ? "too_many_requests" : "fault",
                           "The emulator was told to fail this request.");
        response.retry_after = fate.retry_after;
    } else {
        response = answer(service.store, request);
    }
    log(service, request, response, start);
    ++service.requests_served;
    return response;
}

std::optional<Response> refuse_head(Service& service, const Request& head)
{
    const auto start = Clock::now();
    std::optional<Response> response = refusal_of_head(service.store, head);
    if (response) {
        log(service, head, *response, start);
        ++service.requests_served;
    }
    return response;
}

} // namespace passage::emulator
