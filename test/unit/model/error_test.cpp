#include <passage/error.hpp>

#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <set>
#include <sstream>
#include <vector>

using namespace passage;
using namespace std::chrono_literals;
namespace sys = boost::system;

namespace {

struct Kind
{
    Errc code;
    const char* name;
};

const std::vector<Kind> kinds{
    {Errc::invalid_argument, "invalid_argument"},
    {Errc::dns, "dns"},
    {Errc::connect, "connect"},
    {Errc::tls, "tls"},
    {Errc::timeout, "timeout"},
    {Errc::pool_timeout, "pool_timeout"},
    {Errc::protocol, "protocol"},
    {Errc::truncated, "truncated"},
    {Errc::too_large, "too_large"},
    {Errc::decode, "decode"},
    {Errc::api, "api"},
    {Errc::rate_limited, "rate_limited"},
    {Errc::cancelled, "cancelled"},
    {Errc::shut_down, "shut_down"},
    {Errc::jwt, "jwt"},
    {Errc::jwks, "jwks"},
};

Error api_error(int status)
{
    Error error{Errc::api};
    error.http_status = status;
    return error;
}

} // namespace

BOOST_AUTO_TEST_SUITE(errors)

BOOST_AUTO_TEST_CASE(each_kind_is_an_error_code_with_its_name)
{
    for (const Kind& kind : kinds) {
        const sys::error_code code = kind.code;
        BOOST_TEST(code.failed());
        BOOST_TEST(code.message() == kind.name);
        BOOST_TEST((code == kind.code));
        BOOST_TEST((code.category() == error_category()));
    }
    BOOST_TEST(error_category().name() == std::string{"passage"});
    BOOST_TEST(error_category().message(0) == "unknown");
    BOOST_TEST(error_category().message(99) == "unknown");
    BOOST_TEST(error_category().message(-1) == "unknown");
}

BOOST_AUTO_TEST_CASE(kinds_that_the_system_knows_too_compare_equal)
{
    namespace errc = sys::errc;
    const auto is = [](Errc kind, errc::errc_t condition) {
        return sys::error_code{kind} == errc::make_error_condition(condition);
    };
    BOOST_TEST(is(Errc::invalid_argument, errc::invalid_argument));
    BOOST_TEST(is(Errc::timeout, errc::timed_out));
    BOOST_TEST(is(Errc::pool_timeout, errc::timed_out));
    BOOST_TEST(is(Errc::protocol, errc::protocol_error));
    BOOST_TEST(is(Errc::cancelled, errc::operation_canceled));
    BOOST_TEST(!is(Errc::api, errc::timed_out));
    BOOST_TEST(!is(Errc::dns, errc::success));
}

BOOST_AUTO_TEST_CASE(stages_and_effects_have_names)
{
    const std::vector<std::pair<Stage, const char*>> stages{
        {Stage::none, "none"}, {Stage::pool, "pool"},   {Stage::dns, "dns"},           {Stage::connect, "connect"},
        {Stage::tls, "tls"},   {Stage::write, "write"}, {Stage::response, "response"}, {Stage::backoff, "backoff"}};
    for (const auto& [stage, name] : stages)
        BOOST_TEST(to_string(stage) == name);
    BOOST_TEST(to_string(Effect::none) == "none");
    BOOST_TEST(to_string(Effect::done) == "done");
    BOOST_TEST(to_string(Effect::unknown) == "unknown");
}

BOOST_AUTO_TEST_CASE(an_error_is_one_line)
{
    Error error = api_error(404);
    error.operation = "get_user";
    error.api_code = "user_not_found";
    error.message = "User not found.";
    error.attempts = 1;
    error.elapsed = 12'345us;
    BOOST_TEST(to_string(error) == "get_user: 404 user_not_found: User not found. (attempt 1, 12 ms)");
    std::ostringstream stream;
    stream << error;
    BOOST_TEST(stream.str() == to_string(error));
}

