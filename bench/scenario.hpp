#pragma once

#include "report.hpp"
#include "settings.hpp"

#include <span>
#include <string_view>

namespace passage::bench {

/// Something that can be measured.
struct Scenario
{
    std::string_view client; ///< Who does it: this library, or a peer.
    std::string_view name;
    std::string_view description;
    Report (*run)(const Settings& settings);
};

/// All of them.
std::span<const Scenario> scenarios();

// This library over the network.
Report get_user(const Settings& settings);
Report connect_anew(const Settings& settings);
Report connect_unresumed(const Settings& settings);
Report create_user(const Settings& settings);
Report mixed(const Settings& settings);
Report list_users(const Settings& settings);
Report queued(const Settings& settings);
Report burst(const Settings& settings);
Report batch(const Settings& settings);
Report batch_memory(const Settings& settings);
Report threads_one_client(const Settings& settings);
Report threads_own_clients(const Settings& settings);
Report idle_memory(const Settings& settings);
Report flight_memory(const Settings& settings);
Report growth(const Settings& settings);
Report queued_memory(const Settings& settings);

// Without a network.
Report no_operation(const Settings& settings);
Report decode(const Settings& settings);
Report decode_dom(const Settings& settings);
Report decode_monotonic_dom(const Settings& settings);
Report pool_only(const Settings& settings);

// Peers.
Report beast_get_user(const Settings& settings);
Report beast_idle_memory(const Settings& settings);
Report curl_get_user(const Settings& settings);

} // namespace passage::bench
