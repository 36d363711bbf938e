// Programs that make children while their clients have connections.

#include "driver.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <sys/wait.h>
#include <unistd.h>

using namespace passage;
using namespace passage::test;

namespace {

/// What a child finds, as its exit status: no test can fail in it.
enum Verdict { good = 0, call_was_made, never_ended, not_said_so, thrown };

/// Runs a child to its end, and returns its verdict.
int in_child(const std::function<Verdict()>& what)
{
    const pid_t child = fork();
    if (child == 0) {
        try {
            _exit(what());
        } catch (...) {
            _exit(thrown);
        }
    }
    int status = 0;
    BOOST_REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Whether a call that is made in a child ends with `shut_down`, and without effect.
Verdict make_call(asio::io_context& context, Client& client, Operation operation)
{
    std::optional<Result> result;
    asio::co_spawn(context, perform(client, operation),
                   [&](std::exception_ptr, Result value) { result.emplace(std::move(value)); });
    context.restart();
    while (!result && context.run_one() > 0) {
    }
    if (!result)
        return never_ended;
    if (!result->error)
        return call_was_made;
    return result->is(Errc::shut_down) && result->error->effect == Effect::none ? good : not_said_so;
}

/// Has a child made while a client has an idle connection, and sees whether the parent can go on with that.
void with_idle_connection(Driver& driver, const std::function<Verdict(std::optional<Client>&)>& child, Verdict expected)
{
    count_case();
    count_run();
    const std::size_t descriptors = open_descriptors();
    driver.plan();
    std::optional<Client> client{std::in_place, driver.context(), driver.config()};
    BOOST_TEST(driver.run(get(*client, "before")).id == "before");
    BOOST_TEST(in_child([&] { return child(client); }) == expected);
    const std::size_t connections = driver.server().connections();
    const std::size_t ends = driver.ends_seen();
    BOOST_TEST(driver.run(get(*client, "after")).id == "after");
    BOOST_TEST(driver.server().connections() == connections);
    BOOST_TEST(driver.ends_seen() == ends);
    client.reset();
    driver.context().restart();
    driver.context().run();
    BOOST_TEST(driver.server().finish() == "");
    BOOST_TEST(open_descriptors() == descriptors);
}

/// Has a child made while a call waits for its answer.
void with_call_under_way(HttpVersion version, Operation operation)
{
    count_case();
    count_run();
    Driver driver{true, version};
    asio::io_context& context = driver.context();
    driver.plan({driver.holding(R"({"user":{"id":"subject","email":"jane@example.com"}})")});
    std::optional<Client> client{std::in_place, context, driver.config()};
    std::optional<Result> result;
    asio::co_spawn(context, perform(*client, operation),
                   [&](std::exception_ptr, Result value) { result.emplace(std::move(value)); });
    context.restart();
    while (driver.requests_seen() == 0)
        context.poll();
    BOOST_TEST(in_child([&] {
                   context.notify_fork(asio::execution_context::fork_child);
                   client.reset();
                   while (!result && context.run_one() > 0) {
                   }
                   if (!result)
                       return never_ended;
                   context.restart();
                   context.run();
                   return result->is(Errc::shut_down) ? good : not_said_so;
               }) == good);
    driver.server().release();
    while (!result)
        context.run_one();
    BOOST_TEST(result->id == "subject", (result->error ? to_string(*result->error) : result->id));
    BOOST_TEST(driver.run(get(*client, "warm")).id == "warm");
    BOOST_TEST(driver.server().connections() == 1u);
    BOOST_TEST(driver.requests_seen() == 2u);
    BOOST_TEST(driver.ends_seen() == 0u);
    client.reset();
    context.restart();
    context.run();
    BOOST_TEST(driver.server().finish() == "");
}

} // namespace

BOOST_AUTO_TEST_CASE(a_child_leaves_its_parents_idle_connections_alone)
{
    for (const HttpVersion version : versions)
        for (const bool secure : {true, false}) {
            Driver driver{secure, version};
            asio::io_context& context = driver.context();
            for (const Operation operation : {Operation::get, Operation::create}) {
                const auto call_and_destroy = [&](std::optional<Client>& client) {
                    context.notify_fork(asio::execution_context::fork_child);
                    const Verdict verdict = make_call(context, *client, operation);
                    client.reset();
                    context.restart();
                    context.run();
                    return verdict;
                };
                with_idle_connection(driver, call_and_destroy, good);
            }
            const auto destroy = [](std::optional<Client>& client) {
                client.reset();
                return good;
            };
            with_idle_connection(driver, destroy, good);
        }
}

BOOST_AUTO_TEST_CASE(a_child_may_have_a_client_of_its_own)
{
    for (const HttpVersion version : versions) {
        Driver driver{true, version};
        const auto use_own = [&](std::optional<Client>&) {
            driver.context().notify_fork(asio::execution_context::fork_child);
            Client own{driver.context(), driver.config()};
            return make_call(driver.context(), own, Operation::create);
        };
        with_idle_connection(driver, use_own, call_was_made);
    }
}

BOOST_AUTO_TEST_CASE(a_child_leaves_the_calls_alone_that_are_under_way)
{
    for (const HttpVersion version : versions)
        for (const Operation operation : {Operation::get, Operation::create})
            with_call_under_way(version, operation);
}
