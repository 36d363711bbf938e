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
enum Verdict { good = 0, call_was_made, not_said_so, thrown };

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
    if (!result || !result->error)
        return call_was_made;
    return result->is(Errc::shut_down) && result->error->effect == Effect::none ? good : not_said_so;
}

/// Has a child made while a client has an idle connection, and sees whether the parent can go on with that.
void with_idle_connection(Driver& driver, const std::function<Verdict(std::optional<Client>&)>& child, Verdict expected)
{
    count_case();
    count_run();
    const std::size_t descriptors = open_descriptors();
    driver.server().plan({});
    std::optional<Client> client{std::in_place, driver.context(), driver.config()};
    BOOST_TEST(driver.run(get(*client, "before")).id == "before");
    BOOST_TEST(in_child([&] { return child(client); }) == expected);
    BOOST_TEST(driver.run(get(*client, "after")).id == "after");
    const auto requests = driver.server().requests();
    BOOST_TEST(requests.front().connection == requests.back().connection);
    client.reset();
    driver.context().restart();
    driver.context().run();
    BOOST_TEST(driver.server().finish() == "");
    BOOST_TEST(open_descriptors() == descriptors);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_child_leaves_its_parents_idle_connections_alone)
{
    for (const bool secure : {true, false}) {
        Driver driver{secure};
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
    Driver driver;
    const auto use_own = [&](std::optional<Client>&) {
        driver.context().notify_fork(asio::execution_context::fork_child);
        Client own{driver.context(), driver.config()};
        return make_call(driver.context(), own, Operation::create);
    };
    with_idle_connection(driver, use_own, call_was_made);
}

BOOST_AUTO_TEST_CASE(a_child_leaves_the_calls_alone_that_are_under_way)
{
    Driver driver;
    asio::io_context& context = driver.context();
    for (const Operation operation : {Operation::get, Operation::create}) {
        count_case();
        count_run();
        driver.server().plan(
            {{{steps::tls(), steps::request(), steps::hold(), steps::answer(), steps::serve()}, true}});
        std::optional<Client> client{std::in_place, context, driver.config()};
        std::optional<Result> result;
        asio::co_spawn(context, perform(*client, operation),
                       [&](std::exception_ptr, Result value) { result.emplace(std::move(value)); });
        context.restart();
        while (driver.server().requests().empty())
            context.poll();
        BOOST_TEST(in_child([&] {
                       context.notify_fork(asio::execution_context::fork_child);
                       client.reset();
                       while (!result && context.run_one() > 0) {
                       }
                       return result && result->is(Errc::shut_down) ? good : not_said_so;
                   }) == good);
        driver.server().release();
        while (!result)
            context.run_one();
        BOOST_TEST(result->id == (operation == Operation::create ? "created" : "subject"));
        BOOST_TEST(driver.run(get(*client, "sentinel")).id == "sentinel");
        client.reset();
        context.restart();
        context.run();
        BOOST_TEST(driver.server().finish() == "");
        BOOST_TEST(driver.server().connections() == 1u);
        BOOST_TEST(driver.server().requests().size() == 2u);
    }
}
