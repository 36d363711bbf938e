#include "doctor.hpp"

#include "../program.hpp"
#include "connection_watch.hpp"
#include "probe.hpp"
#include "report.hpp"
#include "target.hpp"

#include <passage/list_users.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <string_view>
#include <vector>

namespace passage::ctl {
namespace {

using std::chrono::microseconds;
using std::chrono::system_clock;

/// How far the server's clock may be off: what tokens permit by default.
constexpr std::chrono::seconds permitted_skew{5};

std::string text_of(microseconds time)
{
    const auto hundredths = time.count() / 10;
    const std::string digits = std::to_string(100 + hundredths % 100).substr(1);
    return std::to_string(hundredths / 100) + '.' + digits + " ms";
}

std::string text_of(std::chrono::sys_seconds time)
{
    return user_field::to_text(Timestamp{time}).substr(0, 10);
}

std::string joined(const std::vector<std::string>& items)
{
    std::string text;
    for (const std::string& item : items)
        text.append(text.empty() ? "" : ", ").append(item);
    return text;
}

template <class T>
asio::awaitable<ExitCode> keep(asio::awaitable<expected<T>> operation, std::optional<expected<T>>& result)
{
    result = co_await std::move(operation);
    co_return ExitCode::ok;
}

class Doctor
{
public:
    explicit Doctor(Program& program) : program_{program}, report_{program} {}

    ExitCode examine();

private:
    void check_variables();
    void check_settings();
    void check_name();
    void check_tcp();
    void check_proxy();
    void check_tls();
    void check_chain();
    void check_expiry();
    void check_server_name();
    void check_http();
    void check_app();
    void check_key();
    void check_clock();
    void check_latency();

    struct Step
    {
        const char* name;
        void (Doctor::*check)();
        bool is_needed; ///< Whether the steps after it are skipped once something has failed.
    };
    static const std::array<Step, 14> steps;

    template <class T>
    expected<T> call(asio::awaitable<expected<T>> operation);

    void ok(const std::string& detail) { report_.ok(step_, detail); }
    void skipped(const std::string& reason) { report_.skipped(step_, reason); }
    void failed(const std::string& detail, const std::string& advice, ExitCode code)
    {
        report_.failed(step_, detail, advice, code);
    }

    std::string proxy() const { return target_.proxy_host + ':' + target_.proxy_port; }
    /// What the client connects to.
    std::string peer() const
    {
        if (!config_.unix_socket.empty())
            return config_.unix_socket;
        return is_proxied_ ? proxy() : target_.host + ':' + target_.port;
    }

    /// Whether the first call failed before it had a response.
    bool has_no_response() const { return !app_ && (app_.error().http_status == 0 || is_at_proxy_); }
    bool has_failed_with(Errc code) const { return !app_ && app_.error().code == code; }
    bool has_timed_out_at(Stage stage) const { return has_failed_with(Errc::timeout) && app_.error().stage == stage; }

