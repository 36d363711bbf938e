#include "driver.hpp"

#include "structure/secrets.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>

namespace passage::test {
namespace {

/// How often a context is given a turn for the client to have read what came.
constexpr int turns_to_settle = 8;
constexpr std::size_t most_splits = 512;
/// The user whom nothing is done to.
constexpr std::string_view warm = "warm";

template <class T>
Result to_result(expected<T> outcome)
{
    Result result;
    if (!outcome)
        result.error = std::move(outcome.error());
    else if constexpr (std::is_same_v<T, UserInfo>)
        result.id = std::move(outcome->id);
    return result;
}

template <class T>
asio::awaitable<Result> await_result(asio::awaitable<expected<T>> call)
{
    co_return to_result(co_await std::move(call));
}

} // namespace

asio::awaitable<Result> perform(Client& client, Operation operation, CallOptions options)
{
    switch (operation) {
    case Operation::get:
        return await_result(client.get_user("subject", options));
    case Operation::create:
        return await_result(client.create_user(CreateUserRequest{}.email("jane@example.com"), options));
    case Operation::find:
        return await_result(client.get_user_by_identifier("jane@example.com", options));
    case Operation::erase:
        return await_result(client.delete_user("subject", options));
    }
    throw std::logic_error{"no such operation"};
}

asio::awaitable<Result> get(Client& client, std::string id)
{
    return await_result(client.get_user(id));
}

asio::awaitable<Result> create_large(Client& client, std::size_t size, CallOptions options)
{
    const auto request = CreateUserRequest{}.email("jane@example.com").metadata("text", std::string(size, 'x'));
    co_return to_result(co_await client.create_user(request, options));
}

std::size_t open_descriptors()
{
    const std::filesystem::directory_iterator descriptors{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(descriptors), end(descriptors)));
}

bool shows_key(const Error& error)
{
    constexpr std::size_t piece = 8;
    const std::string text = to_string(error) + '\n' + error.message + '\n' + error.api_code + '\n' + error.request_id;
    for (std::size_t at = 0; at + piece <= structure::canary.size(); ++at)
        if (!structure::shown_forms(text, structure::canary.substr(at, piece)).empty())
            return true;
    return false;
}

Driver::Driver(bool secure, HttpVersion version) : version_{version}, server_{secure}
{
#if PASSAGE_HTTP2
    if (version == HttpVersion::http2)
        frames_.emplace(server_);
#endif
    asio::steady_timer{context_}; // so that the context's own descriptors are there from the start
    server_.set_settle([this] { settle(); });
}

Config Driver::config() const
{
    Config config = config_for(server_);
    config.retry.base = config.retry.throttled_base = config.retry.cap = std::chrono::milliseconds{0};
    if (version_ == HttpVersion::http2)
        config.http_version = version_;
    return config;
}

void Driver::plan(std::vector<Script> scripts)
{
#if PASSAGE_HTTP2
    if (frames_)
        return frames_->plan(std::move(scripts));
#endif
    server_.plan(std::move(scripts));
}

Script Driver::holding(std::string body)
{
#if PASSAGE_HTTP2
    if (frames_)
        return frames_->script([body = std::move(body)](FramePeer& peer) {
            peer.begin();
            for (;;) {
                const SeenStream request = peer.request();
                if (request.subject() == warm) {
                    peer.answer(request);
                    continue;
                }
                peer.transport().hold();
                peer.send(frames::headers(request.id, answer_block()) + frames::data(request.id, body));
            }
        });
#endif
    return {{steps::tls(),
             [answer = response(200, "Content-Type: application/json\r\n", body)](Peer& peer) {
                 for (;;) {
                     if (subject_of(peer.receive_request()) == warm) {
                         peer.send(answer_with_user(warm));
                         continue;
                     }
                     peer.hold();
                     peer.send(answer);
                 }
             }},
            true};
}

std::size_t Driver::posts_seen() const
{
    std::size_t posts = 0;
    for (const SeenRequest& request : server_.requests())
        posts += request.bytes.starts_with("POST") ? 1 : 0;
#if PASSAGE_HTTP2
    if (frames_)
        for (const SeenConnection& connection : frames_->seen())
            for (const auto& [id, stream] : connection.streams)
                posts += stream.method() == "POST" ? 1 : 0;
#endif
    return posts;
}

std::size_t Driver::requests_seen() const
{
    std::size_t requests = server_.requests().size();
#if PASSAGE_HTTP2
    if (frames_)
        for (const SeenConnection& connection : frames_->seen())
            requests += connection.streams.size();
#endif
    return requests;
}

std::size_t Driver::ends_seen() const
{
    std::size_t ends = 0;
#if PASSAGE_HTTP2
    if (frames_)
        for (const SeenConnection& connection : frames_->seen()) {
            ends += connection.goaway ? 1 : 0;
            for (const auto& [id, stream] : connection.streams)
                ends += stream.reset ? 1 : 0;
        }
#endif
    return ends;
}

