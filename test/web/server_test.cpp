// The web application's server and import inside a program, where it can be said what happens in which order.

#include "app/import.hpp"
#include "web/server.hpp"

#include <boost/asio/execution.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/test/unit_test.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <utility>

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

/// An executor whose functions wait until they are told to run.
struct Held
{
    using Queue = std::deque<std::function<void()>>;

    asio::io_context* context;
    Queue* queue;

    asio::execution_context& query(asio::execution::context_t) const noexcept { return *context; }
    static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept
    {
        return asio::execution::blocking.never;
    }
    template <class Function>
    void execute(Function function) const
    {
        const auto shared = std::make_shared<Function>(std::move(function));
        queue->push_back([shared] { (*shared)(); });
    }
    bool operator==(const Held&) const noexcept = default;
};

void run(Held::Queue& queue)
{
    while (!queue.empty()) {
        const std::function<void()> next = std::move(queue.front());
        queue.pop_front();
        next();
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(connection_that_is_accepted_while_the_server_stops_is_ended)
{
    asio::io_context context;
    Held::Queue queue;
    const web::Site site{false, [](const web::Request&, web::http::status status, std::string_view) {
                             return web::respond(status, "text/plain", "");
                         }};
    web::Server server{Held{&context, &queue}, {asio::ip::address_v4::loopback(), 0}, site};
    const std::uint16_t port = server.port();
    server.start();
    run(queue);
    server.stop(); // comes before what is accepted next
    asio::io_context own;
    tcp::socket peer{own};
    peer.connect({asio::ip::address_v4::loopback(), port});
    while (queue.size() < 2 && context.run_one_for(10s) > 0) {
    }
    run(queue);
    context.restart();
    context.run_for(0s);
    run(queue);

    boost::system::error_code error;
    char byte = 0;
    peer.non_blocking(true);
    peer.receive(asio::buffer(&byte, 1), 0, error);
    BOOST_TEST((error == asio::error::eof || error == asio::error::connection_reset), error.message());
}

BOOST_AUTO_TEST_CASE(import_that_is_cancelled_before_it_begins_ends)
{
    asio::io_context context;
    passage::Config config;
    config.app_id = "app";
    config.api_key = "key";
    config.base_url = "http://127.0.0.1:1/v1";
    passage::Client client{context, config};
    app::ImportPlan plan;
    plan.requests.push_back(passage::CreateUserRequest{}.email("jane.doe@example.com"));
    plan.lines.push_back(2);
    const auto import = std::make_shared<app::Import>(context.get_executor(), client, std::move(plan));
    import->start();
    import->cancel();
    context.run();
    BOOST_TEST(!import->progress().is_running);
    BOOST_TEST(import->progress().is_cancelled);
    BOOST_TEST(import->failed_lines().empty());
}
