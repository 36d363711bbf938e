// Calls that are interrupted after each step of their life: cancelled, or their client destroyed.

#include "driver.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <exception>
#include <optional>
#include <utility>

using namespace passage;
using namespace passage::test;

namespace {

constexpr std::size_t far_too_many = 10'000;

/// A coroutine that lets every kind of cancellation through to the call.
asio::awaitable<Result> caller(asio::awaitable<Result> call, bool& begun)
{
    begun = true;
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await asio::this_coro::throw_if_cancelled(false);
    co_return co_await std::move(call);
}

/// A client whose steps are counted, and a call of it that has begun: a coroutine that has not is ended by `co_spawn`.
/// Another call is made at the same time, over HTTP/2 on the same connection.
struct Steps
{
    Steps(Driver& driver, Operation operation, bool warm) : context{driver.context()}
    {
        driver.plan();
        client.emplace(context, driver.config());
        if (warm)
            BOOST_TEST(driver.run(get(*client, "warm")).id == "warm");
        context.restart();
        bool begun = false;
        asio::co_spawn(context, caller(perform(*client, operation), begun),
                       asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr error, Result value) {
                           BOOST_TEST(!error);
                           ++completions;
                           result = std::move(value);
                       }));
        asio::co_spawn(context, get(*client, "bystander"), [this](std::exception_ptr error, Result value) {
            BOOST_TEST(!error);
            BOOST_TEST(!bystander);
            bystander.emplace(std::move(value));
        });
        while (!begun)
            context.run_one();
    }

    /// Runs so many handlers, or all there are until the call has ended. True if it has.
    bool run(std::size_t handlers)
    {
        while (completions == 0 && handlers-- > 0 && context.run_one() > 0) {
        }
        return completions > 0;
    }

    /// Runs until both calls have ended.
    void run()
    {
        while ((completions == 0 || !bystander) && context.run_one() > 0) {
        }
        BOOST_REQUIRE(bystander);
    }

    asio::io_context& context;
    asio::cancellation_signal signal;
    std::optional<Client> client;
    int completions = 0;
    Result result;
    std::optional<Result> bystander;
};

/// What an interruption after some steps came to.
struct Interrupted
{
    bool too_late = false; ///< The call had ended by then.
    bool in_vain = false;  ///< It succeeded.
};

/// Interrupts a call after N steps of it, for each N. Some interruptions must end a call that connects; on a warm
/// connection, an answer may always come first.
void at_each_step(const char* what,
                  const std::function<Interrupted(Driver&, Operation, bool warm, std::size_t n)>& once)
{
    for (const HttpVersion version : versions)
        for (const Operation operation : {Operation::get, Operation::create, Operation::find})
            for (const bool warm : {false, true}) {
                count_case();
                Driver driver{true, version};
                const std::size_t descriptors = open_descriptors();
                std::size_t n = 0;
                std::size_t effective = 0;
                BOOST_TEST_CONTEXT(what << ", " << name_of(version) << ", operation " << static_cast<int>(operation)
                                        << (warm ? ", warm" : ", cold"))
                {
                    for (bool ended = false; !ended; ++n) {
                        BOOST_TEST_CONTEXT("step " << n)
                        {
                            BOOST_REQUIRE(n < far_too_many);
                            count_run();
                            const Interrupted seen = once(driver, operation, warm, n);
                            ended = seen.too_late;
                            effective += seen.in_vain ? 0 : 1;
                            BOOST_TEST(driver.server().finish() == "");
                            BOOST_TEST(open_descriptors() == descriptors);
                        }
                    }
                    BOOST_TEST(n > 2u);
                    BOOST_TEST((warm || effective > 0));
                }
            }
}

/// Each server has names of its own.
const char* expected_id(Operation operation, HttpVersion version)
{
    if (operation != Operation::create && operation != Operation::find)
        return "subject";
    if (version == HttpVersion::http2)
        return "jane";
    return operation == Operation::create ? "created" : "found";
}

} // namespace