    Program& program_;
    Report report_;
    const char* step_ = "";
    Config config_;
    std::shared_ptr<ConnectionWatch> watch_ = std::make_shared<ConnectionWatch>();
    std::optional<Client> client_;
    expected<AppInfo> app_; ///< The result of the first call.
    bool is_proxied_ = false;
    bool is_at_proxy_ = false; ///< Whether the first call failed at the proxy.
    ProbeTarget target_;
    std::optional<TlsFacts> facts_;
};

const std::array<Doctor::Step, 14> Doctor::steps{{
    {"variables", &Doctor::check_variables, true},
    {"settings", &Doctor::check_settings, true},
    {"name", &Doctor::check_name, true},
    {"tcp", &Doctor::check_tcp, true},
    {"proxy", &Doctor::check_proxy, true},
    {"tls", &Doctor::check_tls, true},
    {"chain", &Doctor::check_chain, false},
    {"expiry", &Doctor::check_expiry, false},
    {"server name", &Doctor::check_server_name, true},
    {"http", &Doctor::check_http, true},
    {"app", &Doctor::check_app, false},
    {"key", &Doctor::check_key, false},
    {"clock", &Doctor::check_clock, false},
    {"latency", &Doctor::check_latency, false},
}};

ExitCode Doctor::examine()
{
    bool is_blocked = false;
    for (const Step& step : steps) {
        step_ = step.name;
        if (is_blocked)
            skipped("a step that it needs failed");
        else
            (this->*step.check)();
        is_blocked = is_blocked || (step.is_needed && report_.has_failed());
    }
    return report_.code();
}

template <class T>
expected<T> Doctor::call(asio::awaitable<expected<T>> operation)
{
    std::optional<expected<T>> result;
    if (const ExitCode code = program_.run(keep(std::move(operation), result)); code != ExitCode::ok)
        throw Failure{code, ""}; // a signal
    return *std::move(result);
}

void Doctor::check_variables()
{
    try {
        set_environment(program_.options.settings);
    } catch (const Failure& failure) {
        failed(failure.what(), "Correct the file, or name another one.", failure.code());
        return;
    }
    if (const auto missing = missing_settings(); !missing.empty())
        failed(joined(missing),
               "Set them, or name a file that has them with --env-file; passage-emulator --env-out writes one.",
               ExitCode::usage);
    else
        ok("PASSAGE_APP_ID, PASSAGE_API_KEY and PASSAGE_BASE_URL are set");
}

void Doctor::check_settings()
{
    try {
        config_ = read_config(program_.options.settings);
        config_.observer = watch_;
        config_.retry.max_attempts = 1; // the first failure is what matters
        // So that a slow connection is not taken for a full pool.
        config_.timeouts.total = std::max(config_.timeouts.total, config_.timeouts.connect + config_.timeouts.attempt);
        client_.emplace(value_or_throw(Client::create(program_.context().get_executor(), config_)));
    } catch (const Failure& failure) {
        failed(failure.what(), "Correct the setting that the message names.", ExitCode::usage);
        return;
    }
    ok(config_.base_url + ", app " + config_.app_id);

    app_ = call(client_->get_app());
    is_at_proxy_ = !app_ && app_.error().message.starts_with("the proxy ");
    is_proxied_ = is_at_proxy_ || watch_->timings().proxy.count() > 0;
    target_ = target_of(config_, is_proxied_);
}

void Doctor::check_name()
{
    const std::string& host = is_proxied_ ? target_.proxy_host : target_.host;
    if (!config_.unix_socket.empty())
        skipped("a Unix domain socket is used");
    else if (has_failed_with(Errc::dns) || has_timed_out_at(Stage::dns))
        failed(to_string(app_.error()),
               "Check the spelling of " + host + " in the " + (is_proxied_ ? "proxy's URL" : "URL") +
                   ", and that this machine resolves names (getent hosts " + host + ").",
               ExitCode::unreachable);
    else
        ok(host + (is_proxied_ ? ", the proxy, in " : " in ") + text_of(watch_->timings().dns));
}

void Doctor::check_tcp()
{
    const bool is_beyond = is_at_proxy_ && watch_->timings().proxy.count() > 0;
    if ((has_failed_with(Errc::connect) || has_timed_out_at(Stage::connect)) && !is_beyond) {
        const Error& error = app_.error();
        const std::string url = is_proxied_ ? "the proxy's URL" : "the URL";
        const bool is_refused = error.cause == boost::system::errc::connection_refused;
        failed(to_string(error),
               !config_.unix_socket.empty()
                   ? "Check the path of the socket, that its server runs, and who may write to it."
               : is_refused ? "Nothing listens there: check the host and port of " + url + ", and that the server runs."
                            : "Check the host and port of " + url + ", the route to it, and firewalls between.",
               ExitCode::unreachable);
        return;
    }
    ok((watch_->peer().empty() ? peer() : watch_->peer()) + " in " + text_of(watch_->timings().connect));
}

void Doctor::check_proxy()
{
    if (!is_proxied_) {
        skipped("none is used");
        return;
    }
    if (!is_at_proxy_) {
        ok(proxy() + " opened a tunnel in " + text_of(watch_->timings().proxy));
        return;
    }
    const int status = app_.error().http_status;
    failed(to_string(app_.error()),
           status == 407
               ? "The proxy wants other credentials: set them in https_proxy (http://user:password@host:port)."
           : status == 403 ? "The proxy does not permit this server or port: ask its administrator, or use --no-proxy."
                           : "Check https_proxy or --proxy, or go without it: no_proxy or --no-proxy.",
           ExitCode::unreachable);
}

void Doctor::check_tls()
{
    if (!target_.tls) {
        skipped("the URL is plain http");
        return;
    }
    std::vector<std::vector<std::string>> offers{{"h2", "http/1.1"}};
    if (config_.http_version == HttpVersion::http1)
        offers = {{"http/1.1"}};
    else if (config_.http_version == HttpVersion::http2)
        offers = {{"h2"}, {"http/1.1"}}; // a server without HTTP/2 refuses the first one
    std::string reason;
    for (const auto& protocols : offers) {
        if (facts_)
            break;
        try {
            facts_ = Probe{target_, protocols}.tls();
        } catch (const std::exception& error) {
            reason = error.what();
        }
    }
    if (!facts_) {
        if (app_ || app_.error().http_status != 0)
            skipped("a second connection failed: " + reason);
        else
            failed(to_string(app_.error()),
                   "Check that the port speaks TLS 1.2 or 1.3, and not plain HTTP or something else.",
                   ExitCode::unreachable);
        return;
    }
    ok(facts_->version + ", " + facts_->cipher +
       (watch_->timings().tls.count() > 0 ? " in " + text_of(watch_->timings().tls) : ""));
}

void Doctor::check_chain()
{
    if (!facts_)
        skipped("there is no certificate to look at");
    else if (const auto& fault = facts_->chain_fault)
        failed(fault->reason + ": " + fault->certificate.subject + ", issued by " + fault->certificate.issuer,
               config_.tls.ca_file.empty()
                   ? "Name a file with the certificate of the authority: PASSAGE_CA_FILE or --ca-file."
                   : config_.tls.ca_file + " does not have the authority of this server: get its certificate, or have "
                                           "the server send its intermediate certificates.",
               ExitCode::unreachable);
    else
        ok(facts_->certificate.subject + ", issued by " + facts_->certificate.issuer);
}

void Doctor::check_expiry()
{
    if (!facts_) {
        skipped("there is no certificate to look at");
        return;
    }
    const auto& fault = facts_->time_fault;
    const CertificateFacts& certificate = fault ? fault->certificate : facts_->certificate;
    const auto left = std::chrono::floor<std::chrono::days>(certificate.valid_until - system_clock::now()).count();
    const std::string until = text_of(certificate.valid_until);
    if (!fault)
        ok("until " + until + ", " + std::to_string(left) + " days left");
    else if (fault->not_yet_valid)
        failed(certificate.subject + " is not valid yet", "Check this machine's clock, then the server's certificate.",
               ExitCode::unreachable);
    else
        failed(certificate.subject + " expired on " + until,
               "Renew the certificate on the server; if it is newer than that, check this machine's clock.",
               ExitCode::unreachable);
}

void Doctor::check_server_name()
{
    const std::string& host = target_.host;
    if (!facts_)
        skipped("there is no certificate to look at");
    else if (facts_->name_fault)
        failed(host + " is not in the certificate, which is for " +
                   (facts_->names.empty() ? "no name" : joined(facts_->names)),
               "Use one of these names in the URL, or give the server a certificate for " + host + '.',
               ExitCode::unreachable);
    else
        ok("the certificate is for " + joined(facts_->names));
}

void Doctor::check_http()
{
    if (app_ || (!has_no_response() && app_.error().http_status < 500)) {
        ok(watch_->http_version() == HttpVersion::http2 ? "HTTP/2" : "HTTP/1.1");
        return;
    }
    const Error& error = app_.error();
    std::string advice = "Check that the URL is that of the API: another kind of server may listen there.";
    if (facts_ && facts_->certificate_requested && config_.tls.certificate_file.empty())
        advice = "The server wants a certificate of its clients: --client-cert and --client-key.";
    else if (facts_ && config_.http_version == HttpVersion::http2 && facts_->protocol != "h2")
        advice = "The server does not speak HTTP/2: use --http-version auto.";
    else if (error.http_status >= 500)
        advice = "The server is out of order: look into its logs" +
                 (error.request_id.empty() ? "." : " for the request " + error.request_id + '.');
    else if (error.code == Errc::timeout)
        advice = "The server accepts connections and does not respond: look whether it is overloaded, or try a longer "
                 "--timeout.";
    failed(to_string(error), advice, ExitCode::unreachable);
}

void Doctor::check_app()
{
    if (app_) {
        ok(app_->id + (app_->name.empty() ? "" : ", " + app_->name));
        return;
    }
    const Error& error = app_.error();
    std::string advice = "Check PASSAGE_BASE_URL: what responds there is not the API.";
    if (error.api_code == "app_not_found")
        advice = "Check PASSAGE_APP_ID: the server has no app " + config_.app_id + '.';
    else if (error.http_status == 404)
        advice = "Check the path of PASSAGE_BASE_URL, which often ends in /v1.";
    else if (error.http_status >= 400)
        advice = "Ask who runs the server: it refuses to show the app.";
    failed(to_string(error), advice, exit_code_of(error));
}

void Doctor::check_key()
{
    if (!app_) {
        skipped("a step that it needs failed");
        return;
    }
    const auto page = call(client_->list_users(ListUsersRequest{}.limit(1)));
    if (page)
        ok("it is accepted; the app has " + std::to_string(page->total_users) + " users");
    else
        failed(to_string(page.error()),
               is_unauthorized(page.error()) ? "Check PASSAGE_API_KEY: it may be another app's, revoked or cut off."
               : is_forbidden(page.error())  ? "The key is known, but may not read users: use one with that right."
                                             : "The server refuses to list users: look into its logs.",
               exit_code_of(page.error()));
}

void Doctor::check_clock()
{
    std::optional<std::chrono::seconds> difference;
    try {
        Probe probe{target_, {"http/1.1"}};
        difference = probe.clock_difference(app_path(config_));
    } catch (const std::exception& error) {
        skipped(std::string{"a connection over HTTP/1.1 failed: "} + error.what());
        return;
    }
    if (!difference) {
        skipped("the server does not send its time");
        return;
    }
    const auto size = std::chrono::abs(*difference);
    const std::string text =
        std::to_string(size.count()) + (difference->count() < 0 ? " s behind this one" : " s ahead of this one");
    if (size > permitted_skew)
        failed("the server's clock is " + text,
               "Set both clocks by NTP: tokens are refused and certificates expire by them.", ExitCode::failed);
    else
        ok(size.count() == 0 ? "the server's clock agrees with this one" : "the server's clock is " + text);
}

void Doctor::check_latency()
{
    std::array<microseconds, 5> times{};
    for (microseconds& time : times) {
        const auto start = std::chrono::steady_clock::now();
        const auto app = call(client_->get_app());
        time = std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - start);
        if (!app && (app.error().http_status == 0 || exit_code_of(app.error()) == ExitCode::unreachable)) {
            failed(to_string(app.error()), "The server responds now and then: look into its logs.",
                   ExitCode::unreachable);
            return;
        }
    }
    std::sort(times.begin(), times.end());
    ok(text_of(times[2]) + " a call (median of " + std::to_string(times.size()) + "; " + text_of(times.front()) +
       " to " + text_of(times.back()) + ')');
}

} // namespace

ExitCode diagnose(Program& program)
{
    return Doctor{program}.examine();
}

} // namespace passage::ctl
