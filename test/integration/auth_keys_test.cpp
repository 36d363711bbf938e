#include "support/canary.hpp"
#include "support/run.hpp"
#include "support/script_config.hpp"
#include "support/token_signer.hpp"

#include <passage/passage.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// How keys are fetched, from a server that does as a script says.

using namespace passage;
using namespace std::chrono_literals;
using passage::test::run;
using passage::test::Script;
using passage::test::TokenSigner;
namespace asio = boost::asio;
namespace steps = passage::test::steps;

namespace {

const TokenSigner& signer()
{
    static const TokenSigner one{"k1"};
    return one;
}

std::string token(std::string_view user = "u")
{
    return signer().sign(R"({"aud":"app","exp":4000000000,"sub":")" + std::string{user} + "\"}");
}

std::string keys()
{
    return test::key_set({signer().jwk()});
}

/// A connection on which each request gets such an answer.
Script answering(const std::string& bytes, std::size_t times = 1)
{
    Script script;
    script.steps.push_back(steps::tls());
    for (std::size_t i = 0; i < times; ++i)
        script.steps.insert(script.steps.end(), {steps::request(), steps::send(bytes)});
    script.steps.push_back(steps::expect_end());
    script.may_end_early = true;
    return script;
}

struct Fixture
{
    Config config() const
    {
        Config config = config_for(server);
        config.auth_url = server.url() + "/auth";
        config.retry.max_attempts = 1;
        return config;
    }

    expected<Claims> check(const std::string& one = token()) { return run(context, authenticator->authenticate(one)); }

    void finish()
    {
        authenticator.reset();
        context.restart();
        context.run();
        BOOST_TEST(server.finish() == "");
    }

