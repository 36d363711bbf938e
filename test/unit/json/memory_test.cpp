#include "documents.hpp"
#include "live_memory.hpp"
#include "json/decode.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

using namespace passage;
using namespace passage::json::test;

namespace {

constexpr std::size_t MiB = 1024 * 1024;

/// `begin`, as many elements as make so many bytes, separated by commas, and `end`.
std::string filled(std::string_view begin, std::string_view element, std::string_view end, std::size_t size)
{
    std::string text{begin};
    text.append(element);
    while (text.size() < size)
        text.append(",").append(element);
    return text.append(end);
}

/// Reads a body as the document that it is; what is wrong with it.
std::optional<Error> read(std::string_view body, std::size_t limit = json::default_limit)
{
    const auto error = [](const auto& result) -> std::optional<Error> {
        return result ? std::nullopt : std::optional{result.error()};
    };
    if (body.starts_with(R"({"user")"))
        return error(json::decode_user(body, limit));
    if (body.starts_with(R"({"page")"))
        return error(json::decode_user_page(body, limit));
    if (body.starts_with(R"({"devices")"))
        return error(json::decode_devices(body, limit));
    if (body.starts_with(R"({"magic_link")"))
        return error(json::decode_magic_link(body, limit));
    return error(json::decode_app(body, limit));
}

struct Hostile
{
    std::string begin;
    std::string element;
    std::string end;
};

const std::string metadata = R"({"user":{"id":"u","user_metadata":{"a":)";

const std::vector<Hostile> hostile{
    {R"({"user":{"id":"u","recent_events":[)", "{}", "]}}"},
    {R"({"user":{"id":"u","webauthn_devices":[)", R"({"id":"d"})", "]}}"},
    {R"({"user":{"id":"u","webauthn_types":[)", R"("")", "]}}"},
    {R"({"user":{"id":"u","webauthn_types":[)", R"("0123456789abcdef")", "]}}"},
    {R"({"user":{"id":"u","recent_events":[)", R"({"id":"0123456789abcdef"})", "]}}"},
    {R"({"user":{"id":"u",)", R"("recent_events":[{},{},{}])", "}}"},
    {R"({"page":1,"users":[)", R"({"id":"u"})", "]}"},
    {R"({"page":1,"users":[)", R"({"id":"u","user_metadata":{"a":1}})", "]}"},
    {R"({"devices":[)", R"({"id":"d"})", "]}"},
    {R"({"app":{"id":"a","user_metadata_schema":[)", "{}", "]}}"},
    {R"({"app":{"id":"a","additional_auth_origins":[)", R"("")", "]}}"},
    {metadata + "[", "1", "]}}}"},
    {metadata + "[", "0.1", "]}}}"},
    {metadata + "[", "true", "]}}}"},
    {metadata + "[", "null", "]}}}"},
    {metadata + "[", "[]", "]}}}"},
    {metadata + "[", "[1]", "]}}}"},
    {metadata + "[", "{}", "]}}}"},
    {metadata + "[", R"({"":1})", "]}}}"},
    {metadata + "[", R"({"0123456789abcdef0123456789":1})", "]}}}"},
    {metadata + "[", R"("")", "]}}}"},
    {metadata + "[", R"("0123456789abcdef")", "]}}}"},
    {metadata + "{", R"("":1)", "}}}}"},
    {metadata + "{", R"("a":1)", "}}}}"},
    {metadata + R"([")", R"(\u0041)", R"("]}}})"},
    {metadata + R"({")", R"(\u0041)", R"(":1}}}})"},
    {R"({"magic_link":{"id":"m","url":")", R"(\u0041)", R"("}})"},
};

} // namespace

BOOST_AUTO_TEST_SUITE(memory_of_decoding)

