#pragma once

#include <string>
#include <string_view>

namespace passage::json::test {

/// A user with all fields and lists, as the service writes it.
inline constexpr std::string_view user_document =
    R"({"user":{"id":"uMx40TqLw9bR2cVn7KsE1yZa","created_at":"2021-09-14T08:30:11.204519Z",)"
    R"("updated_at":"2025-02-01T22:10:00.5Z","last_login_at":"2025-02-01T22:09:58Z",)"
    R"("email":"ada@lovelace.example","email_verified":true,"phone":"+442079460123","phone_verified":true,)"
    R"("external_id":"crm/7741","login_count":1815,"status":"inactive","webauthn":true,)"
    R"("webauthn_types":["security_key","platform"],"webauthn_devices":[{"id":"devA","cred_id":"c0ffee",)"
    R"("friendly_name":"Ada\u2019s \"blue\" key","type":"security_key","usage_count":3,)"
    R"("created_at":"2022-01-01T00:00:00Z","updated_at":"2022-01-02T00:00:00Z",)"
    R"("last_login_at":"2022-01-03T00:00:00Z","icons":{"light":"data:image/svg+xml;a","dark":null}},)"
    R"({"id":"devB","type":"platform"}],"recent_events":[{"id":"e1","type":"login","action":"login",)"
    R"("status":"complete","created_at":"2025-02-01T22:09:57Z","completed_at":"2025-02-01T22:09:58Z",)"
    R"("ip_addr":"2001:db8::7","user_agent":"curl/8.0","user_agent_display":"curl","social_login_type":"github"},)"
    R"({"id":"e2","type":"register","action":"register","status":"incomplete","completed_at":null,)"
    R"("social_login_type":null}],"social_connections":{"github":{"provider_id":"99",)"
    R"("provider_identifier":"ada","created_at":"2023-05-05T05:05:05Z",)"
    R"("last_login_at":"2024-06-06T06:06:06Z"}},"user_metadata":{"plan":"gold","seats":12,"ratio":0.1,)"
    R"("tags":["a","\ud83d\ude00",null,{"deep":[true,-1]}]}}})";

/// A page of users.
inline constexpr std::string_view page_document =
    R"({"_links":{"first":{"href":"/v1/apps/a/users?page=1"},"last":{"href":"/v1/apps/a/users?page=9"},)"
    R"("next":{"href":"/v1/apps/a/users?page=4"},"previous":{"href":"/v1/apps/a/users?page=2"},)"
    R"("self":{"href":"/v1/apps/a/users?page=3"}},"created_before":1738447800,"limit":2,"page":3,)"
    R"("total_users":17,"users":[{"id":"first","email":"x@y.example","status":"active","login_count":4,)"
    R"("created_at":"2024-01-01T00:00:00Z","user_metadata":{"k":1}},{"id":"second","phone":"+15005550001",)"
    R"("status":"pending","user_metadata":null}]})";

/// A document that is an array in arrays in arrays.
inline std::string nested_arrays(std::size_t depth)
{
    return std::string(depth, '[') + std::string(depth, ']');
}

} // namespace passage::json::test
