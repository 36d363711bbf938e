#include "scenario.hpp"

#include <boost/program_options.hpp>

#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace po = boost::program_options;
using namespace passage;
using namespace passage::bench;

constexpr const char* usage = R"(passage-bench - what a call costs

Makes calls and prints what each took of this process: CPU time, user and system; time; heap allocations;
percentiles of latency. The service and its credentials come from the environment (PASSAGE_APP_ID,
PASSAGE_API_KEY, PASSAGE_BASE_URL, PASSAGE_CA_FILE). Ends with 0 if every answer was right, and every bound kept.

)";

const Scenario& find_scenario(const std::string& client, const std::string& name)
{
    for (const Scenario& each : scenarios()) {
        if (each.client == client && each.name == name)
            return each;
    }
    throw po::error("client " + client + " has no scenario " + name + ": see --list");
}

HttpVersion version_of(int number)
{
    if (number != 1 && number != 2)
        throw po::error("the version of HTTP is 1 or 2");
    return number == 1 ? HttpVersion::http1 : HttpVersion::http2;
}

Settings settings_of(const po::variables_map& given)
{
    Settings settings;
    // What needs no service is to run without one.
    if (std::getenv("PASSAGE_APP_ID")) {
        auto config = Config::from_environment();
        if (!config)
            throw std::runtime_error{to_string(config.error())};
        settings.config = std::move(*config);
    }
    if (given.count("base-url"))
        settings.config.base_url = given["base-url"].as<std::string>();
    if (const char* url = std::getenv("PASSAGE_UNRESUMED_BASE_URL"))
        settings.unresumed_base_url = url;
    settings.config.http_version = version_of(given["http"].as<int>());
    settings.connections = given["connections"].as<std::size_t>();
    settings.config.pool.max_connections = settings.connections;
    settings.requests = given["requests"].as<std::size_t>();
    settings.warm_up = given["warm-up"].as<std::size_t>();
    settings.rate = given["rate"].as<double>();
    settings.server = given["server"].as<int>();
    if (settings.connections == 0 || settings.requests == 0)
        throw po::error("there must be a connection and a request");
    return settings;
}

/// Whether a value of the report keeps to a bound, given as NAME=VALUE.
bool keeps_to(const Report& report, const std::string& bound)
{
    const auto equals = bound.find('=');
    const auto value = report.values.find(bound.substr(0, equals));
    if (equals == std::string::npos || value == report.values.end())
        throw po::error("the scenario has no such value: " + bound);
    return value->second <= std::stod(bound.substr(equals + 1));
}

int run(const po::variables_map& given)
{
    const auto client = given["client"].as<std::string>();
    const auto name = given["scenario"].as<std::string>();
    const Scenario& scenario = find_scenario(client, name);
    const Settings settings = settings_of(given);
    if (given.count("cpu"))
        pin_to(given["cpu"].as<std::string>());
    allow_many_files();
    const Report report = scenario.run(settings);
    const auto write = given.count("json") ? to_json : to_text;
    std::cout << write(client, name, settings.connections, report) << '\n';
    bool good = report.errors == 0;
    if (given.count("at-most")) {
        for (const std::string& bound : given["at-most"].as<std::vector<std::string>>())
            good = keeps_to(report, bound) && good;
    }
    return good ? 0 : 1;
}

} // namespace

int main(int argc, char** argv)
try {
    const Settings defaults;
    po::options_description options{"Options"};
    auto add = options.add_options();
    add("scenario", po::value<std::string>()->default_value("get_user"), "what to do; see --list");
    add("client", po::value<std::string>()->default_value("passage"), "who does it; see --list");
    add("connections", po::value<std::size_t>()->default_value(defaults.connections),
        "most at a time; over HTTP/2, most calls at a time");
    add("http", po::value<int>()->default_value(1), "version of HTTP: 1 or 2");
    add("requests", po::value<std::size_t>()->default_value(defaults.requests), "requests that are measured");
    add("warm-up", po::value<std::size_t>()->default_value(defaults.warm_up), "requests before those");
    add("rate", po::value<double>()->default_value(defaults.rate), "most calls begun in a second; 0 for no limit");
    add("base-url", po::value<std::string>(), "in place of PASSAGE_BASE_URL");
    add("cpu", po::value<std::string>(), "cores to run on, from 0: \"1\" or \"0,1\"");
    add("server", po::value<int>()->default_value(defaults.server), "process whose CPU time is the server's");
    add("at-most", po::value<std::vector<std::string>>(), "NAME=VALUE: a bound for a value that the scenario reports");
    add("json", "print a line of JSON");
    add("list", "print clients and scenarios");
    add("help", "print this text");
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, options), given);
    po::notify(given);
    if (given.count("help")) {
        std::cout << usage << options;
        return 0;
    }
    if (given.count("list")) {
        for (const Scenario& each : scenarios())
            std::cout << each.client << ' ' << each.name << ": " << each.description << '\n';
        return 0;
    }
    return run(given);
} catch (const std::exception& error) {
    std::cerr << "passage-bench: " << error.what() << '\n';
    return 2;
}
