#include "support/error_of.hpp"
#include "json/decode.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <variant>

/// Every field of every model, in every state that a server may send it in.

using namespace passage;
using namespace std::chrono_literals;

namespace {

/// The result of decoding any of the documents.
struct Decoded
{
    UserInfo user;
    UserPage page;
    std::vector<WebAuthnDevice> devices;

    friend bool operator==(const Decoded&, const Decoded&) = default;
};

enum class Kind { text, enumeration, flag, integer, time, object, metadata, list };

/// A model, and the document around its fields.
struct Place
{
    std::string_view before;
    std::string_view after;
    std::string_view pointer; ///< Of the model.
    bool has_id = true;       ///< Whether the model requires an id.
};

constexpr Place user{R"({"user":{)", "}}", "/user"};
constexpr Place device{R"({"user":{"id":"u","webauthn_devices":[{)", "}]}}", "/user/webauthn_devices/0"};
constexpr Place icons{R"({"user":{"id":"u","webauthn_devices":[{"id":"d","icons":{)", "}}]}}",
                      "/user/webauthn_devices/0/icons", false};
constexpr Place event{R"({"user":{"id":"u","recent_events":[{)", "}]}}", "/user/recent_events/0", false};
constexpr Place social{R"({"user":{"id":"u","social_connections":{)", "}}}", "/user/social_connections", false};
constexpr Place apple{R"({"user":{"id":"u","social_connections":{"apple":{)", "}}}}", "/user/social_connections/apple",
                      false};
constexpr Place listed_device{R"({"devices":[{"id":"other"},{)", "}]}", "/devices/1"};
constexpr Place item{R"({"users":[{"id":"other"},{)", "}]}", "/users/1"};
constexpr Place page{R"({"users":[],)", "}", "", false};
constexpr Place links{R"({"users":[],"_links":{)", "}}", "/_links", false};
constexpr Place next_link{R"({"users":[],"_links":{"next":{)", "}}}", "/_links/next", false};

using Value = std::variant<std::string, bool, std::int64_t, Timestamp, std::size_t>;

struct Row
{
    const Place& place;
    std::string_view name;
    Kind kind;
    Value (*read)(const Decoded&);
};

const UserSummary& first(const Decoded& d)
{
    return d.page.users.at(1);
}
const WebAuthnDevice& first_device(const Decoded& d)
{
    return d.user.webauthn_devices.at(0);
}
const UserEvent& first_event(const Decoded& d)
{
    return d.user.recent_events.at(0);
}
template <class Enum>
Value text_of(const OpenEnum<Enum>& value)
{
    return std::string{value.text()};
}
Value text_of(const boost::json::object& metadata)
{
    return metadata.empty() ? std::string{} : std::string{metadata.at("key").as_string()};
}

const Row rows[] = {
    {user, "id", Kind::text, [](const Decoded& d) -> Value { return d.user.id; }},
    {user, "email", Kind::text, [](const Decoded& d) -> Value { return d.user.email; }},
    {user, "email_verified", Kind::flag, [](const Decoded& d) -> Value { return d.user.email_verified; }},
    {user, "phone", Kind::text, [](const Decoded& d) -> Value { return d.user.phone; }},
    {user, "phone_verified", Kind::flag, [](const Decoded& d) -> Value { return d.user.phone_verified; }},
    {user, "external_id", Kind::text, [](const Decoded& d) -> Value { return d.user.external_id; }},
    {user, "status", Kind::enumeration, [](const Decoded& d) { return text_of(d.user.status); }},
    {user, "created_at", Kind::time, [](const Decoded& d) -> Value { return d.user.created_at; }},
    {user, "updated_at", Kind::time, [](const Decoded& d) -> Value { return d.user.updated_at; }},
    {user, "last_login_at", Kind::time, [](const Decoded& d) -> Value { return d.user.last_login_at; }},
    {user, "login_count", Kind::integer, [](const Decoded& d) -> Value { return d.user.login_count; }},
    {user, "webauthn", Kind::flag, [](const Decoded& d) -> Value { return d.user.webauthn; }},
    {user, "webauthn_types", Kind::list, [](const Decoded& d) -> Value { return d.user.webauthn_types.size(); }},
    {user, "webauthn_devices", Kind::list, [](const Decoded& d) -> Value { return d.user.webauthn_devices.size(); }},
    {user, "recent_events", Kind::list, [](const Decoded& d) -> Value { return d.user.recent_events.size(); }},
    {user, "social_connections", Kind::object,
     [](const Decoded& d) -> Value { return d.user.social_connections.google.has_value(); }},
    {user, "user_metadata", Kind::metadata, [](const Decoded& d) { return text_of(d.user.user_metadata); }},

    {device, "id", Kind::text, [](const Decoded& d) -> Value { return first_device(d).id; }},
    {device, "cred_id", Kind::text, [](const Decoded& d) -> Value { return first_device(d).cred_id; }},
    {device, "friendly_name", Kind::text, [](const Decoded& d) -> Value { return first_device(d).friendly_name; }},
    {device, "type", Kind::enumeration, [](const Decoded& d) { return text_of(first_device(d).type); }},
    {device, "usage_count", Kind::integer, [](const Decoded& d) -> Value { return first_device(d).usage_count; }},
    {device, "created_at", Kind::time, [](const Decoded& d) -> Value { return first_device(d).created_at; }},
    {device, "updated_at", Kind::time, [](const Decoded& d) -> Value { return first_device(d).updated_at; }},
    {device, "last_login_at", Kind::time, [](const Decoded& d) -> Value { return first_device(d).last_login_at; }},
    {device, "icons", Kind::object, [](const Decoded& d) -> Value { return !first_device(d).icons.dark.empty(); }},
    {icons, "light", Kind::text, [](const Decoded& d) -> Value { return first_device(d).icons.light; }},
    {icons, "dark", Kind::text, [](const Decoded& d) -> Value { return first_device(d).icons.dark; }},

    {event, "id", Kind::text, [](const Decoded& d) -> Value { return first_event(d).id; }},
    {event, "type", Kind::text, [](const Decoded& d) -> Value { return first_event(d).type; }},
    {event, "action", Kind::enumeration, [](const Decoded& d) { return text_of(first_event(d).action); }},
    {event, "status", Kind::enumeration, [](const Decoded& d) { return text_of(first_event(d).status); }},
    {event, "created_at", Kind::time, [](const Decoded& d) -> Value { return first_event(d).created_at; }},
    {event, "completed_at", Kind::time,
     [](const Decoded& d) -> Value { return first_event(d).completed_at.value_or(never); }},
    {event, "ip_addr", Kind::text, [](const Decoded& d) -> Value { return first_event(d).ip_addr; }},
    {event, "user_agent", Kind::text, [](const Decoded& d) -> Value { return first_event(d).user_agent; }},
    {event, "user_agent_display", Kind::text,
     [](const Decoded& d) -> Value { return first_event(d).user_agent_display; }},
    {event, "social_login_type", Kind::enumeration,
     [](const Decoded& d) { return text_of(first_event(d).social_login_type); }},

    {social, "apple", Kind::object,
     [](const Decoded& d) -> Value { return d.user.social_connections.apple.has_value(); }},
    {social, "github", Kind::object,
     [](const Decoded& d) -> Value { return d.user.social_connections.github.has_value(); }},
    {social, "google", Kind::object,
     [](const Decoded& d) -> Value { return d.user.social_connections.google.has_value(); }},
    {apple, "provider_id", Kind::text,
     [](const Decoded& d) -> Value { return d.user.social_connections.apple->provider_id; }},
    {apple, "provider_identifier", Kind::text,
     [](const Decoded& d) -> Value { return d.user.social_connections.apple->provider_identifier; }},
    {apple, "created_at", Kind::time,
     [](const Decoded& d) -> Value { return d.user.social_connections.apple->created_at; }},
    {apple, "last_login_at", Kind::time,
     [](const Decoded& d) -> Value { return d.user.social_connections.apple->last_login_at; }},

    {listed_device, "id", Kind::text, [](const Decoded& d) -> Value { return d.devices.at(1).id; }},
    {listed_device, "usage_count", Kind::integer,
     [](const Decoded& d) -> Value { return d.devices.at(1).usage_count; }},

    {item, "id", Kind::text, [](const Decoded& d) -> Value { return first(d).id; }},
    {item, "email", Kind::text, [](const Decoded& d) -> Value { return first(d).email; }},
    {item, "email_verified", Kind::flag, [](const Decoded& d) -> Value { return first(d).email_verified; }},
    {item, "phone", Kind::text, [](const Decoded& d) -> Value { return first(d).phone; }},
    {item, "phone_verified", Kind::flag, [](const Decoded& d) -> Value { return first(d).phone_verified; }},
    {item, "external_id", Kind::text, [](const Decoded& d) -> Value { return first(d).external_id; }},
    {item, "status", Kind::enumeration, [](const Decoded& d) { return text_of(first(d).status); }},
    {item, "created_at", Kind::time, [](const Decoded& d) -> Value { return first(d).created_at; }},
    {item, "updated_at", Kind::time, [](const Decoded& d) -> Value { return first(d).updated_at; }},
    {item, "last_login_at", Kind::time, [](const Decoded& d) -> Value { return first(d).last_login_at; }},
    {item, "login_count", Kind::integer, [](const Decoded& d) -> Value { return first(d).login_count; }},
    {item, "user_metadata", Kind::metadata, [](const Decoded& d) { return text_of(first(d).user_metadata); }},

    {page, "page", Kind::integer, [](const Decoded& d) -> Value { return d.page.page; }},
    {page, "limit", Kind::integer, [](const Decoded& d) -> Value { return d.page.limit; }},
    {page, "total_users", Kind::integer, [](const Decoded& d) -> Value { return d.page.total_users; }},
    {page, "created_before", Kind::integer,
     [](const Decoded& d) -> Value { return std::int64_t{d.page.created_before.time_since_epoch().count()}; }},
    {page, "_links", Kind::object, [](const Decoded& d) -> Value { return !d.page.links.self.empty(); }},
    {links, "first", Kind::object, [](const Decoded& d) -> Value { return !d.page.links.first.empty(); }},
    {links, "last", Kind::object, [](const Decoded& d) -> Value { return !d.page.links.last.empty(); }},
    {links, "next", Kind::object, [](const Decoded& d) -> Value { return !d.page.links.next.empty(); }},
    {links, "previous", Kind::object, [](const Decoded& d) -> Value { return !d.page.links.previous.empty(); }},
    {links, "self", Kind::object, [](const Decoded& d) -> Value { return !d.page.links.self.empty(); }},
    {next_link, "href", Kind::text, [](const Decoded& d) -> Value { return d.page.links.next; }},
};

bool is_required(const Row& row)
{
    return row.place.has_id && row.name == "id";
}

std::string pointer(const Row& row)
{
    return std::string{row.place.pointer} + "/" + std::string{row.name};
}

/// The name of a kind of value in messages.
std::string_view name(Kind kind)
{
    switch (kind) {
    case Kind::text:
    case Kind::enumeration:
        return "a string";
    case Kind::flag:
        return "a boolean";
    case Kind::integer:
        return "a 64-bit integer";
    case Kind::time:
        return "an RFC 3339 time";
    case Kind::object:
    case Kind::metadata:
        return "an object";
    case Kind::list:
        return "an array";
    }
    return {};
}

expected<Decoded> decode(const std::string& document)
{
    Decoded decoded;
    const auto into = [](auto& place, auto result) -> expected<void> {
        if (!result)
            return unexpected<Error>{std::move(result.error())};
        place = *std::move(result);
        return {};
    };
    const expected<void> done = document.starts_with(R"({"user":)") ? into(decoded.user, json::decode_user(document))
                                : document.starts_with(R"({"users")")
                                    ? into(decoded.page, json::decode_user_page(document))
                                    : into(decoded.devices, json::decode_devices(document));
    if (!done)
        return unexpected<Error>{done.error()};
    return decoded;
}

/// The document with a field set to a value; without the field if the value is empty.
std::string document(const Row& row, std::string_view value)
{
    std::string fields;
    if (row.place.has_id && row.name != "id")
        fields = R"("id":"i")";
    if (!value.empty()) {
        if (!fields.empty())
            fields += ',';
        fields.append("\"").append(row.name).append("\":").append(value);
    }
    std::string before{row.place.before};
    if (fields.empty() && before.ends_with(','))
        before.pop_back();
    return before + fields + std::string{row.place.after};
}

std::string message(const Row& row, std::string_view value)
{
    const expected<Decoded> decoded = decode(document(row, value));
    if (decoded)
        return "no error";
    BOOST_TEST((decoded.error().code == Errc::decode));
    return decoded.error().message;
}

Decoded require(const Row& row, std::string_view value)
{
    const expected<Decoded> decoded = decode(document(row, value));
    BOOST_TEST_REQUIRE(decoded.has_value(), passage::test::error_of(decoded).message);
    return *decoded;
}

struct Sample
{
    std::string json;
    Value value;
};

/// A value that no other field has.
Sample sample(const Row& row)
{
    const std::string text = "the " + std::string{row.name};
    const std::int64_t number = 1'000'000'007 + (&row - rows);
    switch (row.kind) {
    case Kind::text:
    case Kind::enumeration:
        return {"\"" + text + "\"", text};
    case Kind::flag:
        return {"true", true};
    case Kind::integer:
        return {std::to_string(number), number};
    case Kind::time:
        return {R"("2031-07-01T00:00:00.)" + std::to_string(number).substr(4) + R"(Z")",
                Timestamp{std::chrono::sys_days{2031y / 7 / 1} + std::chrono::microseconds{number % 1'000'000}}};
    case Kind::object:
        return {R"({"id":"o","self":{"href":"h"},"href":"h","google":{},"dark":"d"})", true};
    case Kind::metadata:
        return {R"({"key":"kept"})", std::string{"kept"}};
    case Kind::list:
        if (row.name == "webauthn_types")
            return {R"(["passkey","platform"])", std::size_t{2}};
        return {R"([{"id":"a"},{"id":"b"}])", std::size_t{2}};
    }
    return {};
}

} // namespace

