#pragma once

#include "keys.hpp"
#include "routes.hpp"
#include "store.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <string>

/// The routes over a store of their own, called without a network.
struct LocalService
{
    passage::emulator::Store store;
    std::string app = "app";

    explicit LocalService(const std::filesystem::path& file = {}) : store(file)
    {
        store.put_app(app, passage::emulator::hash_key("key"), passage::emulator::now());
    }

    passage::emulator::Response call(std::string_view method, const std::string& target, std::string_view body = {},
                                     std::optional<std::string_view> authorization = "Bearer key")
    {
        return answer(store, {method, target, "test", authorization, body});
    }

    /// A call on the users of the app: `/ID/devices`, `?page=2`, or nothing.
    passage::emulator::Response users(std::string_view method, const std::string& rest = {}, std::string_view body = {})
    {
        return call(method, "/v1/apps/" + app + "/users" + rest, body);
    }

    std::string create(std::string_view body)
    {
        return boost::json::parse(users("POST", "", body).body).at("user").at("id").as_string().c_str();
    }
};

/// The code of an error answer; the empty text if it is none.
inline std::string code_of(const passage::emulator::Response& response)
{
    if (response.status < 400) {
        return {};
    }
    const auto value = boost::json::parse(response.body);
    value.at("error").as_string();
    return value.at("code").as_string().c_str();
}

inline boost::json::object user_of(const passage::emulator::Response& response)
{
    return boost::json::parse(response.body).at("user").as_object();
}