void Driver::settle()
{
    struct Turns
    {
        void take(Driver& driver, std::shared_ptr<Turns> self, int left)
        {
            asio::post(driver.context_, [this, &driver, self = std::move(self), left] {
                if (left > 0)
                    return take(driver, self, left - 1);
                const std::lock_guard lock{driver.mutex_};
                taken = true;
                driver.changed_.notify_all();
            });
        }
        bool taken = false;
    };
    const auto turns = std::make_shared<Turns>();
    turns->take(*this, turns, turns_to_settle);
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, ScriptServer::patience, [&] { return turns->taken || !running_; });
}

Result Driver::run(asio::awaitable<Result> call)
{
    {
        const std::lock_guard lock{mutex_};
        running_ = true;
    }
    std::optional<Result> result;
    asio::co_spawn(context_, std::move(call), [&](std::exception_ptr error, Result value) {
        if (error)
            std::rethrow_exception(error);
        BOOST_TEST(!result);
        result.emplace(std::move(value));
    });
    context_.restart();
    while (!result && context_.run_one() > 0) {
    }
    const std::lock_guard lock{mutex_};
    running_ = false;
    changed_.notify_all();
    BOOST_REQUIRE(result);
    return *std::move(result);
}

Observed Driver::run(const Case& what)
{
    BOOST_TEST_CONTEXT(what.name)
    {
        count_run();
        const std::size_t descriptors = open_descriptors();
        server_.plan(what.scripts, what.pieces);
        Config config = this->config();
        if (what.configure)
            what.configure(config);
        std::optional<Client> client{std::in_place, context_, config};

        if (what.warm)
            BOOST_TEST(run(get(*client, std::string{warm})).id == warm);
        Observed seen;
        seen.result = run(what.call ? what.call(*client) : perform(*client, what.operation, what.options));
        seen.connections = server_.connections();
        server_.release();
        server_.await_sent(); // what else the server has to say comes before the next call, not within it

        const std::string sentinel = "sentinel-" + std::to_string(++sentinels_);
        const Result own = run(get(*client, sentinel));
        BOOST_TEST(own.id == sentinel);
        if (own.error)
            BOOST_TEST_MESSAGE(to_string(*own.error));
        client.reset();
        context_.restart();
        context_.run();
        BOOST_TEST(server_.finish() == "");
        BOOST_TEST(open_descriptors() == descriptors);

        std::optional<std::size_t> used_by_sentinel;
        for (SeenRequest& request : server_.requests()) {
            if (request.bytes.find(sentinel) != std::string::npos)
                used_by_sentinel = request.connection;
            else if (!what.warm || subject_of(request.bytes) != warm)
                seen.requests.push_back(std::move(request));
        }

        const Expected& expected = what.expected;
        const Error error = seen.result.error.value_or(Error{});
        BOOST_TEST(!shows_key(error));
        BOOST_TEST_INFO("result: " << (seen.result.error ? to_string(error) : seen.result.id));
        if (expected.error)
            BOOST_TEST((seen.result.error && error.code == *expected.error));
        else
            BOOST_TEST(!seen.result.error);
        BOOST_TEST_CONTEXT((seen.result.error ? to_string(error) : seen.result.id))
        {
            if (expected.stage)
                BOOST_TEST(to_string(error.stage) == to_string(*expected.stage));
            BOOST_TEST(error.http_status == expected.status);
            if (expected.effect)
                BOOST_TEST(to_string(error.effect) == to_string(*expected.effect));
            if (expected.requests)
                BOOST_TEST(seen.requests.size() == *expected.requests);
            if (expected.attempts)
                BOOST_TEST(error.attempts == *expected.attempts);
            if (expected.kept)
                BOOST_TEST((used_by_sentinel == seen.connections - 1) == *expected.kept);
            // What the error says of the effect is never less than what the server saw.
            if (seen.result.error && expected.status == 0 && error.effect == Effect::none)
                BOOST_TEST(std::none_of(seen.requests.begin(), seen.requests.end(), [](const SeenRequest& request) {
                    return request.bytes.starts_with("POST") && request.whole;
                }));
        }
        return seen;
    }
    throw std::logic_error{"unreachable"};
}

void Driver::run_in_pieces(Case what, std::size_t size)
{
    count_case();
    run(what);
    const std::string name = what.name;
    what.name = name + ", byte by byte";
    what.pieces = {.single_bytes = true, .splits = {}};
    run(what);
    const auto run_split = [&](std::size_t at) {
        what.name = name + ", split at " + std::to_string(at);
        what.pieces = {.single_bytes = false, .splits = {at}};
        run(what);
    };
    if (size <= most_splits) {
        for (std::size_t at = 1; at < size; ++at)
            run_split(at);
        return;
    }
    const auto seed = std::random_device{}();
    BOOST_TEST_CONTEXT("seed " << seed)
    {
        std::minstd_rand random{seed};
        for (int i = 0; i < 32; ++i)
            run_split(std::uniform_int_distribution<std::size_t>{1, size - 1}(random));
    }
}

} // namespace passage::test