    test::ScriptServer server;
    asio::io_context context;
    std::unique_ptr<Authenticator> authenticator = std::make_unique<Authenticator>(context, config());
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(fetching_keys, Fixture)

BOOST_AUTO_TEST_CASE(keys_are_asked_for_without_the_api_key)
{
    server.plan({answering(test::response(200, "Content-Type: application/jwk-set+json\r\n", keys()))});
    BOOST_TEST(check().value().user_id == "u");
    const auto requests = server.requests();
    BOOST_TEST_REQUIRE(requests.size() == 1u);
    const std::string& bytes = requests.front().bytes;
    BOOST_TEST(bytes.starts_with("GET /v1/auth/apps/app/.well-known/jwks.json HTTP/1.1\r\n"), bytes);
    BOOST_TEST(bytes.find("Authorization") == std::string::npos, bytes);
    BOOST_TEST(bytes.find(test::canary_api_key) == std::string::npos);
    finish();
}

BOOST_AUTO_TEST_CASE(a_thousand_callers_share_one_fetch)
{
    Script script = answering(test::response(200, {}, keys()));
    script.steps.insert(script.steps.begin() + 2, steps::hold());
    server.plan({script});
    constexpr int callers = 1'000;
    int good = 0;
    for (int i = 0; i < callers; ++i)
        asio::co_spawn(context, authenticator->authenticate(token(std::to_string(i))),
                       [&, i](std::exception_ptr, const expected<Claims>& claims) {
                           good += claims && claims->user_id == std::to_string(i);
                       });
    context.poll(); // all of them wait
    BOOST_TEST(good == 0);
    server.release();
    context.run();
    BOOST_TEST(good == callers);
    BOOST_TEST(server.requests().size() == 1u);
    for (int i = 0; i < 10; ++i)
        BOOST_TEST(check().has_value());
    BOOST_TEST(server.requests().size() == 1u);
    finish();
}

BOOST_AUTO_TEST_CASE(a_callers_deadline_ends_its_own_wait_alone)
{
    Script script = answering(test::response(200, {}, keys()));
    script.steps.insert(script.steps.begin() + 2, steps::hold());
    server.plan({script});
    bool others_good = false;
    asio::co_spawn(context, authenticator->authenticate(token("other")),
                   [&](std::exception_ptr, const expected<Claims>& claims) { others_good = claims.has_value(); });
    std::optional<expected<Claims>> own;
    asio::co_spawn(context, authenticator->authenticate(token(), CallOptions{}.timeout(std::chrono::milliseconds{1})),
                   [&](std::exception_ptr, expected<Claims> claims) {
                       own.emplace(std::move(claims));
                       server.release();
                   });
    context.run();
    BOOST_TEST(others_good);
    BOOST_TEST_REQUIRE(own.has_value());
    BOOST_TEST_REQUIRE(!own->has_value());
    BOOST_TEST(is_timeout(own->error()), own->error());
    BOOST_TEST(is_retryable(own->error()));
    BOOST_TEST(own->error().operation == "authenticate");
    finish();
}

BOOST_AUTO_TEST_CASE(every_form_of_a_check_takes_a_deadline)
{
    Script script = answering(test::response(200, {}, keys()));
    script.steps.insert(script.steps.begin() + 2, steps::hold());
    server.plan({script});
    const auto options = CallOptions{}.timeout(1ms);
    const std::string authorization = "Bearer " + token();
    boost::beast::http::fields fields;
    fields.set("Authorization", authorization);

    constexpr int forms = 6;
    int ended = 0;
    int late = 0;
    const auto end = [&](const expected<Claims>& claims) {
        late += !claims && is_timeout(claims.error());
        if (++ended == forms)
            server.release();
    };
    const auto spawn = [&](asio::awaitable<expected<Claims>> check) {
        asio::co_spawn(context, std::move(check),
                       [&](std::exception_ptr, const expected<Claims>& claims) { end(claims); });
    };
    spawn(authenticator->authenticate(token(), options));
    spawn(authenticator->authenticate_request(fields, options));
    spawn(authenticator->authenticate_request(authorization, "", options));
    authenticator->authenticate(token(), options, end);
    authenticator->authenticate_request(fields, options, end);
    authenticator->authenticate_request(authorization, "", options, end);
    context.run();
    BOOST_TEST(ended == forms);
    BOOST_TEST(late == forms);
    finish();
}

BOOST_AUTO_TEST_CASE(every_form_of_a_check_needs_no_options)
{
    server.plan({answering(test::response(200, {}, keys()))});
    const std::string authorization = "Bearer " + token();
    boost::beast::http::fields fields;
    fields.set("Authorization", authorization);
    int good = 0;
    const auto end = [&](const expected<Claims>& claims) { good += claims.has_value(); };
    authenticator->authenticate(token(), end);
    authenticator->authenticate_request(fields, end);
    authenticator->authenticate_request(authorization, "", end);
    context.run();
    BOOST_TEST(good == 3);
    BOOST_TEST(run(context, authenticator->authenticate(token())).has_value());
    BOOST_TEST(run(context, authenticator->authenticate_request(fields)).has_value());
    BOOST_TEST(run(context, authenticator->authenticate_request(authorization, "")).has_value());
    finish();
}

BOOST_AUTO_TEST_CASE(who_gives_up_while_the_server_is_silent_is_told_so)
{
    asio::cancellation_signal signal;
    const auto arrive = [&](test::Peer&) {
        asio::post(context, [&] { signal.emit(asio::cancellation_type::terminal); });
    };
    Script script = answering(test::response(200, {}, keys()));
    script.steps.insert(script.steps.begin() + 2, {arrive, steps::hold()});
    server.plan({script});
    std::optional<expected<Claims>> ended;
    const auto end = [&](expected<Claims> claims) {
        ended.emplace(std::move(claims));
        server.release();
    };
    authenticator->authenticate(token(), asio::bind_cancellation_slot(signal.slot(), end));
    context.run();
    BOOST_TEST_REQUIRE((ended && !*ended));
    BOOST_TEST((ended->error().code == Errc::cancelled), ended->error());
    BOOST_TEST((ended->error().stage == Stage::response), ended->error());
    BOOST_TEST(ended->error().attempts == 1u);
    finish();
}

BOOST_AUTO_TEST_CASE(keys_are_fetched_with_the_trace_of_the_caller_who_begins_it)
{
    Script script = answering(test::response(200, {}, keys()));
    script.steps.insert(script.steps.begin() + 2, steps::hold());
    server.plan({script});
    const std::string first = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const std::string second = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    int good = 0;
    for (const std::string& place : {first, second})
        authenticator->authenticate(token(), CallOptions{}.trace_parent(*TraceParent::parse(place)),
                                    [&](const expected<Claims>& claims) { good += claims.has_value(); });
    context.poll();
    server.release();
    context.run();
    BOOST_TEST(good == 2);
    const auto requests = server.requests();
    BOOST_TEST_REQUIRE(requests.size() == 1u);
    BOOST_TEST(requests.front().bytes.find("\r\ntraceparent: " + first + "\r\n") != std::string::npos,
               requests.front().bytes);
    finish();
}

BOOST_AUTO_TEST_CASE(a_failure_to_fetch_is_told_once)
{
    server.plan({answering(test::response(503, {}, R"({"code":"down","error":"Down."})"))});
    const Error error = check().error();
    BOOST_TEST((error.code == Errc::jwks));
    BOOST_TEST(error.message == "no keys are available: 503 down: Down.");
    const std::string line = to_string(error);
    BOOST_TEST(line.find("(attempt") == line.rfind("(attempt"), line);
    BOOST_TEST(line.find("authenticate") == line.rfind("authenticate"), line);
    finish();
}

BOOST_AUTO_TEST_CASE(keys_are_where_the_api_is_unless_said)
{
    server.plan({answering(test::response(200, {}, keys()))});
    Config own = config();
    own.auth_url.clear();
    authenticator = std::make_unique<Authenticator>(context, own);
    BOOST_TEST(check().value().user_id == "u");
    BOOST_TEST(server.requests().front().bytes.starts_with("GET /v1/apps/app/.well-known/jwks.json HTTP/1.1\r\n"));
    finish();
}

BOOST_AUTO_TEST_CASE(a_caller_that_is_cancelled_leaves_the_others_waiting)
{
    Script script = answering(test::response(200, {}, keys()));
    script.steps.insert(script.steps.begin() + 2, steps::hold());
    server.plan({script});
    for (const auto type :
         {asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total}) {
        // The first one begins the fetch, and is cancelled too.
        asio::cancellation_signal signal;
        std::optional<Error> ended;
        const auto call = [](Authenticator& by) -> asio::awaitable<expected<Claims>> {
            co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
            co_return co_await by.authenticate(token());
        };
        asio::co_spawn(
            context, call(*authenticator),
            asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, const expected<Claims>& claims) {
                BOOST_TEST(!error);
                BOOST_TEST_REQUIRE(!claims.has_value());
                ended = claims.error();
            }));
        context.poll();
        BOOST_TEST(!ended);
        signal.emit(type);
        context.poll();
        BOOST_TEST_REQUIRE(ended.has_value());
        BOOST_TEST(is_cancelled(*ended));
    }
    int good = 0;
    for (int i = 0; i < 3; ++i)
        asio::co_spawn(context, authenticator->authenticate(token()),
                       [&](std::exception_ptr, const expected<Claims>& claims) { good += claims.has_value(); });
    context.poll();
    server.release();
    context.run();
    BOOST_TEST(good == 3);
    BOOST_TEST(server.requests().size() == 1u);
    finish();
}

