#include "app/csv.hpp"
#include "app/failure.hpp"
#include "app/import.hpp"
#include "web/cookie.hpp"
#include "web/fields.hpp"
#include "web/templates.hpp"

#include <boost/json/array.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace data = boost::unit_test::data;
namespace json = boost::json;

using Row = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(csv)

BOOST_AUTO_TEST_CASE(quotes_hold_commas_quotes_and_ends_of_lines)
{
    const app::CsvTable table = app::read_csv("\xEF\xBB\xBF"
                                              "email,note\r\n"
                                              "a@b.example,\"one, \"\"two\"\"\r\nthree\"\r\n"
                                              "\r\n"
                                              "\"c@d.example\",\n"
                                              "e@f.example,last");
    BOOST_TEST(table.header == (Row{"email", "note"}), boost::test_tools::per_element());
    BOOST_TEST(table.bad_lines.empty());
    BOOST_REQUIRE_EQUAL(table.rows.size(), 3U);
    BOOST_TEST(table.rows[0].fields == (Row{"a@b.example", "one, \"two\"\r\nthree"}), boost::test_tools::per_element());
    BOOST_TEST(table.rows[1].fields == (Row{"c@d.example", ""}), boost::test_tools::per_element());
    BOOST_TEST(table.rows[2].fields == (Row{"e@f.example", "last"}), boost::test_tools::per_element());
    BOOST_TEST(table.rows[0].line == 2U);
    BOOST_TEST(table.rows[1].line == 5U);
    BOOST_TEST(table.rows[2].line == 6U);
}

BOOST_AUTO_TEST_CASE(bad_line_is_named_and_the_rest_goes_on)
{
    const app::CsvTable table = app::read_csv("email,note\n"
                                              "too,many,fields\n"
                                              "few\n"
                                              "a\"b,\n"
                                              "\"a\"b,\n"
                                              "good,\n"
                                              "bad,\"never closed\n"
                                              "good,\n");
    std::vector<std::size_t> bad;
    for (const app::CsvTable::BadLine& line : table.bad_lines)
        bad.push_back(line.line);
    BOOST_TEST(bad == (std::vector<std::size_t>{2, 3, 4, 5, 7}), boost::test_tools::per_element());
    BOOST_REQUIRE_EQUAL(table.rows.size(), 2U);
    BOOST_TEST(table.rows[0].line == 6U);
    BOOST_TEST(table.rows[1].line == 8U);
}

