#include "api/operations.hpp"
#include "support/error_of.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

using namespace passage;
using namespace passage::api;
using namespace std::string_literals;

namespace {

constexpr std::string_view key = "k.canary-7Qz0Xw4Lr9Ht2Vb6Nm";

http::Response response(int status, std::string body, std::string type = "application/json")
{
    http::Response result;
    result.status = status;
    result.body = std::move(body);
    result.content_type = std::move(type);
    return result;
}

const std::string user = R"({"user":{"id":"u1","email":"a@b.c","status":"active"}})";

} // namespace

BOOST_AUTO_TEST_SUITE(reading_responses)

BOOST_AUTO_TEST_CASE(success_is_the_class_of_200)
{
    for (const int status : {200, 201, 202, 204, 226, 299})
        BOOST_TEST(is_success(status));
    for (const int status : {100, 199, 300, 301, 304, 399, 400, 404, 499, 500, 599})
        BOOST_TEST(!is_success(status));
}

BOOST_AUTO_TEST_CASE(each_operation_has_its_own_statuses_of_success)
{
    for (int status = 200; status < 300; ++status) {
        const bool is_registered = status <= 208 || status == 226;
        const bool always = status == 200 || !is_registered;
        BOOST_TEST(is_success_of(get_user, status) == always, status);
        BOOST_TEST(is_success_of(update_user, status) == always, status);
        BOOST_TEST(is_success_of(create_user, status) == (always || status == 201), status);
        BOOST_TEST(is_success_of(create_magic_link, status) == (always || status == 201), status);
        BOOST_TEST(is_success_of(delete_user, status) == (always || status == 204), status);
        BOOST_TEST(is_success_of(revoke_user_refresh_tokens, status) == (always || status == 204), status);
    }
}

BOOST_AUTO_TEST_CASE(only_a_user_or_a_device_that_is_not_found_is_gone)
{
    const auto is_gone_by = [](const Operation& operation, int status, std::string_view code) {
        Error error{Errc::api};
        error.http_status = status;
        error.api_code = code;
        return is_gone(operation, error);
    };
    for (const Operation& operation : {Operation{delete_user}, Operation{delete_user_device}}) {
        BOOST_TEST(is_gone_by(operation, 404, "user_not_found"));
        BOOST_TEST(is_gone_by(operation, 404, "device_not_found"));
        for (const char* other : {"", "app_not_found", "route_not_found", "user_not_found2", "USER_NOT_FOUND"})
            BOOST_TEST(!is_gone_by(operation, 404, other), other);
        BOOST_TEST(!is_gone_by(operation, 410, "user_not_found"));
    }
    BOOST_TEST(!is_gone_by(get_user, 404, "user_not_found"));
    BOOST_TEST(!is_gone_by(revoke_user_refresh_tokens, 404, "user_not_found"));
}

