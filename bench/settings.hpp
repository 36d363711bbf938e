#pragma once

#include <passage/config.hpp>

#include <cstddef>
#include <string>

namespace passage::bench {

/// What one run is to do.
struct Settings
{
    Config config;                  ///< Of the service, and how to reach it over so many connections.
    std::string unresumed_base_url; ///< The service where it resumes no TLS sessions; may be empty.
    std::size_t connections = 16;   ///< Most at a time; over HTTP/2, most calls at a time.
    std::size_t requests = 100'000;
    std::size_t warm_up = 5'000; ///< Requests made before those that are measured.
    double rate = 0;             ///< Most calls begun in a second; 0 for as many as there can be.
    int server = 0;              ///< Process whose CPU time is the server's; 0 if there is none on this machine.
};

} // namespace passage::bench
