// The web application as a program, met by clients that no browser is.

#include "emulator/program.hpp"
#include "emulator/temporary_folder.hpp"
#include "support/canary.hpp"
#include "support/script_server.hpp"

#include <passage/emulator.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <future>
#include <initializer_list>
#include <map>
#include <regex>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

using namespace passage;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace steps = passage::test::steps;

namespace {

using Response = http::response<http::string_body>;
using Form = std::map<std::string, std::string>;

constexpr auto patience = 30s;
/// Longer than the application lets requests end when it is told to; shorter than any call of it may take.
constexpr auto stop_time = 8s;

/// The program, as a client of a service.
class Application
{
public:
    Application(const std::string& base_url, const Emulator& emulator, const std::string& ca_pem)
        : program_{{prepare(base_url, emulator, ca_pem), "--administrator", "Ada.Admin@Example.com"}}
    {
        const std::string url = program_.read_line(); // http://127.0.0.1:PORT/
        BOOST_REQUIRE_MESSAGE(url.starts_with("http://"), url);
        port_ = static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)));
    }

    std::uint16_t port() const { return port_; }
    void interrupt() const { program_.signal(SIGINT); }
    int wait() { return program_.wait(); }

private:
    std::string prepare(const std::string& base_url, const Emulator& emulator, const std::string& ca_pem) const
    {
        const std::string ca_file = (folder_.path() / "ca.pem").string();
        std::ofstream{ca_file} << ca_pem;
        setenv("PASSAGE_APP_ID", emulator.app_id().c_str(), 1);
        setenv("PASSAGE_API_KEY", test::canary_api_key, 1);
        setenv("PASSAGE_BASE_URL", base_url.c_str(), 1);
        setenv("PASSAGE_AUTH_URL", emulator.auth_url().c_str(), 1);
        setenv("PASSAGE_CA_FILE", ca_file.c_str(), 1);
        return boost::unit_test::framework::master_test_suite().argv[1];
    }

    TemporaryFolder folder_;
    Program program_;
    std::uint16_t port_ = 0;
};

/// A connection to the application.
class Peer
{
public:
    explicit Peer(const Application& application)
    {
        stream_.connect({asio::ip::address_v4::loopback(), application.port()});
    }

    void send(const std::string& bytes) { asio::write(stream_.socket(), asio::buffer(bytes)); }
    void end_sending() { stream_.socket().shutdown(asio::socket_base::shutdown_send); }
    void go_away() { stream_.close(); }

    /// The next answer that is no interim one.
    Response receive()
    {
        Response response;
        do {
            http::response_parser<http::string_body> parser;
            beast::error_code error;
            stream_.expires_after(patience);
            http::async_read(stream_, buffer_, parser, [&](beast::error_code ec, std::size_t) { error = ec; });
            context_.restart();
            context_.run();
            BOOST_REQUIRE_MESSAGE(!error, "no answer: " + error.message());
            response = parser.release();
        } while (response.result_int() < 200);
        return response;
    }

    /// The next bytes of an answer; empty at its end.
    std::string receive_some()
    {
        std::string bytes(16 * 1024, ' ');
        std::size_t size = 0;
        stream_.expires_after(patience);
        stream_.async_read_some(asio::buffer(bytes), [&](beast::error_code, std::size_t read) { size = read; });
        context_.restart();
        context_.run();
        bytes.resize(size);
        return bytes;
    }

private:
    asio::io_context context_;
    beast::tcp_stream stream_{context_};
    beast::flat_buffer buffer_;
};