BOOST_AUTO_TEST_SUITE(fields)

BOOST_AUTO_TEST_CASE(a_value_is_read_into_its_member_alone)
{
    for (const Row& row : rows)
        BOOST_TEST_CONTEXT(pointer(row))
        {
            const Sample given = sample(row);
            const Decoded with = require(row, given.json);
            BOOST_TEST((row.read(with) == given.value));
            for (const Row& other : rows)
                if (&other.place == &row.place && other.name != row.name && !is_required(other) && !is_required(row)) {
                    const Decoded without = require(other, "");
                    BOOST_TEST((other.read(with) == other.read(without)), pointer(other) << " has changed");
                }
        }
}

BOOST_AUTO_TEST_CASE(absent_ids_are_errors_and_other_absent_fields_are_empty)
{
    for (const Row& row : rows)
        BOOST_TEST_CONTEXT(pointer(row))
        {
            if (is_required(row)) {
                BOOST_TEST(message(row, "") == "at " + pointer(row) + ": missing");
                continue;
            }
            const Value empty = row.kind == Kind::time                               ? Value{never}
                                : row.kind == Kind::flag || row.kind == Kind::object ? Value{false}
                                : row.kind == Kind::integer                          ? Value{std::int64_t{0}}
                                : row.kind == Kind::list                             ? Value{std::size_t{0}}
                                                                                     : Value{std::string{}};
            BOOST_TEST((row.read(require(row, "")) == empty));
        }
}