BOOST_AUTO_TEST_CASE(table_without_a_readable_header_is_empty)
{
    for (const char* const text : {"", "\xEF\xBB\xBF", "\r\n\n", "\"email\na@b.example\n"})
        BOOST_TEST((app::read_csv(text).header.empty() && app::read_csv(text).rows.empty()));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(import_plans)

std::string reason_against(std::string_view text)
{
    const auto plan = app::plan_import(app::read_csv(text));
    const auto* const reason = std::get_if<std::string>(&plan);
    return reason ? *reason : "";
}

BOOST_AUTO_TEST_CASE(table_with_too_many_columns_is_refused_at_once)
{
    std::string header = "email";
    for (int i = 0; header.size() < 530'000; ++i)
        header += "," + std::to_string(i);
    BOOST_TEST(reason_against(header + "\n") ==
               "The first line can't be read: it has more than 100 fields, which is the most.");

    const auto columns = [](int count) {
        std::string line = "email";
        for (int i = 1; i < count; ++i)
            line += ",c" + std::to_string(i);
        return line + "\n";
    };
    BOOST_TEST(reason_against(columns(100)) == "");
    BOOST_TEST(reason_against(columns(101)) != "");
}

BOOST_AUTO_TEST_CASE(columns_of_addresses_are_known_in_any_case)
{
    for (const char* const header : {"email,phone", "Email,Phone", "E-mail,PHONE", "EMAIL,phone", "e-Mail,phone"}) {
        const auto plan =
            app::plan_import(app::read_csv(std::string{header} + ",Plan\na@b.example,+15005550006,Pro\n"));
        BOOST_REQUIRE(std::holds_alternative<app::ImportPlan>(plan));
        const auto& requests = std::get<app::ImportPlan>(plan).requests;
        BOOST_REQUIRE_EQUAL(requests.size(), 1U);
        BOOST_TEST(requests[0].email().value_or("") == "a@b.example");
        BOOST_TEST(requests[0].phone().value_or("") == "+15005550006");
        BOOST_TEST((requests[0].metadata() == json::object{{"Plan", "Pro"}}));
    }
    for (const char* const header : {"email,Email", "e-mail,email", "phone,Phone,email", "email,plan,plan", "email,"})
        BOOST_TEST(reason_against(std::string{header} + "\n") != "");
    BOOST_TEST(reason_against("email,plan,Plan\n") == "");
}

BOOST_AUTO_TEST_CASE(line_with_too_many_fields_is_bad)
{
    const app::CsvTable table = app::read_csv("email\n" + std::string(1'000'000, ',') + "\na@b.example\n");
    BOOST_REQUIRE_EQUAL(table.bad_lines.size(), 1U);
    BOOST_TEST(table.bad_lines[0].line == 2U);
    BOOST_TEST(table.bad_lines[0].reason == "it has more than 100 fields, which is the most");
    BOOST_TEST(table.rows.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(forms)

BOOST_AUTO_TEST_CASE(urlencoded_text_is_decoded)
{
    const web::Fields fields = web::decode_urlencoded("a=1&b=x+y%26%C3%A9&c&=d&a=2&e=%zz%4&f=1=2");
    BOOST_TEST(fields["a"] == "1");
    BOOST_TEST(fields["b"] == "x y&\xC3\xA9");
    BOOST_TEST(fields["c"] == "");
    BOOST_TEST(fields["e"] == "%zz%4");
    BOOST_TEST(fields["f"] == "1=2");
    BOOST_TEST(fields["absent"] == "");
    BOOST_TEST(fields.size() == 7U);
}

BOOST_AUTO_TEST_CASE(any_text_survives_percent_encoding)
{
    std::string all;
    for (int byte = 0; byte < 256; ++byte)
        all += static_cast<char>(byte);
    BOOST_TEST(web::percent_decode(web::percent_encode(all)) == all);
    BOOST_TEST(web::percent_encode("../a b?") == "..%2Fa%20b%3F");
}

BOOST_AUTO_TEST_CASE(multipart_form_is_read)
{
    const auto fields =
        web::decode_multipart("multipart/form-data; boundary=xyz",
                              "--xyz\r\n"
                              "Content-Disposition: form-data; name=\"csrf\"\r\n"
                              "\r\n"
                              "123\r\n"
                              "--xyz\r\n"
                              "content-disposition: form-data; name=\"file\"; filename=\"a; name=b.csv\"\r\n"
                              "Content-Type: text/csv\r\n"
                              "\r\n"
                              "email\r\n\r\n--xy\r\n\r\n"
                              "--xyz--\r\n");
    BOOST_REQUIRE(fields.has_value());
    BOOST_TEST((*fields)["csrf"] == "123");
    BOOST_TEST((*fields)["file"] == "email\r\n\r\n--xy\r\n");
    BOOST_TEST(fields->size() == 2U);
}

const std::vector<std::string> content_types{
    "multipart/form-data; boundary=xyz",
    "multipart/form-data;boundary=xyz",
    "multipart/form-data ; boundary=xyz ; charset=utf-8",
    "Multipart/Form-Data; Boundary=xyz",
    "multipart/form-data; boundary=\"xyz\"",
    "multipart/form-data; x=\"; boundary=abc\"; boundary=xyz",
    "multipart/form-data; x=\"a\\\"; boundary=abc\"; boundary=xyz",
    "multipart/form-data; xboundary=abc; boundary=xyz",
};
BOOST_DATA_TEST_CASE(boundary_is_found_however_it_is_written, data::make(content_types), type)
{
    const auto fields =
        web::decode_multipart(type, "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n123\r\n--xyz--\r\n");
    BOOST_REQUIRE(fields.has_value());
    BOOST_TEST((*fields)["a"] == "123");
}

const std::vector<std::string> dispositions{
    "form-data; filename=\"; name=b\"; name=\"a\"",
    "form-data; filename=\"\\\"; name=b\"; name=\"a\"",
    "form-data;name=a",
    "form-data ;  NAME=\"a\" ; filename=x",
    "Form-Data; name=a",
};
BOOST_DATA_TEST_CASE(name_of_a_part_is_found_however_it_is_written, data::make(dispositions), disposition)
{
    for (const char* const field : {"Content-Disposition: ", "content-disposition:", "CONTENT-DISPOSITION:\t "}) {
        const auto fields = web::decode_multipart("multipart/form-data; boundary=xyz",
                                                  "--xyz\r\nContent-Type: text/plain; name=c\r\n" +
                                                      (field + disposition) + "\r\n\r\n123\r\n--xyz--\r\n");
        BOOST_REQUIRE(fields.has_value());
        BOOST_TEST((*fields)["a"] == "123");
    }
}

BOOST_AUTO_TEST_CASE(boundary_keeps_its_case)
{
    const std::string body = "--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n123\r\n--xYz--\r\n";
    BOOST_TEST(web::decode_multipart("multipart/form-data; boundary=xYz", body).has_value());
    BOOST_TEST(!web::decode_multipart("multipart/form-data; boundary=xyz", body).has_value());
}

const std::vector<std::string> other_types{"",
                                           "multipart/mixed; boundary=xyz",
                                           "multipart/form-data-too; boundary=xyz",
                                           "multipart/form-data",
                                           "multipart/form-data; boundary=",
                                           "multipart/form-data; boundary=\"\"",
                                           "text/plain; x=\"multipart/form-data\""};
BOOST_DATA_TEST_CASE(form_of_another_type_is_refused, data::make(other_types), type)
{
    const std::string body = "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n123\r\n--xyz--\r\n";
    BOOST_TEST(!web::decode_form(type, body).has_value());
}

BOOST_AUTO_TEST_CASE(form_is_read_by_its_type_in_any_case)
{
    for (const char* const type :
         {"application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded ;charset=utf-8"}) {
        const auto fields = web::decode_form(type, "a=1");
        BOOST_REQUIRE(fields.has_value());
        BOOST_TEST((*fields)["a"] == "1");
    }
    BOOST_TEST(!web::decode_form("application/x-www-form-urlencoded-too", "a=1").has_value());
}

const std::vector<std::string> broken_bodies{
    "",
    "123",
    "--xyz",
    "--xyz\r\n",
    "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n123",
    "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n--xyz--",
    "--xyz\r\n\r\n123\r\n--xyz--",
    "--xyz\r\nContent-Disposition: form-data\r\n\r\n123\r\n--xyz--",
    "--other\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n123\r\n--other--",
};
BOOST_DATA_TEST_CASE(broken_multipart_form_is_refused, data::make(broken_bodies), body)
{
    BOOST_TEST(!web::decode_multipart("multipart/form-data; boundary=xyz", body).has_value());
    BOOST_TEST(!web::decode_multipart("multipart/form-data", body).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(cookies)

BOOST_AUTO_TEST_CASE(cookie_is_found_by_its_whole_name)
{
    BOOST_TEST(web::find_cookie("a=1; b=2;c=3", "b") == "2");
    BOOST_TEST(web::find_cookie("a=1; b=2;c=3", "c") == "3");
    BOOST_TEST(web::find_cookie("xb=1; bx=2; b=", "b") == "");
    BOOST_TEST(web::find_cookie("a=b=1", "b") == "");
    BOOST_TEST(web::find_cookie("a=b=1", "a") == "b=1");
    BOOST_TEST(web::find_cookie(" ; ;", "b") == "");
}

BOOST_AUTO_TEST_CASE(cookie_is_out_of_reach_of_scripts_and_other_sites)
{
    using namespace std::chrono_literals;
    BOOST_TEST(web::to_field({"a", "1"}) == "a=1; Path=/; HttpOnly; SameSite=Lax");
    BOOST_TEST(web::to_field({"a", "1", true, 60s}) == "a=1; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
    BOOST_TEST(web::to_field({"a", "", false, -1s}) == "a=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(templates)

std::string render(const std::string& source, const json::object& values)
{
    return web::Templates{{{"page", source}, {"part", "[{{a}}]"}}}.render("page", values);
}

BOOST_AUTO_TEST_CASE(values_are_escaped)
{
    BOOST_TEST(render("<p title=\"{{a}}\">{{b}}</p>", {{"a", R"(<'&">)"}, {"b", 5}}) ==
               "<p title=\"&lt;&#39;&amp;&quot;&gt;\">5</p>");
}

BOOST_AUTO_TEST_CASE(sections_repeat_and_choose)
{
    const json::object values{
        {"a", "outer"}, {"none", json::array{}}, {"no", false}, {"list", {{{"a", "1"}}, {{"b", "2"}}}}};
    BOOST_TEST(render("{{#list}}<{{a}}>{{/list}}", values) == "<1><outer>");
    BOOST_TEST(render("{{?list}}{{a}}{{/list}}", values) == "outer");
    BOOST_TEST(render("{{?none}}x{{/none}}{{?no}}x{{/no}}{{?absent}}x{{/absent}}{{#absent}}x{{/absent}}", values) ==
               "");
    BOOST_TEST(render("{{^none}}1{{/none}}{{^no}}2{{/no}}{{^absent}}3{{/absent}}{{^a}}4{{/a}}", values) == "123");
    BOOST_TEST(render("{{#list}}{{>part}}{{/list}}", values) == "[1][outer]");
}

BOOST_AUTO_TEST_CASE(missing_value_or_template_is_an_error)
{
    BOOST_CHECK_THROW(render("{{missing}}", {}), std::runtime_error);
    BOOST_CHECK_THROW(render("{{>missing}}", {}), std::runtime_error);
}

const std::vector<std::string> malformed{"{{a", "{{}}", "{{#a}}", "{{#a}}{{/b}}", "{{/a}}", "{{?a}}{{^b}}{{/a}}{{/b}}"};
BOOST_DATA_TEST_CASE(malformed_template_is_refused, data::make(malformed), source)
{
    BOOST_CHECK_THROW(render(source, {}), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(failures)

passage::Error answered(int status, std::string code = {})
{
    passage::Error error{passage::Errc::api, "text"};
    error.http_status = status;
    error.api_code = std::move(code);
    return error;
}

BOOST_AUTO_TEST_CASE(each_kind_of_error_has_its_status)
{
    using passage::Errc;
    BOOST_TEST(app::explain(answered(404, "user_not_found")).status == 404U);
    BOOST_TEST(app::explain(answered(404)).status == 502U); // a proxy's
    BOOST_TEST(app::explain(answered(400, "invalid_request")).status == 400U);
    BOOST_TEST(app::explain(answered(400)).status == 502U); // a proxy's
    BOOST_TEST(app::explain(answered(429)).status == 429U);
    BOOST_TEST(app::explain(answered(401)).status == 502U);
    BOOST_TEST(app::explain(answered(403)).status == 502U);
    BOOST_TEST(app::explain(answered(500)).status == 502U);
    BOOST_TEST(app::explain(answered(503)).status == 503U);
    BOOST_TEST(app::explain(passage::Error{Errc::invalid_argument}).status == 400U);
    BOOST_TEST(app::explain(passage::Error{Errc::timeout}).status == 504U);
    BOOST_TEST(app::explain(passage::Error{Errc::decode}).status == 502U);
    for (const Errc code : {Errc::dns, Errc::connect, Errc::tls, Errc::pool_timeout, Errc::truncated, Errc::jwks})
        BOOST_TEST(app::explain(passage::Error{code}).status == 503U);
}

BOOST_AUTO_TEST_CASE(visitor_learns_when_to_come_back_and_what_may_have_happened)
{
    passage::Error error{passage::Errc::rate_limited};
    error.http_status = 429;
    error.retry_after = std::chrono::milliseconds{1500};
    BOOST_TEST((app::explain(error).retry_after == std::chrono::seconds{2}));

    error = passage::Error{passage::Errc::timeout};
    const std::string before = app::explain(error).text;
    error.effect = passage::Effect::unknown;
    BOOST_TEST(app::explain(error).text.starts_with(before));
    BOOST_TEST(app::explain(error).text.size() > before.size());
}

BOOST_AUTO_TEST_SUITE_END()