/// The head of a request; fields end with CR LF each.
std::string head(std::string_view what, const std::string& fields = {})
{
    return std::string{what} + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

/// A value of a form, or of a page's text.
std::string unescape(std::string text)
{
    for (const auto& [escaped, plain] : std::initializer_list<std::pair<std::string, std::string>>{
             {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}})
        for (std::size_t at = 0; (at = text.find(escaped, at)) != std::string::npos; ++at)
            text.replace(at, escaped.size(), plain);
    return text;
}

std::string encode(const Form& form)
{
    std::string body;
    for (const auto& [name, value] : form) {
        body += (body.empty() ? "" : "&") + name + "=";
        for (const char c : value) {
            constexpr std::string_view digits = "0123456789ABCDEF";
            const auto byte = static_cast<unsigned char>(c);
            body += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return body;
}

/// One who has signed in, or has not, with a connection for each request.
struct Visitor
{
    std::string cookies() const
    {
        return "Cookie: csrf=" + csrf + (token.empty() ? "" : "; psg_auth_token=" + token) + "\r\n";
    }
    Response get(const std::string& path, const std::string& fields = {}) const
    {
        Peer peer{application};
        peer.send(head("GET " + path, cookies() + fields));
        return peer.receive();
    }
    Response post(const std::string& path, const std::string& type, const std::string& body) const
    {
        Peer peer{application};
        peer.send(head("POST " + path, cookies() + "Content-Type: " + type +
                                           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") +
                  body);
        return peer.receive();
    }
    Response post(const std::string& path, Form form = {}) const
    {
        form["csrf"] = csrf;
        return post(path, "application/x-www-form-urlencoded", encode(form));
    }
    Response import(const std::string& table) const
    {
        return post("/admin/import", "multipart/form-data; boundary=xyz",
                    "--xyz\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + csrf +
                        "\r\n--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n" +
                        table + "\r\n--xyz--\r\n");
    }
    Form form(const std::string& path) const { return form(path, get(path).body()); }
    /// What the form with an action on a page would send.
    static Form form(const std::string& path, const std::string& page)
    {
        const std::size_t start = page.find("action=\"" + path + "\"");
        BOOST_REQUIRE(start != std::string::npos);
        const std::string inside = page.substr(start, page.find("</form>", start) - start);
        const auto fields = [&](const char* pattern, Form& found) {
            const std::regex field{pattern};
            for (std::sregex_iterator i{inside.begin(), inside.end(), field}, end; i != end; ++i)
                found[(*i)[1]] = unescape((*i)[2]);
        };
        Form found;
        fields("<input[^>]*name=\"([^\"]*)\"[^>]*value=\"([^\"]*)\"", found);
        fields("<textarea[^>]*name=\"([^\"]*)\"[^>]*>([^<]*)<", found);
        return found;
    }

    const Application& application;
    std::string token = {};
    std::string csrf = std::string(32, 'a');
};

/// The application and a real service, with one user and one administrator.
struct Served
{
    Served()
    {
        // The keys of tokens are fetched with the first one.
        BOOST_REQUIRE_EQUAL(jane.get("/account").result_int(), 200U);
    }

    Emulator emulator{EmulatorOptions{}.api_key(test::canary_api_key).threads(2)};
    std::string janes_id = emulator.plant_user(
        R"({"email":"jane.doe@example.com","phone":"+15005550006","status":"active","user_metadata":{"plan":"pro"}})");
    std::string adas_id =
        emulator.plant_user(R"({"email":"ada.admin@example.com","email_verified":true,"status":"active"})");
    Application application{emulator.base_url(), emulator, emulator.ca_pem()};
    Visitor jane{application, emulator.issue_token(janes_id)};
    Visitor ada{application, emulator.issue_token(adas_id)};
};

bool clears_the_token(const Response& response)
{
    for (const auto& field : response)
        if (field.name() == http::field::set_cookie && field.value().starts_with("psg_auth_token=;") &&
            field.value().find("Max-Age=0") != std::string_view::npos)
            return true;
    return false;
}

/// The application and a service that never answers.
class Held
{
    // Before the service, whose threads use them.
    std::promise<void> asked_;
    std::promise<void> ended_;

public:
    Held()
    {
        service.plan({{{steps::tls(), steps::request(), [this](test::Peer&) { asked_.set_value(); },
                        steps::expect_end(), [this](test::Peer&) { ended_.set_value(); }},
                       true}});
    }

    /// Asks for a page, and waits until the service was asked for its user.
    void begin(Peer& browser)
    {
        browser.send(head("GET /account", Visitor{application, token}.cookies()));
        BOOST_REQUIRE((asked_.get_future().wait_for(test::ScriptServer::patience) == std::future_status::ready));
    }

    bool call_ends_soon() { return ended_.get_future().wait_for(5s) == std::future_status::ready; }

    Emulator emulator{EmulatorOptions{}.api_key(test::canary_api_key)};
    std::string token = emulator.issue_token(emulator.plant_user(R"({"email":"jane.doe@example.com"})"));
    test::ScriptServer service;
    Application application{service.url(), emulator, service.ca_pem() + emulator.ca_pem()};
};

using Clock = std::chrono::steady_clock;

} // namespace

BOOST_AUTO_TEST_SUITE(starting)

/// What the program says that does not start, and how it ends.
std::pair<std::string, int> refusal(std::vector<std::string> arguments)
{
    arguments.insert(arguments.begin(), boost::unit_test::framework::master_test_suite().argv[1]);
    Program program{arguments};
    std::string said = program.read_line();
    if (!said.starts_with("web_app: "))
        program.signal(SIGKILL); // it did start
    return {std::move(said), program.wait()};
}

BOOST_FIXTURE_TEST_CASE(wrong_options_point_to_the_help, Served)
{
    for (const char* option : {"--port=-1", "--port=65536", "--threads=0", "--threads=-1", "--threads=257"}) {
        const auto [said, status] = refusal({option});
        BOOST_TEST(said.starts_with("web_app: --"), said);
        BOOST_TEST(said.ends_with("; see --help"), said);
        BOOST_TEST(status == 2, option);
    }
}

BOOST_AUTO_TEST_CASE(missing_variable_is_named)
{
    unsetenv("PASSAGE_APP_ID");
    const auto [said, status] = refusal({});
    BOOST_TEST(said == "web_app: invalid_argument: the environment variable PASSAGE_APP_ID is not set");
    BOOST_TEST(status == 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(sign_in)

BOOST_FIXTURE_TEST_CASE(refused_token_is_asked_for_again_without_a_challenge, Served)
{
    for (const char* const token : {"", "not.a.token"}) {
        const Response response = Visitor{application}.post("/sign-in", {{"token", token}});
        BOOST_TEST(response.result_int() == 403U);
        BOOST_TEST(response.count(http::field::set_cookie) == 0U);
        BOOST_TEST((response.body().find("name=\"token\"") != std::string::npos));
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(sign_out)

BOOST_FIXTURE_TEST_CASE(signing_out_clears_the_cookie, Served)
{
    const Response response = jane.post("/sign-out");
    BOOST_TEST(response.result_int() == 303U);
    BOOST_TEST(response[http::field::location] == "/sign-in?notice=signed-out");
    BOOST_TEST(clears_the_token(response));
}

BOOST_FIXTURE_TEST_CASE(signing_out_clears_the_cookie_of_a_user_who_is_deactivated_or_gone, Served)
{
    for (const bool gone : {false, true}) {
        const std::string path = "/admin/users/" + janes_id + (gone ? "/delete" : "/deactivate");
        BOOST_REQUIRE_EQUAL(ada.post(path).result_int(), 303U);
        const Response response = jane.post("/sign-out");
        BOOST_TEST(response.result_int() == 303U);
        BOOST_TEST(clears_the_token(response));
    }
}

BOOST_FIXTURE_TEST_CASE(signing_out_clears_a_cookie_that_is_no_good, Served)
{
    for (const std::string& token :
         {std::string{}, std::string{"none"}, emulator.issue_token(janes_id, R"({"exp":1600000000})")}) {
        const Response response = Visitor{application, token}.post("/sign-out");
        BOOST_TEST(response.result_int() == 303U);
        BOOST_TEST(clears_the_token(response));
    }
}

BOOST_FIXTURE_TEST_CASE(signing_out_clears_the_cookie_while_the_service_fails, Served)
{
    emulator.set_faults(Faults{}.error(500));
    BOOST_TEST(clears_the_token(jane.post("/sign-out")));
    emulator.set_faults(Faults{}.latency(1h));
    BOOST_TEST(clears_the_token(jane.post("/sign-out")));
}

BOOST_FIXTURE_TEST_CASE(form_of_another_site_signs_nobody_out, Served)
{
    jane.csrf[0] = 'b';
    const std::string body = "csrf=" + std::string(32, 'a');
    const Response response = jane.post("/sign-out", "application/x-www-form-urlencoded", body);
    BOOST_TEST(response.result_int() == 403U);
    BOOST_TEST(!clears_the_token(response));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(endings)

BOOST_FIXTURE_TEST_CASE(page_and_its_call_end_when_the_browser_goes_away, Held)
{
    Peer browser{application};
    begin(browser);
    browser.go_away();
    BOOST_TEST(call_ends_soon());
}

BOOST_FIXTURE_TEST_CASE(interrupted_program_ends_within_its_grace, Held)
{
    Peer browser{application};
    begin(browser);
    const auto start = Clock::now();
    application.interrupt();
    BOOST_TEST(application.wait() == 0);
    BOOST_TEST((Clock::now() - start < stop_time));
}

BOOST_AUTO_TEST_CASE(interrupted_program_waits_for_no_keys_of_tokens)
{
    Emulator emulator{EmulatorOptions{}.api_key(test::canary_api_key)};
    const std::string token = emulator.issue_token(emulator.plant_user(R"({"email":"jane.doe@example.com"})"));
    Application application{emulator.base_url(), emulator, emulator.ca_pem()};
    emulator.set_faults(Faults{}.latency(1h));
    Peer browser{application};
    browser.send(head("GET /account", Visitor{application, token}.cookies()));
    while (emulator.connections_open() == 0)
        std::this_thread::yield();
    const auto start = Clock::now();
    application.interrupt();
    BOOST_TEST(application.wait() == 0);
    BOOST_TEST((Clock::now() - start < stop_time));
}

BOOST_FIXTURE_TEST_CASE(program_that_is_interrupted_twice_ends_at_once, Held)
{
    Peer idle{application};
    idle.send(head("GET /"));
    BOOST_TEST(idle.receive().result_int() == 200U);
    Peer browser{application};
    begin(browser);
    const auto start = Clock::now();
    application.interrupt();
    BOOST_TEST(idle.receive_some() == ""); // the first signal was heard
    application.interrupt();
    BOOST_TEST(application.wait() == -SIGINT);
    BOOST_TEST((Clock::now() - start < 4s));
}

BOOST_FIXTURE_TEST_CASE(peer_that_only_ends_its_sending_gets_its_answer, Served)
{
    emulator.set_faults(Faults{}.latency(500ms));
    Peer reader{application};
    reader.send(head("GET /account", jane.cookies()));
    reader.end_sending();
    BOOST_TEST(reader.receive().result_int() == 200U);

    Peer sender{application};
    const std::string body = "csrf=" + jane.csrf;
    sender.send(head("POST /sign-out", jane.cookies() + "Content-Type: application/x-www-form-urlencoded\r\n" +
                                           "Content-Length: " + std::to_string(body.size()) + "\r\n") +
                body);
    sender.end_sending();
    BOOST_TEST(sender.receive().result_int() == 303U);

    Peer old{application};
    old.send("GET /account HTTP/1.0\r\n" + jane.cookies() + "\r\n");
    old.end_sending();
    BOOST_TEST(old.receive_some().starts_with("HTTP/1.1 200 ")); // HTTP/1.0 knows no interim answers
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(messages)

BOOST_FIXTURE_TEST_CASE(static_files_set_no_cookie, Served)
{
    jane.csrf.clear();
    for (const char* const path : {"/", "/static/style.css", "/static/app.js"}) {
        const Response file = jane.get(path);
        BOOST_TEST(file.result_int() == 200U);
        BOOST_TEST(file.count(http::field::set_cookie) == 0U);
        const Response known = jane.get(path, "If-None-Match: " + std::string{file[http::field::etag]} + "\r\n");
        BOOST_TEST(known.result_int() == 304U);
        BOOST_TEST(known.count(http::field::set_cookie) == 0U);
    }
    BOOST_TEST(jane.get("/sign-in").count(http::field::set_cookie) == 1U);
}

BOOST_FIXTURE_TEST_CASE(answer_that_nothing_changed_has_no_length_and_no_body, Served)
{
    const std::string etag{jane.get("/static/style.css")[http::field::etag]};
    Peer browser{application};
    for (int i = 0; i < 2; ++i) {
        browser.send(head("GET /static/style.css", "If-None-Match: " + etag + "\r\n"));
        const std::string bytes = browser.receive_some();
        BOOST_TEST(bytes.starts_with("HTTP/1.1 304 "), bytes);
        BOOST_TEST(bytes.ends_with("\r\n\r\n"), bytes);
        BOOST_TEST(bytes.find("Content-Length") == std::string::npos, bytes);
        BOOST_TEST(bytes.find("Transfer-Encoding") == std::string::npos, bytes);
    }
}

BOOST_FIXTURE_TEST_CASE(body_is_not_waited_for_before_it_is_known_who_asks, Served)
{
    const auto begin_upload = [&](const Visitor& visitor, const std::string& fields = {}) {
        Peer peer{application};
        peer.send(head("POST /admin/import",
                       visitor.cookies() + fields +
                           "Content-Type: multipart/form-data; boundary=xyz\r\nContent-Length: 8000000\r\n"));
        const Response response = peer.receive();
        BOOST_TEST(!response.keep_alive());
        return response;
    };
    const Response stranger = begin_upload({application});
    BOOST_TEST(stranger.result_int() == 303U);
    BOOST_TEST(stranger[http::field::location] == "/sign-in");
    BOOST_TEST(begin_upload(jane).result_int() == 403U);
    BOOST_TEST(begin_upload(ada, "Origin: https://evil.example\r\n").result_int() == 403U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(administrators)

BOOST_FIXTURE_TEST_CASE(administrator_is_known_by_an_address_in_any_case, Served)
{
    BOOST_TEST(ada.get("/admin/users").result_int() == 200U);
    BOOST_TEST(jane.get("/admin/users").result_int() == 403U);
}

BOOST_FIXTURE_TEST_CASE(saving_keeps_what_another_administrator_changed, Served)
{
    const std::string path = "/admin/users/" + janes_id;
    Form first = ada.form(path);
    Form second = ada.form(path);
    second["phone"] = "+15005550007";
    BOOST_TEST(ada.post(path, second).result_int() == 303U);
    first["metadata"] = R"({"plan": "free"})";
    BOOST_TEST(ada.post(path, first).result_int() == 303U);
    const Form now = ada.form(path);
    BOOST_TEST(now.at("email") == "jane.doe@example.com");
    BOOST_TEST(now.at("phone") == "+15005550007");
    BOOST_TEST(now.at("metadata") == R"({"plan":"free"})");
}

BOOST_FIXTURE_TEST_CASE(saving_what_another_administrator_changed_too_is_refused_once, Served)
{
    const std::string path = "/admin/users/" + janes_id;
    for (const auto& [name, one, other] : std::initializer_list<std::tuple<const char*, const char*, const char*>>{
             {"email", "one@example.com", "other@example.com"},
             {"phone", "+15005550007", "+15005550008"},
             {"metadata", R"({"plan":"free"})", R"({"seats":5})"}}) {
        Form first = ada.form(path);
        Form second = ada.form(path);
        second[name] = one;
        BOOST_TEST(ada.post(path, second).result_int() == 303U);
        first[name] = other;
        const Response refused = ada.post(path, first);
        BOOST_TEST(refused.result_int() == 409U);
        BOOST_TEST(unescape(refused.body()).find(other) != std::string::npos);
        BOOST_TEST(unescape(refused.body()).find(one) != std::string::npos);
        BOOST_TEST(ada.form(path).at(name) == one);
        BOOST_TEST(ada.post(path, Visitor::form(path, refused.body())).result_int() == 303U);
        BOOST_TEST(ada.form(path).at(name) == other);
    }
}

BOOST_FIXTURE_TEST_CASE(metadata_is_saved_whatever_its_numbers_are, Served)
{
    // As Boost.JSON 1.81 reads it, this is another number.
    const std::string path =
        "/admin/users/" +
        emulator.plant_user(R"({"email":"joe@example.com","user_metadata":{"longitude":-126.41228839374281}})");
    Form form = ada.form(path);
    form["metadata"] = R"({"plan":"pro"})";
    BOOST_TEST(ada.post(path, form).result_int() == 303U);
    BOOST_TEST(ada.form(path).at("metadata") == R"({"plan":"pro"})");
}

BOOST_FIXTURE_TEST_CASE(cancelled_import_lists_no_line_that_was_not_tried, Served)
{
    emulator.set_faults(Faults{}.latency(200ms));
    std::string table = "email,plan\r\none,two,three\r\n";
    for (int i = 0; i < 2'000; ++i)
        table += "new" + std::to_string(i) + "@import.example,pro\r\n";
    BOOST_REQUIRE_EQUAL(ada.import(table).result_int(), 303U);
    BOOST_REQUIRE_EQUAL(ada.post("/admin/import/cancel").result_int(), 303U);
    std::string page;
    do {
        page = ada.get("/admin/import").body();
    } while (page.find("Importing users") != std::string::npos);
    BOOST_TEST(page.find("Import cancelled") != std::string::npos);
    std::size_t lines = 0;
    for (std::size_t at = 0; (at = page.find("<th scope=\"row\">", at)) != std::string::npos; ++at)
        ++lines;
    BOOST_TEST(lines >= 1U);
    BOOST_TEST(lines <= 17U); // the line that can't be read, and those that were under way
    BOOST_TEST(page.find("were not tried") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