BOOST_AUTO_TEST_CASE(no_document_takes_more_than_eight_times_its_size)
{
    std::size_t refused = 0;
    for (const Hostile& what : hostile)
        for (const std::size_t size : {std::size_t{1'000}, std::size_t{50'000}, std::size_t{700'000}, 4 * MiB}) {
            const std::string body = filled(what.begin, what.element, what.end, size);
            const test::LiveMemory memory;
            const auto error = read(body);
            const std::size_t most = std::max(8 * body.size(), 1 * MiB);
            BOOST_TEST_CONTEXT(what.begin << what.element << "..., " << body.size() << " bytes")
            {
                BOOST_TEST(memory.peak() <= most);
                if (error) {
                    ++refused;
                    BOOST_TEST((error->code == Errc::too_large));
                    BOOST_TEST(error->message.ends_with(" exceeds " + std::to_string(most) + " bytes"), *error);
                }
            }
        }
    BOOST_TEST(refused > 20u);
}

BOOST_AUTO_TEST_CASE(no_document_takes_more_than_the_limit)
{
    for (const std::size_t limit : {std::size_t{20'000}, std::size_t{1'000'000}, std::size_t{10'000'000}})
        for (const Hostile& what : hostile) {
            const std::string body = filled(what.begin, what.element, what.end, 4 * MiB);
            const test::LiveMemory memory;
            const auto error = read(body, limit);
            BOOST_TEST_CONTEXT(what.begin << what.element << "..., " << limit << " bytes")
            {
                BOOST_TEST(memory.peak() <= limit);
                if (error)
                    BOOST_TEST(error->message.ends_with(" exceeds " + std::to_string(limit) + " bytes"), *error);
                else
                    BOOST_TEST(limit > 5 * MiB);
            }
        }
}

BOOST_AUTO_TEST_CASE(an_error_takes_a_mebibyte_at_most)
{
    for (const Hostile& what :
         {Hostile{R"({"code":"c","error":")", R"(\u0041)", R"("})"}, Hostile{R"({"code":"c","error":")", "a", R"("})"},
          Hostile{R"({"code":"c",")", R"(\u0041)", R"(":1})"}}) {
        const std::string body = filled(what.begin, what.element, what.end, 4 * MiB);
        const test::LiveMemory memory;
        BOOST_TEST(!json::decode_error(body).has_value());
        BOOST_TEST(memory.peak() <= 1 * MiB);
    }
}

BOOST_AUTO_TEST_CASE(what_a_service_answers_stays_within_the_limit)
{
    // List items with all fields, and with only the required ones.
    const std::string full =
        R"({"id":"uMx40TqLw9bR2cVn7KsE1yZa","created_at":"2021-09-14T08:30:11.204519Z",)"
        R"("updated_at":"2025-02-01T22:10:00.5Z","last_login_at":"2025-02-01T22:09:58Z",)"
        R"("email":"ada@lovelace.example","email_verified":true,"phone":"+442079460123","phone_verified":true,)"
        R"("external_id":"crm/7741","login_count":1815,"status":"active",)"
        R"("user_metadata":{"plan":"gold","seats":12,"beta":true,"joined":"2025-02-01"}})";
    const std::string least = R"({"id":"uMx40TqLw9bR2cVn7KsE1yZa"})";
    for (const std::size_t size : {1 * MiB, 8 * MiB})
        BOOST_TEST(!read(filled(R"({"page":1,"users":[)", full, "]}", size)).has_value());
    std::string page = R"({"page":1,"users":[)";
    for (int i = 0; i < 500; ++i)
        page += least + ",";
    page.back() = ']';
    BOOST_TEST(!read(page + "}").has_value());

    const std::string event = R"({"id":"evt_8aT3","type":"passkey_login","action":"login","status":"complete",)"
                              R"("created_at":"2024-03-11T09:21:43Z","completed_at":"2024-03-11T09:21:44Z",)"
                              R"("ip_addr":"203.0.113.17","user_agent":"Mozilla/5.0 Macintosh",)"
                              R"("user_agent_display":"Chrome on Mac","social_login_type":null})";
    BOOST_TEST(!read(filled(R"({"user":{"id":"u","recent_events":[)", event, "]}}", 8 * MiB)).has_value());
    const std::string text(8 * MiB, 'x');
    BOOST_TEST(!read(metadata + '"' + text + "\"}}}").has_value());
    BOOST_TEST(!read(metadata + R"("\n)" + text + "\"}}}").has_value());
    BOOST_TEST(!read(filled(metadata + "{", R"("name of a field":"and its value")", "}}}}", 4 * MiB)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