BOOST_AUTO_TEST_CASE(null_reads_as_absent)
{
    for (const Row& row : rows)
        BOOST_TEST_CONTEXT(pointer(row))
        {
            if (is_required(row))
                BOOST_TEST(message(row, "null") == "at " + pointer(row) + ": a string is expected");
            else
                BOOST_TEST((require(row, "null") == require(row, "")));
        }
}

BOOST_AUTO_TEST_CASE(a_value_of_the_wrong_type_is_an_error_that_names_the_place)
{
    const struct
    {
        std::string_view json;
        std::vector<Kind> taken_by;
    } values[] = {
        {"true", {Kind::flag}},
        {"false", {Kind::flag}},
        {"1", {Kind::integer}},
        {"0.5", {}},
        {"18446744073709551615", {}},
        {"\"text\"", {Kind::text, Kind::enumeration}},
        {"\"2024-01-01T00:00:00Z\"", {Kind::text, Kind::enumeration, Kind::time}},
        {"[]", {Kind::list}},
        {"[true]", {}},
        {"{}", {Kind::object, Kind::metadata}},
        {"{\"x\":[1]}", {Kind::object, Kind::metadata}},
    };
    for (const Row& row : rows)
        for (const auto& [json, taken_by] : values)
            BOOST_TEST_CONTEXT(pointer(row) << " is " << json)
            {
                if (std::find(taken_by.begin(), taken_by.end(), row.kind) != taken_by.end()) {
                    BOOST_TEST(decode(document(row, json)).has_value());
                } else if (row.kind == Kind::list && json == "[true]") {
                    const std::string_view element = row.name == "webauthn_types" ? "a string" : "an object";
                    BOOST_TEST(message(row, json) ==
                               "at " + pointer(row) + "/0: " + std::string{element} + " is expected");
                } else {
                    BOOST_TEST(message(row, json) ==
                               "at " + pointer(row) + ": " + std::string{name(row.kind)} + " is expected");
                }
            }
}

