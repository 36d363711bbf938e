// Long runs of clients against servers that do their work badly, with the servers' own accounts compared at the end.

#include "runs.hpp"

#include <passage/passage.hpp>

#include <boost/program_options.hpp>

#include <algorithm>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace po = boost::program_options;
using namespace passage::stress;

int main(int argc, char** argv)
try {
    const std::vector<std::pair<std::string, bool (*)(const Bounds&)>> runs
    {
        {"faults", run_faults}, {"close-and-reuse", run_races_of_close_and_reuse}, {"cancel", run_cancel_storm},
            {"restarts", run_restarts}, {"liar", run_liar}, {"clients", run_clients},
            {"hostile-clients", run_hostile_clients},
#if PASSAGE_HTTP2
            {"cancellations", run_cancellations},
#endif
    };
    std::string names;
    for (const auto& [name, run] : runs)
        names += (names.empty() ? "" : ", ") + name;

    Bounds bounds{};
    unsigned seconds = 0;
    unsigned version = 0;
    std::vector<std::string> chosen;
    po::options_description options{"passage-stress: long runs against servers with faults"};
    options.add_options()                                                                           //
        ("run", po::value(&chosen), ("only this run, may be repeated: " + names).c_str())           //
        ("calls", po::value(&bounds.calls)->default_value(1'000'000), "calls of the longest runs")  //
        ("clients", po::value(&bounds.clients)->default_value(100'000), "clients that come and go") //
        ("cancellations", po::value(&bounds.cancellations)->default_value(100'000),
         "calls cancelled on one connection")                                                             //
        ("seconds", po::value(&seconds)->default_value(600), "nothing begins after so long, in each run") //
        ("http", po::value(&version),
         PASSAGE_HTTP2 ? "only this version of HTTP, 1 or 2, where a run can choose" : "1") //
        ("seed", po::value(&bounds.seed)->default_value(1), "of all that is random")        //
        ("help", "print this text");
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, options), given);
    po::notify(given);
    if (given.count("help")) {
        std::cout << options;
        return 0;
    }
    for (const std::string& name : chosen) {
        if (std::ranges::find(runs, name, [](const auto& run) { return run.first; }) == runs.end())
            throw po::error{"there is no run \"" + name + "\" but " + names};
    }

    if (version != 2)
        bounds.versions.push_back(passage::HttpVersion::http1);
    if (version != 1 && PASSAGE_HTTP2)
        bounds.versions.push_back(passage::HttpVersion::http2);
    if (version > 2 || bounds.versions.empty())
        throw po::error{"there is no such version of HTTP"};

    bool good = true;
    for (const auto& [name, run] : runs) {
        if (!chosen.empty() && std::ranges::find(chosen, name) == chosen.end())
            continue;
        bounds.end = Clock::now() + std::chrono::seconds{seconds};
        good = run(bounds) && good;
    }
    return good ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