BOOST_AUTO_TEST_CASE(an_error_keeps_its_status_whatever_the_body)
{
    struct Case
    {
        const char* name;
        std::string body;
        std::string code;
        std::string message;
    };
    const std::vector<Case> cases{
        {"as documented", R"({"code":"user_not_found","error":"User not found."})", "user_not_found",
         "User not found."},
        {"with more fields", R"({"x":[1],"error":"E","code":"c","status":404})", "c", "E"},
        {"only a code", R"({"code":"c"})", "c", ""},
        {"only a text", R"({"error":"E"})", "", "E"},
        {"no body", "", "", ""},
        {"HTML", "<html>\r\n<body>502 Bad Gateway</body>", "", "<html>\\x0d\\x0a<body>502 Bad Gateway</body>"},
        {"binary", "\0\xff\x1b[2J\xc2\x9b"s, "", "\\x00\\xff\\x1b[2J\\xc2\\x9b"},
        {"a list", "[1]", "", "[1]"},
        {"null", "null", "", "null"},
        {"wrong types", R"({"code":5,"error":["E"]})", "", R"({"code":5,"error":["E"]})"},
        {"said twice", R"({"code":"a","code":"b"})", "", R"({"code":"a","code":"b"})"},
        {"not quite JSON", R"({"code":"a",})", "", R"({"code":"a",})"},
        {"control characters", R"({"code":"a\r\nb","error":"x\u0000\n\u001b[2J\u202ey"})", "a\\x0d\\x0ab",
         "x\\x00\\x0a\\x1b[2J\\xe2\\x80\\xaey"},
        {"a long text",
         R"({"code":")" + std::string(1'000, 'c') + R"(","error":")" + std::string(1'000'000, 'e') + "\"}",
         std::string(64, 'c'), std::string(512, 'e')},
        {"long garbage", std::string(1'000'000, 'g'), "", std::string(200, 'g')},
        {"characters that a limit would split", R"({"error":")" + std::string(511, 'e') + "\xc3\xa9\"}", "",
         std::string(511, 'e')},
    };
    for (const Case& test : cases) {
        for (const int status : {301, 400, 401, 403, 405, 409, 410, 413, 422, 429, 451, 499, 500, 502, 503, 504, 599}) {
            for (const char* type : {"application/json", "text/html", ""}) {
                const Error error = read_error(response(status, test.body, type), key);
                BOOST_TEST_CONTEXT(test.name << ", " << status << ", " << type)
                {
                    BOOST_TEST((error.code == Errc::api));
                    BOOST_TEST(error.http_status == status);
                    BOOST_TEST(error.api_code == test.code);
                    BOOST_TEST(error.message == test.message);
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_request_id_goes_with_an_error)
{
    http::Response failed = response(500, "");
    failed.request_id = "req-1";
    BOOST_TEST(read_error(failed, key).request_id == "req-1");
}

BOOST_AUTO_TEST_CASE(a_key_that_the_server_echoes_is_masked)
{
    const std::string k{key};
    for (const std::string& body :
         {R"({"code":")" + k + R"(","error":"your key )" + k + R"( is bad"})", "<b>" + k + "</b>",
          "Authorization: Bearer " + k, std::string(190, 'x') + k, std::string(180, 'x') + k,
          R"({"error":")" + std::string(500, 'x') + k + "\"}", R"({"code":")" + std::string(50, 'x') + k + "\"}"}) {
        http::Response failed = response(401, body);
        failed.request_id = k;
        const std::string line = to_string(read_error(failed, key)) + read_error(failed, key).request_id;
        for (std::size_t at = 0; at + 8 <= k.size(); ++at)
            BOOST_TEST(line.find(k.substr(at, 8)) == line.npos, line);
    }
    BOOST_TEST(read_error(response(401, R"({"error":"your key )" + k + R"( is bad"})"), key).message ==
               "your key *** is bad");
}

BOOST_AUTO_TEST_CASE(no_cut_leaves_a_piece_of_an_echoed_key)
{
    // Texts are truncated before they are masked: tries each place to truncate the key and each escape.
    const std::string k{key};
    std::string percent, hexadecimal;
    for (const char c : k) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02X", static_cast<unsigned>(c));
        percent.append("%").append(digits);
        hexadecimal.append(digits).append(" ");
    }
    struct Form
    {
        std::string text;
        std::size_t each;  ///< Bytes from one character to the next.
        std::size_t eight; ///< Bytes of eight characters.
    };
    for (const auto& [form, each, eight] : {Form{k, 1, 8}, Form{percent, 3, 24}, Form{hexadecimal, 3, 23}})
        for (std::size_t before = 0; before <= std::min<std::size_t>(form.size(), 200); ++before) {
            const std::string html = std::string(200 - before, 'x') + form;
            const std::string json = R"({"error":")" + std::string(512 - before, 'x') + form + R"("})";
            for (const std::string& body : {html, json}) {
                const std::string message = read_error(response(401, body), key).message;
                for (std::size_t at = 0; at + eight <= form.size(); at += each)
                    BOOST_TEST(message.find(form.substr(at, eight)) == message.npos, message);
            }
        }
}

BOOST_AUTO_TEST_CASE(a_404_that_names_nothing_asks_for_the_path)
{
    const std::string hint = "is the path of the base URL right? ";
    BOOST_TEST(read_error(response(404, ""), key).message == "is the path of the base URL right?");
    BOOST_TEST(read_error(response(404, "<html>"), key).message == hint + "<html>");
    BOOST_TEST(read_error(response(404, R"({"code":"route_not_found","error":"No."})"), key).message == hint + "No.");
    BOOST_TEST(read_error(response(404, R"({"code":"user_not_found","error":"No."})"), key).message == "No.");
    BOOST_TEST(read_error(response(400, "<html>"), key).message == "<html>");
    BOOST_TEST(read_error(response(404, R"({"error":")" + std::string(1000, 'e') + R"("})"), key).message.size() ==
               512u);
}

