#include "scenario.hpp"

#include <array>

namespace passage::bench {

std::span<const Scenario> scenarios()
{
    static constexpr std::array all{
        Scenario{"passage", "get_user", "reads users over connections that are kept", get_user},
        Scenario{"passage", "connect", "reads users, each over a new connection that resumes a TLS session",
                 connect_anew},
        Scenario{"passage", "connect_unresumed", "the same with a full handshake", connect_unresumed},
        Scenario{"passage", "create_user", "creates users", create_user},
        Scenario{"passage", "mixed", "creates a user in one of ten calls, and reads one in the others", mixed},
        Scenario{"passage", "list_users", "reads pages of 500 users", list_users},
        Scenario{"passage", "queued", "as get_user, with 10,000 callers at a time", queued},
        Scenario{"passage", "burst", "10,000 calls at once, with no connection open", burst},
        Scenario{"passage", "batch", "reads users by get_users, and in turn by a loop written by hand", batch},
        Scenario{"passage", "batch_memory", "what get_users of 100,000 ids holds beside its results", batch_memory},
        Scenario{"passage", "threads_one_client", "as get_user, on two threads that share a client",
                 threads_one_client},
        Scenario{"passage", "threads_own_clients", "two threads, each with a client as in get_user",
                 threads_own_clients},
        Scenario{"passage", "idle_memory", "memory of connections that are open and unused", idle_memory},
        Scenario{"passage", "flight_memory", "the most memory that so many calls at a time take", flight_memory},
        Scenario{"passage", "queued_memory", "memory of calls that wait for a connection", queued_memory},
        Scenario{"passage", "growth", "memory that many calls leave behind", growth},
        Scenario{"passage", "decode", "decodes a user of 1.1 KB", decode},
        Scenario{"passage", "pool", "takes a connection from the pool and gives it back", pool_only},
        Scenario{"beast", "get_user", "the same with stock Beast and Boost.JSON's DOM", beast_get_user},
        Scenario{"beast", "idle_memory", "memory of stock Beast's connections that are open and unused",
                 beast_idle_memory},
        Scenario{"curl", "get_user", "the same with libcurl's multi interface and Boost.JSON's DOM", curl_get_user},
        Scenario{"boost_json", "decode", "parses the same user into Boost.JSON's DOM, and no more", decode_dom},
        Scenario{"boost_json_monotonic", "decode", "the same with the DOM in a buffer on the stack",
                 decode_monotonic_dom},
        Scenario{"harness", "no_operation", "awaits nothing: what measuring costs by itself", no_operation},
    };
    return all;
}

} // namespace passage::bench