BOOST_AUTO_TEST_CASE(so_many_callers_wait_for_keys_and_no_more)
{
    Script script = answering(test::response(200, {}, keys()));
    script.steps.insert(script.steps.begin() + 2, steps::hold());
    server.plan({script});
    Config narrow = config();
    narrow.pool.max_waiting = 2;
    authenticator = std::make_unique<Authenticator>(context, narrow);
    int good = 0;
    std::list<asio::cancellation_signal> signals;
    std::vector<Error> errors;
    const auto spawn = [&] {
        asio::co_spawn(context, authenticator->authenticate(token()),
                       asio::bind_cancellation_slot(signals.emplace_back().slot(),
                                                    [&](std::exception_ptr, const expected<Claims>& claims) {
                                                        if (claims)
                                                            ++good;
                                                        else
                                                            errors.push_back(claims.error());
                                                    }));
        context.poll();
    };
    for (int i = 0; i < 3; ++i) // the caller that started the fetch is not counted
        spawn();
    BOOST_TEST(errors.empty());
    spawn();
    BOOST_TEST_REQUIRE(errors.size() == 1u);
    BOOST_TEST((errors[0].code == Errc::jwks), errors[0]);
    BOOST_TEST(is_retryable(errors[0]));
    BOOST_TEST(errors[0].message == "2 callers are already waiting for keys");
    BOOST_TEST(errors[0].operation == "authenticate");
    // A caller that stops waiting makes room for another.
    std::next(signals.begin(), 1)->emit(asio::cancellation_type::terminal);
    context.poll();
    BOOST_TEST_REQUIRE(errors.size() == 2u);
    BOOST_TEST(is_cancelled(errors[1]));
    spawn();
    BOOST_TEST(errors.size() == 2u);
    spawn();
    BOOST_TEST(errors.size() == 3u);
    server.release();
    context.run();
    BOOST_TEST(good == 3);
    BOOST_TEST(server.requests().size() == 1u);
    finish();
}

