#pragma once

#include <string_view>

namespace passage::bench {

/// A user of 1.1 KB, as served.
inline constexpr std::string_view user_document =
    R"({"user":{"id":"h7dOU3v2QkrhVNcdBuTKCzpE","created_at":"2023-01-20T15:04:05.123456Z",)"
    R"("updated_at":"2024-03-11T09:21:44.001827Z","last_login_at":"2024-03-11T09:21:43.998112Z",)"
    R"("email":"jane.doe@example.com","email_verified":true,"phone":"+15005550006","phone_verified":false,)"
    R"("external_id":"","login_count":42,"status":"active","webauthn":true,"webauthn_types":["passkey"],)"
    R"("webauthn_devices":[{"id":"Xk29dLwq0PzR","cred_id":"m5gxRWC3kI9sJ2q8VnB0Tw","friendly_name":"Chrome on Mac",)"
    R"("type":"passkey","usage_count":17,"created_at":"2023-01-20T15:05:00Z","updated_at":"2024-03-11T09:21:43Z",)"
    R"("last_login_at":"2024-03-11T09:21:43Z","icons":{"light":null,"dark":null}}],"recent_events":[)"
    R"({"id":"evt_8aT3","type":"passkey_login","action":"login","status":"complete",)"
    R"("created_at":"2024-03-11T09:21:43Z","completed_at":"2024-03-11T09:21:44Z","ip_addr":"203.0.113.17",)"
    R"("user_agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15",)"
    R"("user_agent_display":"Chrome on Mac","social_login_type":null}],"social_connections":{},)"
    R"("user_metadata":{"plan":"pro","seats":5,"beta":true}}})";

} // namespace passage::bench