BOOST_AUTO_TEST_CASE(a_call_can_be_cancelled_after_every_step)
{
    for (const auto type : {asio::cancellation_type::terminal, asio::cancellation_type::partial,
                            asio::cancellation_type::total, asio::cancellation_type::all})
        for (const int times : {1, 2})
            at_each_step("cancelled", [&](Driver& driver, Operation operation, bool warm, std::size_t n) {
                Steps steps{driver, operation, warm};
                const bool ended = steps.run(n);
                for (int i = 0; i < times; ++i)
                    steps.signal.emit(type);
                steps.run();
                BOOST_TEST(steps.completions == 1);
                BOOST_TEST(steps.bystander->id == "bystander");
                if (steps.result.error) {
                    BOOST_TEST(!ended);
                    BOOST_TEST((steps.result.is(Errc::cancelled)));
                    if (type == asio::cancellation_type::total && operation != Operation::find)
                        BOOST_TEST((steps.result.error->effect == Effect::none));
                } else {
                    BOOST_TEST(steps.result.id == expected_id(operation, driver.version()));
                }
                BOOST_TEST(driver.run(get(*steps.client, "sentinel")).id == "sentinel");
                const bool unsent = steps.result.error && steps.result.error->effect == Effect::none;
                steps.client.reset();
                steps.context.restart();
                steps.context.run();
                BOOST_TEST(steps.completions == 1);
                BOOST_TEST(driver.server().finish() == "");
                BOOST_TEST(driver.posts_seen() <= (unsent ? 0u : 1u));
                return Interrupted{.too_late = ended, .in_vain = !steps.result.error};
            });
}

/// The answer comes only after the call has ended.
BOOST_AUTO_TEST_CASE(a_call_that_waits_for_its_answer_is_ended_after_every_step)
{
    constexpr std::array types{asio::cancellation_type::terminal, asio::cancellation_type::partial,
                               asio::cancellation_type::none}; // none: the client is destroyed
    for (const HttpVersion version : versions)
        for (const Operation operation : {Operation::get, Operation::create})
            for (const bool warm : {false, true})
                for (const asio::cancellation_type type : types) {
                    count_case();
                    Driver driver{true, version};
                    asio::io_context& context = driver.context();
                    const Script holding = driver.holding(R"({"user":{"id":"subject"}})");
                    bool sent = false;
                    for (std::size_t n = 0; !sent; ++n)
                        BOOST_TEST_CONTEXT(name_of(version) << ", operation " << static_cast<int>(operation)
                                                            << (warm ? ", warm" : ", cold") << ", cancellation "
                                                            << static_cast<unsigned>(type) << ", step " << n)
                        {
                            count_run();
                            driver.plan({holding, holding});
                            std::optional<Client> client{std::in_place, context, driver.config()};
                            if (warm)
                                BOOST_TEST(driver.run(get(*client, "warm")).id == "warm");
                            const std::size_t before = driver.requests_seen();
                            asio::cancellation_signal signal;
                            std::optional<Result> result;
                            bool begun = false;
                            asio::co_spawn(
                                context, caller(perform(*client, operation), begun),
                                asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr, Result value) {
                                    result.emplace(std::move(value));
                                }));
                            context.restart();
                            while (!begun)
                                context.run_one();
                            for (std::size_t steps = 0; steps < n && !sent;) {
                                steps += context.poll_one();
                                sent = driver.requests_seen() > before;
                            }
                            BOOST_TEST(!result);
                            if (type == asio::cancellation_type::none)
                                client.reset();
                            else
                                signal.emit(type);
                            while (!result && context.run_one() > 0) {
                            }
                            BOOST_REQUIRE(result);
                            BOOST_TEST(result->is(client ? Errc::cancelled : Errc::shut_down));
                            driver.server().release();
                            if (client)
                                BOOST_TEST(driver.run(get(*client, "warm")).id == "warm");
                            client.reset();
                            context.restart();
                            context.run();
                            BOOST_TEST(driver.server().finish() == "");
                        }
                }
}

BOOST_AUTO_TEST_CASE(a_coroutine_that_is_cancelled_before_it_begins_makes_no_call_or_is_cancelled)
{
    Driver driver;
    asio::io_context& context = driver.context();
    for (const Operation operation : {Operation::get, Operation::create, Operation::find}) {
        count_case();
        count_run();
        driver.server().plan({});
        std::optional<Client> client{std::in_place, context, driver.config()};
        asio::cancellation_signal signal;
        std::exception_ptr thrown;
        std::optional<Result> result;
        context.restart();
        asio::co_spawn(context, perform(*client, operation),
                       asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error, Result value) {
                           thrown = error;
                           if (!error)
                               result = std::move(value);
                       }));
        signal.emit(asio::cancellation_type::terminal);
        try {
            context.run();
        } catch (const boost::system::system_error&) { // of `co_spawn`, some versions of which do not call the handler
            thrown = std::current_exception();
        }
        BOOST_TEST(!thrown == result.has_value());
        if (result)
            BOOST_TEST(result->is(Errc::cancelled));
        else
            BOOST_CHECK_EXCEPTION(std::rethrow_exception(thrown), boost::system::system_error,
                                  [](const auto& error) { return error.code() == asio::error::operation_aborted; });
        BOOST_TEST(driver.posts_seen() == 0u);
        BOOST_TEST(driver.run(get(*client, "sentinel")).id == "sentinel");
        client.reset();
        context.restart();
        context.run();
        BOOST_TEST(driver.server().finish() == "");
    }
}