BOOST_AUTO_TEST_CASE(a_line_says_what_is_known_and_no_more)
{
    BOOST_TEST(to_string(Error{}) == "invalid_argument");
    BOOST_TEST(to_string(Error{Errc::dns, "no such host"}) == "dns: no such host");
    BOOST_TEST(to_string(api_error(502)) == "502");

    Error limited{Errc::rate_limited, "slow down"};
    limited.http_status = 429;
    limited.attempts = 3;
    limited.elapsed = 2s;
    BOOST_TEST(to_string(limited) == "429: slow down (attempt 3, 2000 ms)");

    FailedAttempt failed;
    failed.http_status = 503;
    FailedAttempt lost;
    lost.code = Errc::truncated;
    lost.stage = Stage::response;
    lost.cause = boost::system::errc::make_error_code(boost::system::errc::connection_reset);
    limited.earlier_attempts = {failed, lost};
    BOOST_TEST(to_string(limited) ==
               "429: slow down (attempt 3, 2000 ms; before: 503, truncated (response): " + lost.cause.message() + ")");

    Error timeout{Errc::timeout, "the deadline passed"};
    timeout.operation = "create_user";
    timeout.stage = Stage::response;
    timeout.effect = Effect::unknown;
    timeout.attempts = 1;
    timeout.elapsed = 30s;
    BOOST_TEST(to_string(timeout) ==
               "create_user: timeout (response): the deadline passed (attempt 1, 30000 ms, effect unknown)");

    Error decode{Errc::decode, "at /user/id: missing"};
    decode.http_status = 200;
    decode.effect = Effect::done;
    decode.attempts = 1;
    BOOST_TEST(to_string(decode) == "decode: at /user/id: missing (attempt 1, 0 ms, effect done)");

    Error connect{Errc::connect, "no connection could be made"};
    connect.cause = sys::errc::make_error_code(sys::errc::connection_refused);
    connect.attempts = 2;
    BOOST_TEST(to_string(connect) ==
               "connect: no connection could be made: " + connect.cause.message() + " (attempt 2, 0 ms)");
}

BOOST_AUTO_TEST_CASE(predicates_tell_errors_apart)
{
    using Predicate = bool (*)(const Error&) noexcept;
    struct Case
    {
        Predicate predicate;
        const char* name;
        std::set<int> statuses; ///< With `Errc::api`.
        std::set<Errc> codes;
    };
    const std::vector<Case> cases{
        {is_unauthorized, "is_unauthorized", {401}, {}},
        {is_forbidden, "is_forbidden", {403}, {}},
        {is_invalid_argument, "is_invalid_argument", {}, {Errc::invalid_argument, Errc::too_large}},
        {is_rate_limited, "is_rate_limited", {429}, {Errc::rate_limited}},
        {is_timeout, "is_timeout", {}, {Errc::timeout, Errc::pool_timeout}},
        {is_cancelled, "is_cancelled", {}, {Errc::cancelled}},
        {is_retryable, "is_retryable", {}, {}},
    };
    for (const Case& test : cases) {
        for (int status = 0; status < 600; ++status)
            BOOST_TEST(test.predicate(api_error(status)) == test.statuses.contains(status),
                       test.name << ", " << status);
        for (const Kind& kind : kinds) {
            Error error{kind.code};
            BOOST_TEST(test.predicate(error) == test.codes.contains(kind.code), test.name << ", " << kind.name);
            if (kind.code == Errc::api || kind.code == Errc::too_large)
                continue;
            // With another code the status does not matter.
            error.http_status = 404;
            BOOST_TEST(test.predicate(error) == test.codes.contains(kind.code), test.name << ", " << kind.name);
        }
    }
    for (int status = 0; status < 600; ++status)
        for (const char* code : {"", "user_not_found", "device_not_found", "app_not_found", "route_not_found"}) {
            Error error = api_error(status);
            error.api_code = code;
            const bool is_user_or_device =
                code == std::string_view{"user_not_found"} || code == std::string_view{"device_not_found"};
            BOOST_TEST(is_not_found(error) == (status == 404 && is_user_or_device), status << " " << code);
            // A 400 without a code is a proxy's.
            BOOST_TEST(is_invalid_argument(error) == (status == 400 && *code != '\0'), status << " " << code);
        }
    Error too_large_response{Errc::too_large};
    too_large_response.attempts = 1;
    BOOST_TEST(!is_invalid_argument(too_large_response));
    too_large_response.attempts = 0; // as in a batch that it stopped
    too_large_response.stage = Stage::response;
    BOOST_TEST(!is_invalid_argument(too_large_response));
    Error retryable{Errc::truncated};
    retryable.retryable = true;
    BOOST_TEST(is_retryable(retryable));
}

BOOST_AUTO_TEST_SUITE_END()