BOOST_AUTO_TEST_CASE(empty_values_are_empty_but_for_ids_and_times)
{
    for (const Row& row : rows)
        BOOST_TEST_CONTEXT(pointer(row))
        {
            switch (row.kind) {
            case Kind::text:
                if (is_required(row))
                    BOOST_TEST(message(row, "\"\"") == "at " + pointer(row) + ": must not be empty");
                else
                    BOOST_TEST((row.read(require(row, "\"\"")) == Value{std::string{}}));
                break;
            case Kind::enumeration:
                BOOST_TEST((row.read(require(row, "\"\"")) == Value{std::string{}}));
                break;
            case Kind::time:
                BOOST_TEST(message(row, "\"\"") == "at " + pointer(row) + ": an RFC 3339 time is expected");
                break;
            case Kind::object:
                // A social connection may be an empty object.
                BOOST_TEST((row.read(require(row, "{}")) == Value{&row.place == &social}));
                break;
            case Kind::metadata:
                BOOST_TEST((require(row, "{}") == require(row, "")));
                break;
            case Kind::list:
                BOOST_TEST((require(row, "[]") == require(row, "")));
                break;
            case Kind::flag:
            case Kind::integer:
                break; // these have no empty value
            }
        }
}

BOOST_AUTO_TEST_CASE(huge_values_are_read_or_refused_by_name)
{
    const std::string text(1'000'000, 'x');
    for (const Row& row : rows)
        BOOST_TEST_CONTEXT(pointer(row))
        {
            const std::string refused = "at " + pointer(row) + ": " + std::string{name(row.kind)} + " is expected";
            switch (row.kind) {
            case Kind::text:
            case Kind::enumeration:
                BOOST_TEST((row.read(require(row, "\"" + text + "\"")) == Value{text}));
                BOOST_TEST((row.read(require(row, R"("\u0078)" + text + "\"")) == Value{"x" + text}));
                break;
            case Kind::time:
                BOOST_TEST(message(row, "\"" + text + "\"") == refused);
                BOOST_TEST(message(row, R"("2024-01-01T00:00:00.)" + std::string(1000, '0') + "Z\"") == refused);
                break;
            case Kind::integer: {
                // Times are clamped to what nanoseconds can count.
                const bool is_time = row.name == "created_before";
                const Value most = is_time ? std::int64_t{INT64_MAX} / 1'000'000'000 : std::int64_t{INT64_MAX};
                const Value least = is_time ? std::int64_t{INT64_MIN} / 1'000'000'000 : std::int64_t{INT64_MIN};
                BOOST_TEST((row.read(require(row, "9223372036854775807")) == most));
                BOOST_TEST((row.read(require(row, "-9223372036854775808")) == least));
                BOOST_TEST(message(row, "9223372036854775808") == refused);
                BOOST_TEST(message(row, std::string(1000, '9')) == refused);
                break;
            }
            case Kind::list: {
                const std::string element = row.name == "webauthn_types" ? R"("passkey")" : R"({"id":"x"})";
                std::string list = "[" + element;
                for (int i = 1; i < 1'000; ++i)
                    list.append(",").append(element);
                BOOST_TEST((row.read(require(row, list + "]")) == Value{std::size_t{1'000}}));
                break;
            }
            case Kind::object:
                BOOST_TEST((require(row, R"({"later":")" + text + "\"}") == require(row, "{}")));
                break;
            case Kind::metadata:
                BOOST_TEST((row.read(require(row, R"({"key":")" + text + "\"}")) == Value{text}));
                break;
            case Kind::flag:
                BOOST_TEST(message(row, "1") == refused);
                break;
            }
        }
}

BOOST_AUTO_TEST_SUITE_END()