BOOST_AUTO_TEST_CASE(the_client_can_be_destroyed_after_every_step)
{
    at_each_step("destroyed", [](Driver& driver, Operation operation, bool warm, std::size_t n) {
        Steps steps{driver, operation, warm};
        const bool ended = steps.run(n);
        steps.client.reset();
        steps.context.restart();
        steps.context.run();
        BOOST_TEST(steps.completions == 1);
        BOOST_REQUIRE(steps.bystander);
        BOOST_TEST((steps.bystander->id == "bystander" || steps.bystander->is(Errc::shut_down)));
        if (steps.result.error)
            BOOST_TEST((steps.result.is(Errc::shut_down)));
        else
            BOOST_TEST(steps.result.id == expected_id(operation, driver.version()));
        BOOST_TEST(driver.posts_seen() <= 1u);
        return Interrupted{.too_late = ended, .in_vain = !steps.result.error};
    });
}

BOOST_AUTO_TEST_CASE(the_context_can_be_destroyed_after_every_step)
{
    for (const HttpVersion version : versions)
        for (const Operation operation : {Operation::get, Operation::create, Operation::find}) {
            count_case();
            Driver driver{true, version}; // whose own context has nothing to do
            const std::size_t descriptors = open_descriptors();
            bool ended = false;
            for (std::size_t n = 0; !ended; ++n) {
                count_run();
                driver.plan();
                {
                    asio::io_context context{1};
                    Client client{context, driver.config()};
                    int completions = 0;
                    bool begun = false;
                    asio::co_spawn(context, caller(perform(client, operation), begun),
                                   [&](std::exception_ptr, const Result&) { ++completions; });
                    asio::co_spawn(context, get(client, "bystander"), [](std::exception_ptr, const Result&) {});
                    for (std::size_t i = 0; i < n && completions == 0; ++i)
                        context.run_one();
                    ended = completions > 0;
                    context.stop();
                }
                BOOST_TEST(driver.server().finish() == "");
                BOOST_TEST(open_descriptors() == descriptors);
            }
        }
}

BOOST_AUTO_TEST_CASE(a_call_that_waits_before_a_repetition_can_be_interrupted)
{
    Driver driver;
    for (const bool destroyed : {false, true}) {
        count_case();
        count_run();
        driver.server().plan({{{steps::tls(), steps::request(), steps::send(response(503)), steps::serve()}, true}});
        Config config = driver.config();
        config.retry.base = config.retry.cap = std::chrono::seconds{20};
        std::optional<Client> client{std::in_place, driver.context(), config};
        asio::cancellation_signal signal;
        std::optional<Result> result;
        driver.context().restart();
        asio::co_spawn(driver.context(), perform(*client, Operation::get),
                       asio::bind_cancellation_slot(
                           signal.slot(), [&](std::exception_ptr, Result value) { result.emplace(std::move(value)); }));
        while (!result && client->stats().idle_connections == 0)
            driver.context().run_one();
        BOOST_TEST(!result);
        if (destroyed)
            client.reset();
        else
            signal.emit(asio::cancellation_type::terminal);
        while (!result)
            driver.context().run_one();
        BOOST_TEST(result->is(destroyed ? Errc::shut_down : Errc::cancelled));
        BOOST_REQUIRE(result->error);
        BOOST_TEST(result->error->http_status == 503);
        BOOST_TEST((result->error->elapsed < std::chrono::seconds{15}));
        if (client)
            BOOST_TEST(driver.run(get(*client, "sentinel")).id == "sentinel");
        client.reset();
        driver.context().restart();
        driver.context().run();
        BOOST_TEST(driver.server().finish() == "");
    }
}