BOOST_AUTO_TEST_CASE(callers_are_told_why_there_are_no_keys)
{
    struct Case
    {
        const char* name;
        std::string bytes;
        int status;
        const char* message; ///< A part of it.
    };
    const std::vector<Case> cases{
        {"500", test::response(500, {}, "oops"), 500, "500"},
        {"404", test::response(404, {}, R"({"code":"app_not_found","error":"App not found."})"), 404, "app_not_found"},
        {"a redirect", test::response(302, "Location: https://keys.example/\r\n"), 302, "302"},
        {"HTML", test::response(200, "Content-Type: text/html\r\n", "<html>"), 200, "not JSON"},
        {"no key set", test::response(200, {}, "{}"), 200, "no JWK set"},
        {"no usable key", test::response(200, {}, R"({"keys":[{"kty":"EC","kid":"k"}]})"), 0, "no key that can verify"},
        {"two keys of one id", test::response(200, {}, test::key_set({signer().jwk(), signer().jwk()})), 200,
         "no JWK set"},
        {"too much", test::response(200, {}, std::string(2'000'000, ' ') + keys()), 0, "too_large"},
        {"cut off", test::response(200, {}, keys()).substr(0, 200), 0, "truncated"},
    };
    for (const Case& test : cases) {
        BOOST_TEST_CONTEXT(test.name)
        {
            Script script = answering(test.bytes);
            script.steps.back() = steps::fin();
            server.plan({script});
            authenticator = std::make_unique<Authenticator>(context, config());
            for (int i = 0; i < 2; ++i) { // the second within a second of the first: it makes no request
                const auto claims = check();
                BOOST_TEST_REQUIRE(!claims.has_value());
                const Error& error = claims.error();
                BOOST_TEST((error.code == Errc::jwks), error);
                BOOST_TEST(!is_token_refused(error));
                BOOST_TEST(is_retryable(error));
                BOOST_TEST(error.http_status == test.status);
                BOOST_TEST(error.operation == "authenticate");
                BOOST_TEST(error.message.find(test.message) != std::string::npos, error);
            }
            BOOST_TEST(server.requests().size() == 1u);
            authenticator.reset();
            context.restart();
            context.run();
            BOOST_TEST(server.finish() == "");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_fetch_ends_within_the_time_of_a_call)
{
    Script script = answering("");
    script.steps.insert(script.steps.begin() + 2, steps::hold());
    server.plan({script});
    Config hurried = config();
    hurried.timeouts.total = 50ms;
    authenticator = std::make_unique<Authenticator>(context, hurried);
    const auto claims = check();
    BOOST_TEST_REQUIRE(!claims.has_value());
    BOOST_TEST((claims.error().code == Errc::jwks), claims.error());
    BOOST_TEST(claims.error().message.find("timeout") != std::string::npos, claims.error());
    finish();
}

BOOST_AUTO_TEST_CASE(those_who_wait_when_the_authenticator_goes_are_told)
{
    Script script = answering("");
    script.steps.insert(script.steps.begin() + 2, steps::hold());
    server.plan({script});
    int ended = 0;
    for (int i = 0; i < 3; ++i)
        asio::co_spawn(context, authenticator->authenticate(token()),
                       [&](std::exception_ptr, const expected<Claims>& claims) {
                           ended += !claims && claims.error().code == Errc::shut_down;
                       });
    context.poll();
    authenticator.reset();
    context.run();
    BOOST_TEST(ended == 3);
    finish();
}

BOOST_AUTO_TEST_CASE(a_context_that_is_destroyed_takes_those_who_wait_on_it_along_and_tells_others)
{
    Script script = answering("");
    script.steps.insert(script.steps.begin() + 2, steps::hold());
    server.plan({script});
    auto own = std::make_unique<asio::io_context>();
    authenticator = std::make_unique<Authenticator>(*own, config());
    const auto witness = std::make_shared<int>();
    std::optional<Error> told;
    asio::co_spawn(*own, authenticator->authenticate(token()),
                   [witness](std::exception_ptr, const expected<Claims>&) { BOOST_ERROR("it can't end"); });
    asio::co_spawn(context, authenticator->authenticate(token()),
                   [witness, &told](std::exception_ptr, const expected<Claims>& end) { told = end.error(); });
    own->poll();
    context.poll();
    BOOST_TEST(witness.use_count() == 3);
    authenticator.reset();
    own.reset();
    BOOST_TEST(witness.use_count() == 2);
    context.poll();
    BOOST_TEST(witness.use_count() == 1);
    BOOST_TEST_REQUIRE(told.has_value());
    BOOST_TEST((told->code == Errc::jwks), *told);
    finish();
}

BOOST_AUTO_TEST_CASE(callers_that_wait_for_keys_need_no_strand)
{
    constexpr int rounds = 50;
    constexpr int callers = 16;
    // Keys are fetched for the first token, and again for those that name a key that is not in the set.
    server.plan(std::vector<Script>(rounds, answering(test::response(200, {}, keys()), 2)));
    Config nowhere = config();
    nowhere.auth_url = "http://127.0.0.1:1"; // refused at once, so that fetches end while others join
    const std::string known = token();
    const std::string unknown = TokenSigner{"k2"}.sign(R"({"aud":"app","exp":4000000000,"sub":"u"})");
    asio::thread_pool pool{4};
    std::list<Authenticator> authenticators;
    std::atomic<int> right{0};
    std::atomic<int> under_way{2 * rounds * callers};
    // Connected but never emitted: a coroutine without a strand can't be cancelled on another thread.
    std::list<asio::cancellation_signal> signals;
    const auto spawn = [&](Authenticator& by, const std::string& one, auto is_right) {
        asio::co_spawn(pool, by.authenticate(one),
                       asio::bind_cancellation_slot(signals.emplace_back().slot(),
                                                    [&, is_right](std::exception_ptr, expected<Claims> claims) {
                                                        right += is_right(claims);
                                                        if (--under_way == 0)
                                                            authenticators.clear();
                                                    }));
    };
    for (int round = 0; round < rounds; ++round) {
        Authenticator& served = authenticators.emplace_back(pool, config());
        Authenticator& refused = authenticators.emplace_back(pool, nowhere);
        for (int i = 0; i < callers; ++i) {
            if (i % 2 == 0)
                spawn(served, known, [](const expected<Claims>& claims) { return claims.has_value(); });
            else
                spawn(served, unknown, [](const expected<Claims>& claims) {
                    return !claims && claims.error().jwt_reason == JwtReason::unknown_key;
                });
            spawn(refused, known,
                  [](const expected<Claims>& claims) { return !claims && claims.error().code == Errc::jwks; });
        }
    }
    pool.join();
    BOOST_TEST(right == 2 * rounds * callers);
    finish();
}

BOOST_AUTO_TEST_CASE(keys_given_by_hand_are_used_without_a_network)
{
    Config config;
    config.app_id = "app";
    AuthOptions options;
    options.keys = keys();
    Authenticator offline{context, config, options};
    BOOST_TEST(run(context, offline.authenticate(token())).value().user_id == "u");
    const TokenSigner other{"k2"};
    const auto claims = run(context, offline.authenticate(other.sign(R"({"aud":"app","exp":4000000000,"sub":"u"})")));
    BOOST_TEST((claims.error().jwt_reason == JwtReason::unknown_key));
    BOOST_TEST(server.requests().empty());
}

BOOST_AUTO_TEST_CASE(an_authenticator_is_not_made_of_unusable_settings)
{
    const auto refused = [&](std::string app_id, std::string given) {
        Config config;
        config.app_id = std::move(app_id);
        AuthOptions options;
        options.keys = std::move(given);
        return Authenticator::create(context.get_executor(), config, options).error();
    };
    for (const std::string& given : {std::string{}, keys()}) {
        const Error error = refused(std::string(257, 'a'), given);
        BOOST_TEST(is_invalid_argument(error), error);
        BOOST_TEST(error.message.starts_with("app_id "), error);
    }
    const Error error = refused("app", std::string(1024 * 1024, ' ') + keys());
    BOOST_TEST(is_invalid_argument(error), error);
    BOOST_TEST(error.message.starts_with("keys "), error);
    BOOST_TEST((refused("app", "{}").code == Errc::decode));
    BOOST_TEST((refused("app", R"({"keys":[{"kty":"EC","kid":"k"}]})").code == Errc::decode));
}

BOOST_AUTO_TEST_SUITE_END()
