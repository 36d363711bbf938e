#pragma once

#include "keys.hpp"
#include "routes.hpp"
#include "store.hpp"

#include <boost/json/parse.hpp>

#include <string>

namespace passage::fuzz {

struct Demo
{
    emulator::Store store{{}};

    Demo() { store.put_app("demo", emulator::hash_key("key"), emulator::now()); }
};

/// The emulator's data: the app "demo", whose key is "key", with one user. Made once, because that is slow, and
/// reset for each input.
inline emulator::Store& store_of_one_user()
{
    static Demo demo;
    emulator::Store& store = demo.store;
    const auto call = [&](std::string_view method, const std::string& target, std::string_view body = {}) {
        return answer(store, {method, target, "fuzz", "Bearer key", body});
    };
    for (;;) {
        const auto page = boost::json::parse(call("GET", "/v1/apps/demo/users?limit=500").body);
        if (page.at("users").as_array().empty())
            break;
        for (const auto& user : page.at("users").as_array())
            call("DELETE", "/v1/apps/demo/users/" + std::string{user.at("id").as_string().c_str()});
    }
    call("POST", "/admin/apps/demo/users", R"({"id":"ada","email":"ada@lovelace.example"})");
    return store;
}

} // namespace passage::fuzz