BOOST_AUTO_TEST_CASE(a_user_is_read_from_json_of_whatever_name)
{
    for (const char* type : {"application/json", "application/json; charset=utf-8", "Application/JSON",
                             "application/json ;charset=latin1", "application/problem+json", "text/vnd.x+json", ""}) {
        const auto read = read_user(response(200, user, type));
        BOOST_TEST_REQUIRE(read.has_value(), type << ": " << passage::test::error_of(read));
        BOOST_TEST(read->id == "u1");
    }
    for (const char* type :
         {"text/html", "text/html; charset=utf-8", "text/json", "application/jsonp", "json", "application/xml",
          "multipart/form-data; boundary=application/json", "; application/json", "application/octet-stream"}) {
        for (const auto& error :
             {read_user(response(200, user, type)).error(), read_user_page(response(200, user, type)).error(),
              read_devices(response(200, user, type)).error()}) {
            BOOST_TEST((error.code == Errc::decode), type);
            BOOST_TEST(error.message.find(type) != std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_type_that_is_shown_is_bounded_and_printable)
{
    const Error error = read_user(response(200, user, "text/\xff" + std::string(10'000, 't'))).error();
    BOOST_TEST(error.message.size() < 200u);
    BOOST_TEST(error.message.find("\\xff") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_is_not_the_document_asked_for_is_a_decode_error)
{
    for (const char* body : {"", "{}", "null", "[]", "<html>", R"({"user":null})", R"({"user":{}})", R"({"user":[]})",
                             R"({"user":{"id":5}})", "{\"user\":{\"id\":\"\xff\"}}"}) {
        BOOST_TEST((read_user(response(200, body)).error().code == Errc::decode), body);
        BOOST_TEST((read_devices(response(200, body)).error().code == Errc::decode), body);
    }
}

BOOST_AUTO_TEST_CASE(devices_and_pages_are_read)
{
    const auto devices = read_devices(response(200, R"({"devices":[{"id":"d1"},{"id":"d2"}]})"));
    BOOST_TEST_REQUIRE(devices.has_value(), passage::test::error_of(devices));
    BOOST_TEST(devices->size() == 2u);
    const auto page = read_user_page(response(200, R"({"page":1,"limit":2,"total_users":9,"users":[{"id":"u1"}]})"));
    BOOST_TEST_REQUIRE(page.has_value(), passage::test::error_of(page));
    BOOST_TEST(page->total_users == 9);
}

BOOST_AUTO_TEST_CASE(what_takes_too_much_memory_is_refused)
{
    const std::string list = R"([{"id":"a-name-that-is-long"},{"id":"another-name-that-is-long"}])";
    const auto refused = [](const auto& result) { return !result && result.error().code == Errc::too_large; };
    const std::size_t limit = 100;
    BOOST_TEST(refused(read_user(response(200, R"({"user":{"id":"u","webauthn_devices":)" + list + "}}"), limit)));
    BOOST_TEST(refused(read_user_page(response(200, R"({"users":)" + list + "}"), limit)));
    BOOST_TEST(refused(read_found_user(response(200, R"({"users":)" + list + "}"), limit)));
    BOOST_TEST(refused(read_devices(response(200, R"({"devices":)" + list + "}"), limit)));
    BOOST_TEST(refused(read_app(response(200, R"({"app":{"id":"a","user_metadata_schema":)" + list + "}}"), limit)));
    const std::string url(200, 'u');
    BOOST_TEST(refused(read_magic_link(response(200, R"({"magic_link":{"id":"m","url":")" + url + R"("}})"), limit)));
    BOOST_TEST(refused(read_token_keys(response(200, R"({"keys":[]})" + std::string(limit, ' ')), limit)));
}

BOOST_AUTO_TEST_CASE(the_one_user_of_a_page_is_found)
{
    const auto found = [](std::string users) {
        return read_found_user(response(200, R"({"page":1,"limit":1,"total_users":1,"users":)" + users + "}"));
    };
    BOOST_TEST(found(R"([{"id":"u1"}])").value().id == "u1");

    const Error none = found("[]").error();
    BOOST_TEST((none.code == Errc::api));
    BOOST_TEST(none.http_status == 404);
    BOOST_TEST(none.api_code == "user_not_found");
    BOOST_TEST(is_not_found(none));

    // With the id of another user the second request would return data of that user.
    for (const char* users :
         {R"([{"id":"u1"},{"id":"u2"}])", R"([{"id":""}])", R"([{"id":".."}])", R"([{"id":"a\r\nb"}])"})
        BOOST_TEST((found(users).error().code == Errc::decode), users);
}

BOOST_AUTO_TEST_SUITE_END()
