// The client against a server that misbehaves in HTTP/2 (RFC 9113, RFC 7541).
//
// What a server does is done to one of four calls that are in flight on a connection. The others are one of each kind:
// a read, a create, which is not repeated once it may have been processed, and an update, which is.

#include "driver.hpp"

#include "support/frame_server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <map>
#include <thread>

using namespace passage;
using namespace passage::test;
using namespace std::chrono_literals;

namespace {

using Awaited = asio::awaitable<Result>;
using Calls = std::vector<Awaited>;

Result to_result(expected<UserInfo> outcome)
{
    if (!outcome)
        return {{}, std::move(outcome.error())};
    return {std::move(outcome->id), std::nullopt};
}

Awaited create(Client& client, std::string id, CallOptions options = {})
{
    co_return to_result(co_await client.create_user(CreateUserRequest{}.email(id + "@example.com"), options));
}

Awaited create_big(Client& client, std::string id, std::size_t size, CallOptions options = {})
{
    const auto request = CreateUserRequest{}.email(id + "@example.com").metadata("text", std::string(size, 'x'));
    co_return to_result(co_await client.create_user(request, options));
}

Awaited update(Client& client, std::string id)
{
    co_return to_result(co_await client.update_user(id, UpdateUserRequest{}.email(id + "@example.com")));
}

Awaited get_with(Client& client, std::string id, CallOptions options)
{
    co_return to_result(co_await client.get_user(id, options));
}

Awaited call(Client& client, Operation operation, std::string id)
{
    return operation == Operation::create ? create(client, std::move(id)) : get(client, std::move(id));
}

/// Makes calls at the same time, in order.
asio::awaitable<std::vector<Result>> together(Calls calls)
{
    const auto executor = co_await asio::this_coro::executor;
    std::vector<Result> results(calls.size());
    std::size_t left = calls.size();
    asio::steady_timer all_done{executor, std::chrono::steady_clock::time_point::max()};
    for (std::size_t i = 0; i < calls.size(); ++i)
        asio::co_spawn(executor, std::move(calls[i]), [&, i](std::exception_ptr error, Result result) {
            if (error)
                std::rethrow_exception(error);
            results[i] = std::move(result);
            if (--left == 0)
                all_done.cancel();
        });
    if (left > 0)
        co_await all_done.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return results;
}

asio::awaitable<void> warm_up(Client& client)
{
    const Result first = co_await get(client, "warm-up");
    BOOST_TEST(first.id == "warm-up");
}

/// The calls that are in flight on a connection, as the server sees them.
struct Flight
{
    SeenStream before; ///< other-1, a read.
    SeenStream subject;
    SeenStream created; ///< other-2.
    SeenStream updated; ///< other-3.

    std::vector<SeenStream> others() const { return {before, created, updated}; }
};

/// The places of the calls in a flight.
enum Place : std::size_t { before, subject, created, updated, flight_size };

const std::array<std::string, flight_size> names{"other-1", "subject", "other-2", "other-3"};
constexpr std::uint32_t first_of_flight = 3;
constexpr std::uint32_t subject_id = 5;
constexpr std::uint32_t last_of_flight = 9;

/// A call on a connection that carried one before.
asio::awaitable<std::vector<Result>> fly(Client& client, Operation operation)
{
    co_await warm_up(client);
    Calls calls;
    calls.push_back(get(client, names[before]));
    calls.push_back(call(client, operation, names[subject]));
    calls.push_back(create(client, names[created]));
    calls.push_back(update(client, names[updated]));
    co_return co_await together(std::move(calls));
}

Flight take_off(FramePeer& peer)
{
    const std::vector<SeenStream> all = peer.requests(flight_size);
    const auto find = [&](Place place) {
        for (const SeenStream& stream : all)
            if (stream.subject() == names[place])
                return stream;
        throw ScriptFailure{"a call is missing"};
    };
    Flight flight{find(before), find(subject), find(created), find(updated)};
    if (flight.subject.id != subject_id || flight.before.id != first_of_flight)
        throw ScriptFailure{"a stream has another id"};
    return flight;
}

using Act = std::function<void(FramePeer&, const Flight&)>;

FrameScript in_flight(Act act)
{
    return [act = std::move(act)](FramePeer& peer) {
        peer.begin();
        peer.answer(peer.request());
        act(peer, take_off(peer));
    };
}

void answer_all(FramePeer& peer, const std::vector<SeenStream>& requests)
{
    for (const SeenStream& request : requests)
        peer.answer(request);
}

/// What is expected of a call of a flight.
struct Fate
{
    enum Kind {
        here,  ///< Answered on the first connection, seen once.
        again, ///< Answered after it was repeated.
        failed
    } kind = here;
    Errc code = Errc::protocol;
    std::optional<Effect> effect = std::nullopt;
    unsigned attempts = 1;
};

constexpr Fate here{Fate::here};
constexpr Fate again{Fate::again};
constexpr Fate fails(Errc code, std::optional<Effect> effect = std::nullopt, unsigned attempts = 1)
{
    return {Fate::failed, code, effect, attempts};
}
using Fates = std::array<Fate, flight_size>;

/// What a connection that ends means for a call that the server may have processed.
Fate may_be_processed(Operation operation, Errc code)
{
    return operation == Operation::create ? fails(code, Effect::unknown) : again;
}

Fates all_may_be_processed(Operation operation, Errc code)
{
    return {again, may_be_processed(operation, code), fails(code, Effect::unknown), again};
}

Fates others_answered(Fate of_subject)
{
    return {here, of_subject, here, here};
}

/// Runs calls against scripts of connections.
class Http2Driver
{
public:
    explicit Http2Driver(bool secure = true) : driver_{secure} {}

    FrameServer& frames() { return frames_; }
    Driver& driver() { return driver_; }
    asio::io_context& context() { return driver_.context(); }

    Config config() const
    {
        Config config = driver_.config();
        config.http_version = HttpVersion::http2;
        return config;
    }

    struct Plan
    {
        std::string name;
        std::vector<Script> scripts;
        std::function<asio::awaitable<void>(Client&)> calls;
        std::function<void(Config&)> configure = {};
        Pieces pieces = {};
    };

    struct Seen
    {
        std::vector<SeenConnection> connections; ///< That speak HTTP/2; without the sentinel's stream.
        std::size_t accepted = 0;                ///< Before the sentinel call.
        bool kept = false;                       ///< Whether the sentinel call was made on the first connection.
    };

    /// Runs a plan once. After it the client makes a sentinel call, whose answer must be its own, and every descriptor
    /// of the run must be closed again.
    Seen run(const Plan& plan)
    {
        count_run();
        Seen seen;
        BOOST_TEST_CONTEXT(plan.name)
        {
            const std::size_t descriptors = open_descriptors();
            frames_.plan(plan.scripts, plan.pieces);
            Config config = this->config();
            if (plan.configure)
                plan.configure(config);
            std::optional<Client> client{std::in_place, driver_.context(), config};
            run(plan.calls(*client));
            seen.accepted = driver_.server().connections();
            driver_.server().release();
            driver_.server().await_sent();

            const std::string sentinel = "sentinel-" + std::to_string(++sentinels_);
            const Result own = driver_.run(get(*client, sentinel));
            BOOST_TEST(own.id == sentinel);
            if (own.error)
                BOOST_TEST_MESSAGE(to_string(*own.error));
            client.reset();
            driver_.context().restart();
            driver_.context().run();
            BOOST_TEST(driver_.server().finish() == "");
            BOOST_TEST(open_descriptors() == descriptors);
            seen.connections = frames_.seen();
            for (std::size_t i = 0; i < seen.connections.size(); ++i)
                for (const auto& [id, stream] : seen.connections[i].streams)
                    if (stream.subject() == sentinel) {
                        seen.kept = i == 0;
                        seen.connections[i].streams.erase(id);
                        break;
                    }
        }
        return seen;
    }

    /// Runs calls, and nothing beside.
    void run(asio::awaitable<void> calls)
    {
        driver_.run([](asio::awaitable<void> all) -> Awaited {
            co_await std::move(all);
            co_return Result{};
        }(std::move(calls)));
    }

    /// What is done to a flight, and what is expected of its calls.
    struct Case
    {
        std::string name;
        Operation operation = Operation::get;
        Act act;
        Fates fates;
        bool kept = true;
        std::function<void(Config&)> configure = {};
        Pieces pieces = {};
        FrameManners manners = {};
    };

    Seen run(const Case& what)
    {
        std::vector<Result> results;
        Seen seen = run(Plan{
            .name = what.name,
            .scripts = {frames_.script(in_flight(what.act), what.manners)},
            .calls = [&](Client& client) -> asio::awaitable<void> { results = co_await fly(client, what.operation); },
            .configure = what.configure,
            .pieces = what.pieces});
        BOOST_TEST_CONTEXT(what.name)
        {
            BOOST_TEST(seen.kept == what.kept);
            for (std::size_t i = 0; i < flight_size; ++i)
                BOOST_TEST_CONTEXT(names[i])
            check(results[i], names[i], what.fates[i], seen);
        }
        return seen;
    }

private:
    static void check(const Result& result, const std::string& name, const Fate& fate, const Seen& seen)
    {
        std::size_t requests = 0;
        std::size_t on_first = 0;
        for (std::size_t i = 0; i < seen.connections.size(); ++i)
            for (const auto& [id, stream] : seen.connections[i].streams)
                if (stream.subject() == name) {
                    ++requests;
                    on_first += i == 0 ? 1 : 0;
                }
        BOOST_TEST_CONTEXT((result.error ? to_string(*result.error) : result.id) << ", requests: " << requests)
        {
            BOOST_TEST(!(result.error && shows_key(*result.error)));
            switch (fate.kind) {
            case Fate::here:
                BOOST_TEST(result.id == name);
                BOOST_TEST(on_first == 1);
                BOOST_TEST(requests == 1);
                break;
            case Fate::again:
                BOOST_TEST(result.id == name);
                BOOST_TEST(requests == 2);
                break;
            case Fate::failed:
                BOOST_TEST((result.error && result.error->code == fate.code));
                BOOST_TEST(requests == fate.attempts);
                if (result.error && fate.effect)
                    BOOST_TEST(to_string(result.error->effect) == to_string(*fate.effect));
                if (result.error)
                    BOOST_TEST(result.error->attempts == fate.attempts);
                break;
            }
        }
    }

    Driver driver_;
    FrameServer frames_{driver_.server()};
    std::size_t sentinels_ = 0;
};

/// What the frames of a row are to the client.
enum class Sort {
    ignored,   ///< Nothing: the call goes on.
    answered,  ///< The whole answer.
    malformed, ///< Of a response that can't be taken.
    too_large, ///< Of a response beyond a limit.
    reset,     ///< The end of a stream that may have been processed.
    refused,   ///< The end of a stream that was not processed.
    broken,    ///< An error of the connection.
};

struct Row
{
    std::string name;
    Sort sort;
    std::string bytes; ///< For the stream `subject_id`.
    /// Whether it can come byte by byte: nghttp2 counts a CONTINUATION as often as a piece of its first 9 bytes comes.
    bool divisible = true;
};

Fates fates_of(const Row& row, Operation operation)
{
    const bool creates = operation == Operation::create;
    const auto effect = creates ? std::optional{Effect::unknown} : std::nullopt;
    switch (row.sort) {
    case Sort::ignored:
    case Sort::answered:
        return others_answered(here);
    case Sort::malformed:
        return others_answered(fails(Errc::protocol, effect));
    case Sort::too_large:
        return others_answered(fails(Errc::too_large, effect));
    case Sort::reset:
        return others_answered(may_be_processed(operation, Errc::truncated));
    case Sort::refused:
        return others_answered(again);
    case Sort::broken:
        return all_may_be_processed(operation, Errc::protocol);
    }
    throw std::logic_error{"no such sort"};
}

Http2Driver::Case to_case(const Row& row, Operation operation)
{
    return {.name = row.name + (operation == Operation::create ? ", a create" : ""),
            .operation = operation,
            .act =
                [sort = row.sort, bytes = row.bytes](FramePeer& peer, const Flight& flight) {
                    peer.send(bytes);
                    if (sort == Sort::broken)
                        return peer.expect_end();
                    answer_all(peer, flight.others());
                    if (sort == Sort::ignored)
                        peer.answer(flight.subject);
                    peer.serve();
                },
            .fates = fates_of(row, operation),
            .kept = row.sort != Sort::broken};
}

/// Two servers, and a client for each: over TLS and over plain TCP, where a run costs less.
struct Drivers
{
    Http2Driver secure{true};
    Http2Driver plain{false};
};

constexpr std::size_t most_single_bytes = 1024;
constexpr std::size_t most_splits = 64;

/// Runs rows whole, byte by byte, and split at each point if those are not too many.
void run_rows(Drivers& drivers, const std::vector<Row>& rows, const std::function<void(Config&)>& configure = {})
{
    for (const Row& row : rows) {
        count_case();
        for (const Operation operation : {Operation::get, Operation::create}) {
            Http2Driver::Case what = to_case(row, operation);
            what.configure = configure;
            drivers.secure.run(what);
        }
        Http2Driver::Case what = to_case(row, Operation::get);
        what.configure = configure;
        if (row.divisible && row.bytes.size() <= most_single_bytes) {
            what.name = row.name + ", byte by byte";
            what.pieces = {.single_bytes = true, .splits = {}};
            drivers.secure.run(what);
        }
        const std::size_t step = row.bytes.size() <= most_splits ? 1 : row.bytes.size() / 16;
        for (std::size_t at = 1; at < row.bytes.size(); at += step) {
            what.name = row.name + ", split at " + std::to_string(at);
            what.pieces = {.single_bytes = false, .splits = {at}};
            drivers.plain.run(what);
        }
    }
}

const std::string user_body = R"({"user":{"id":"subject","email":"subject@example.com","status":"active"}})";

/// Frames of a header made of some fields, then a whole body.
std::string with_body(const Fields& all, std::string_view body = user_body)
{
    return frames::headers(subject_id, frames::fields(all)) + frames::data(subject_id, body);
}

Fields good_fields(Fields more = {})
{
    Fields all{{":status", "200"}, {"content-type", "application/json"}};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

std::string good_answer()
{
    return with_body(good_fields());
}

void on_one_connection(Config& config)
{
    config.http2.max_connections = 1;
}

/// Waits until so many calls wait for a connection; then tells.
Awaited tell_when_waiting(Client& client, std::size_t calls, std::promise<void>& waits)
{
    const auto executor = co_await asio::this_coro::executor;
    while (client.stats().waiting_calls < calls)
        co_await asio::post(executor, asio::use_awaitable);
    waits.set_value();
    co_return Result{};
}

/// A flight of calls, and then another that waits for them to wait.
asio::awaitable<std::vector<Result>> fly_and_tell(Client& client, std::size_t waiting, std::promise<void>& waits)
{
    co_await warm_up(client);
    Calls calls;
    calls.push_back(get(client, names[before]));
    calls.push_back(get(client, names[subject]));
    calls.push_back(create(client, names[created]));
    calls.push_back(update(client, names[updated]));
    calls.push_back(tell_when_waiting(client, waiting, waits));
    co_return co_await together(std::move(calls));
}

void check_answered(const std::vector<Result>& results)
{
    for (std::size_t i = 0; i < flight_size; ++i)
        BOOST_TEST_CONTEXT((results[i].error ? to_string(*results[i].error) : ""))
    BOOST_TEST(results[i].id == names[i]);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_reset_stream_ends_its_call_alone)
{
    using namespace frames;
    Drivers drivers;
    const auto reset = [](std::uint32_t code) { return rst_stream(subject_id, code); };
    const std::string head = headers(subject_id, answer_block());
    run_rows(drivers, {
                          {"REFUSED_STREAM", Sort::refused, reset(refused_stream)},
                          {"NO_ERROR", Sort::reset, reset(no_error)},
                          {"PROTOCOL_ERROR", Sort::reset, reset(protocol_error)},
                          {"INTERNAL_ERROR", Sort::reset, reset(internal_error)},
                          {"FLOW_CONTROL_ERROR", Sort::reset, reset(flow_control_error)},
                          {"STREAM_CLOSED", Sort::reset, reset(stream_closed)},
                          {"CANCEL", Sort::reset, reset(cancel)},
                          {"ENHANCE_YOUR_CALM", Sort::reset, reset(enhance_your_calm)},
                          {"an unknown code", Sort::reset, reset(0xdead'beef)},
                          {"CANCEL after the head", Sort::reset, head + reset(cancel)},
                          {"CANCEL within the body", Sort::reset, head + data(subject_id, "{", false) + reset(cancel)},
                          {"REFUSED_STREAM after the head", Sort::reset, head + reset(refused_stream)},
                          {"NO_ERROR after the answer", Sort::answered, good_answer() + reset(no_error)},
                          {"CANCEL after the answer", Sort::answered, good_answer() + reset(cancel)},
                          {"REFUSED_STREAM after the answer", Sort::answered, good_answer() + reset(refused_stream)},
                          {"on stream 0", Sort::broken, rst_stream(0, cancel)},
                          {"on an idle stream", Sort::broken, rst_stream(101, cancel)},
                          {"on an even stream", Sort::broken, rst_stream(2, cancel)},
                          {"too short", Sort::broken, frame(rst_stream_type, no_flags, subject_id, "abc")},
                          {"too long", Sort::broken, frame(rst_stream_type, no_flags, subject_id, "abcde")},
                      });
}

BOOST_AUTO_TEST_CASE(a_call_that_is_refused_is_made_three_times)
{
    using namespace frames;
    Drivers drivers;
    for (const Operation operation : {Operation::get, Operation::create}) {
        count_case();
        drivers.secure.run({.name = "refused each time",
                            .operation = operation,
                            .act =
                                [](FramePeer& peer, const Flight& flight) {
                                    peer.send(rst_stream(flight.subject.id, refused_stream));
                                    for (int i = 1; i < 3; ++i)
                                        peer.send(rst_stream(peer.request().id, refused_stream));
                                    answer_all(peer, flight.others());
                                    peer.serve();
                                },
                            .fates = others_answered(fails(Errc::truncated, Effect::none, 3))});
    }
}

BOOST_AUTO_TEST_CASE(goaway_says_what_was_not_processed)
{
    using namespace frames;
    Drivers drivers;
    struct GoawayRow
    {
        std::string name;
        std::string bytes;
        std::function<std::vector<SeenStream>(const Flight&)> answered;
        Fates gets;
        Fates creates;
        std::function<void(Peer&)> then = {}; ///< None: the rest is answered.
    };
    const auto none = [](const Flight&) { return std::vector<SeenStream>{}; };
    const auto lower = [](const Flight& flight) { return std::vector{flight.subject, flight.before}; };
    const auto all = [](const Flight& flight) {
        return std::vector{flight.updated, flight.created, flight.subject, flight.before};
    };
    const Fates unprocessed{again, again, again, again};
    const Fates split{here, here, again, again};
    const Fates processed{here, here, here, here};
    const Fate lost = fails(Errc::truncated, Effect::unknown);
    const auto fin = [](Peer& peer) { peer.fin(); };
    const auto rst = [](Peer& peer) { peer.rst(); };
    const std::vector<GoawayRow> rows{
        {"below all", goaway(1), none, unprocessed, unprocessed},
        {"of nothing at all", goaway(0), none, unprocessed, unprocessed},
        {"at a stream", goaway(subject_id), lower, split, split},
        {"at the last", goaway(last_of_flight), all, processed, processed},
        {"above all", goaway(101), all, processed, processed},
        {"with all ids", goaway(largest_id), all, processed, processed},
        {"with all ids, then less", goaway(largest_id) + goaway(subject_id), lower, split, split},
        {"with all ids, a PING, then less", goaway(largest_id) + ping() + goaway(subject_id), lower, split, split},
        {"twice the same", goaway(subject_id) + goaway(subject_id), lower, split, split},
        {"with a reserved bit", goaway(subject_id | 0x8000'0000), lower, split, split},
        {"with debug data", goaway(subject_id, no_error, "maintenance"), lower, split, split},
        {"with an error", goaway(subject_id, internal_error), lower, split, split},
        {"with an unknown error", goaway(subject_id, 0xdead'beef), lower, split, split},
        {"ENHANCE_YOUR_CALM", goaway(subject_id, enhance_your_calm), lower, split, split},
        {"below all, then FIN", goaway(1), none, unprocessed, unprocessed, fin},
        {"below all, then RST", goaway(1), none, unprocessed, unprocessed, rst},
        {"at a stream, then FIN",
         goaway(subject_id),
         none,
         {again, again, again, again},
         {again, lost, again, again},
         fin},
        {"at a stream, then RST",
         goaway(subject_id),
         none,
         {again, again, again, again},
         {again, lost, again, again},
         rst},
        {"with an error, then FIN",
         goaway(subject_id, protocol_error),
         none,
         {again, again, again, again},
         {again, lost, again, again},
         fin},
        {"at the last, then FIN",
         goaway(last_of_flight),
         none,
         {again, again, lost, again},
         {again, lost, lost, again},
         fin},
        {"answers, then FIN", goaway(subject_id), lower, split, split, fin},
        {"more than before",
         goaway(subject_id) + goaway(last_of_flight),
         none,
         {again, again, again, again},
         {again, fails(Errc::protocol, Effect::unknown), again, again}},
        {"on a stream", frame(goaway_type, no_flags, 1, number(1, 4) + number(0, 4)), none,
         all_may_be_processed(Operation::get, Errc::protocol), all_may_be_processed(Operation::create, Errc::protocol)},
        {"of a stream of the server", goaway(subject_id + 1), none,
         all_may_be_processed(Operation::get, Errc::protocol), all_may_be_processed(Operation::create, Errc::protocol)},
        {"too short", frame(goaway_type, no_flags, 0, "1234567"), none,
         all_may_be_processed(Operation::get, Errc::protocol), all_may_be_processed(Operation::create, Errc::protocol)},
    };
    for (const GoawayRow& row : rows) {
        count_case();
        const auto run = [&](Http2Driver& driver, Operation operation, const std::string& how, const Pieces& pieces) {
            driver.run({.name = row.name + how,
                        .operation = operation,
                        .act =
                            [&](FramePeer& peer, const Flight& flight) {
                                peer.send(row.bytes);
                                answer_all(peer, row.answered(flight));
                                if (row.then)
                                    row.then(peer.transport());
                                else
                                    peer.expect_end();
                            },
                        .fates = operation == Operation::create ? row.creates : row.gets,
                        .kept = false,
                        .pieces = pieces});
        };
        run(drivers.secure, Operation::get, "", {});
        run(drivers.secure, Operation::create, ", a create", {});
        run(drivers.secure, Operation::create, ", byte by byte", {.single_bytes = true, .splits = {}});
        for (std::size_t at = 1; at < row.bytes.size(); ++at)
            run(drivers.plain, Operation::create, ", split at " + std::to_string(at),
                {.single_bytes = false, .splits = {at}});
    }
}

BOOST_AUTO_TEST_CASE(calls_that_no_server_takes_are_made_three_times)
{
    using namespace frames;
    Drivers drivers;
    for (const Operation operation : {Operation::get, Operation::create}) {
        count_case();
        const auto goes_away = [&](FramePeer& peer) {
            peer.begin();
            peer.request();
            peer.send(goaway(0, enhance_your_calm));
            peer.expect_end();
        };
        const auto seen = drivers.secure.run(
            Http2Driver::Plan{.name = "GOAWAY on each connection",
                              .scripts = std::vector(3, drivers.secure.frames().script(goes_away)),
                              .calls = [&](Client& client) -> asio::awaitable<void> {
                                  const Result result = co_await call(client, operation, "subject");
                                  BOOST_TEST(result.is(Errc::truncated));
                                  if (result.error) {
                                      BOOST_TEST(to_string(result.error->effect) == to_string(Effect::none));
                                      BOOST_TEST(result.error->attempts == 3U);
                                  }
                              },
                              .configure = on_one_connection});
        BOOST_TEST(seen.accepted == 3U);
    }
}

namespace {

/// A call hangs on the only connection that is allowed. `refuse` makes that connection useless for the second call,
/// which must be answered nevertheless, and returns the request that hangs.
void serve_second_while_first_hangs(const std::string& name, const std::function<SeenStream(FramePeer&)>& refuse)
{
    Drivers drivers;
    for (Http2Driver* const driver : {&drivers.secure, &drivers.plain}) {
        count_case();
        std::vector<Result> results;
        const auto seen =
            driver->run(Http2Driver::Plan{.name = name,
                                          .scripts = {driver->frames().script([&](FramePeer& peer) {
                                              peer.begin();
                                              const SeenStream hanging = refuse(peer);
                                              peer.transport().hold();
                                              peer.answer(hanging);
                                              peer.expect_end();
                                          })},
                                          .calls = [&](Client& client) -> asio::awaitable<void> {
                                              const auto get_and_release = [](Http2Driver& of, Client& by) -> Awaited {
                                                  Result result = co_await get(by, "second");
                                                  of.driver().server().release();
                                                  co_return result;
                                              };
                                              Calls calls;
                                              calls.push_back(get(client, "hanging"));
                                              calls.push_back(get_and_release(*driver, client));
                                              results = co_await together(std::move(calls));
                                          },
                                          .configure =
                                              [](Config& config) {
                                                  config.http2.max_connections = 1;
                                                  config.timeouts.total = 5s;
                                              }});
        BOOST_TEST(results[0].id == "hanging");
        BOOST_TEST(results[1].id == "second");
        BOOST_TEST(seen.accepted == 2U);
    }
}

} // namespace

BOOST_AUTO_TEST_CASE(no_call_waits_for_one_that_hangs_where_the_server_went_away)
{
    using namespace frames;
    serve_second_while_first_hangs("GOAWAY", [](FramePeer& peer) {
        SeenStream hanging = peer.request();
        peer.send(goaway(hanging.id));
        return hanging;
    });
}

BOOST_AUTO_TEST_CASE(a_misdirected_request_does_not_wait_until_the_only_connection_is_idle)
{
    using namespace frames;
    serve_second_while_first_hangs("421", [](FramePeer& peer) {
        const std::vector<SeenStream> both = peer.requests(2);
        peer.send(headers(both[1].id, fields({{":status", "421"}}), true));
        return both[0];
    });
}

BOOST_AUTO_TEST_CASE(a_connection_that_went_away_while_idle_is_not_used)
{
    using namespace frames;
    Drivers drivers;
    struct IdleRow
    {
        std::string name;
        std::string bytes;
        std::function<void(Peer&)> then = {};
    };
    const auto fin = [](Peer& peer) { peer.fin(); };
    const auto rst = [](Peer& peer) { peer.rst(); };
    for (const IdleRow& row : std::vector<IdleRow>{
             {"GOAWAY", goaway(1)},
             {"GOAWAY with all ids", goaway(largest_id)},
             {"GOAWAY, then FIN", goaway(1), fin},
             {"close_notify", "", [](Peer& peer) { peer.close_notify(); }},
             {"GOAWAY, then close_notify", goaway(1), [](Peer& peer) { peer.close_notify(); }},
             {"FIN", "", fin},
             {"RST", "", rst},
             {"half a frame, then FIN", ping().substr(0, 5), fin},
             {"a wrong frame", rst_stream(0, cancel)},
         }) {
        count_case();
        for (const Operation operation : {Operation::get, Operation::create})
            for (Http2Driver* const driver : {&drivers.secure, &drivers.plain}) {
                if (driver == &drivers.plain && row.name.ends_with("close_notify"))
                    continue;
                std::promise<void> is_sent;
                const auto seen =
                    driver->run(Http2Driver::Plan{.name = row.name,
                                                  .scripts = {driver->frames().script([&](FramePeer& peer) {
                                                      peer.begin();
                                                      peer.answer(peer.request());
                                                      peer.send(row.bytes);
                                                      if (row.then)
                                                          row.then(peer.transport());
                                                      if (row.name != "RST") {
                                                          is_sent.set_value();
                                                          peer.expect_end();
                                                      }
                                                  })},
                                                  .calls = [&](Client& client) -> asio::awaitable<void> {
                                                      co_await warm_up(client);
                                                      // The end of the script is what resets the connection.
                                                      if (row.name != "RST")
                                                          is_sent.get_future().wait();
                                                      else
                                                          driver->driver().server().await_over();
                                                      const Result result = co_await call(client, operation, "subject");
                                                      BOOST_TEST_CONTEXT((result.error ? to_string(*result.error) : ""))
                                                      BOOST_TEST(result.id == "subject");
                                                  }});
                BOOST_TEST_CONTEXT(row.name)
                {
                    BOOST_TEST(!seen.kept);
                    BOOST_TEST(seen.accepted == 2U);
                }
            }
    }
}

BOOST_AUTO_TEST_CASE(a_connection_that_lost_its_places_while_idle_is_not_used)
{
    using namespace frames;
    Drivers drivers;
    for (Http2Driver* const driver : {&drivers.secure, &drivers.plain}) {
        count_case();
        std::promise<void> is_idle;
        std::promise<void> is_sent;
        const auto seen = driver->run(Http2Driver::Plan{.name = "SETTINGS without places",
                                                        .scripts = {driver->frames().script([&](FramePeer& peer) {
                                                            peer.begin();
                                                            peer.answer(peer.request());
                                                            is_idle.get_future().wait();
                                                            peer.send(settings({{max_concurrent_streams, 0}}));
                                                            is_sent.set_value();
                                                            peer.expect_end();
                                                        })},
                                                        .calls = [&](Client& client) -> asio::awaitable<void> {
                                                            co_await warm_up(client);
                                                            is_idle.set_value();
                                                            is_sent.get_future().wait();
                                                            const Result result = co_await get_with(
                                                                client, "subject", CallOptions{}.retries(false));
                                                            BOOST_TEST(result.id == "subject");
                                                        }});
        BOOST_TEST(seen.accepted == 2U);
        BOOST_TEST(seen.connections[0].streams.size() == 1U);
    }
}

namespace {

/// Calls something when the second attempt has ended, before a waiting call uses the place that became free.
struct AtSecondEnd final : Observer, CallObserver
{
    explicit AtSecondEnd(std::function<void()> then) : act{std::move(then)} {}
    std::shared_ptr<CallObserver> call_started(const CallStarted&) noexcept override
    {
        return {std::shared_ptr<void>{}, static_cast<CallObserver*>(this)};
    }
    void attempt_ended(const AttemptEnded&) noexcept override
    {
        if (++ended_attempts == 2)
            act();
    }
    std::function<void()> act;
    int ended_attempts = 0;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_place_that_was_taken_back_from_a_waiting_call_is_not_used)
{
    using namespace frames;
    Drivers drivers;
    for (Http2Driver* const driver : {&drivers.secure, &drivers.plain}) {
        count_case();
        std::promise<void> waits;
        std::promise<void> is_free;
        std::promise<void> is_sent;
        std::vector<Result> results;
        const auto seen =
            driver->run(Http2Driver::Plan{.name = "SETTINGS without places",
                                          .scripts = {driver->frames().script([&](FramePeer& peer) {
                                              peer.begin(settings({{max_concurrent_streams, 1}}));
                                              peer.answer(peer.request());
                                              const SeenStream first = peer.request();
                                              waits.get_future().wait();
                                              peer.answer(first);
                                              is_free.get_future().wait();
                                              peer.send(settings({{max_concurrent_streams, 0}}));
                                              is_sent.set_value();
                                              // A stream that had begun would fail now.
                                              peer.await([&] { return peer.seen().settings_acks == 2; });
                                              peer.send(goaway(first.id));
                                              peer.expect_end();
                                          })},
                                          .calls = [&](Client& client) -> asio::awaitable<void> {
                                              co_await warm_up(client);
                                              Calls calls;
                                              calls.push_back(get(client, "first"));
                                              calls.push_back(get_with(client, "second", CallOptions{}.retries(false)));
                                              calls.push_back(tell_when_waiting(client, 1, waits));
                                              results = co_await together(std::move(calls));
                                          },
                                          .configure =
                                              [&](Config& config) {
                                                  on_one_connection(config);
                                                  config.observer = std::make_shared<AtSecondEnd>([&] {
                                                      is_free.set_value();
                                                      is_sent.get_future().wait();
                                                  });
                                              }});
        BOOST_TEST(results[0].id == "first");
        BOOST_TEST(results[1].id == "second");
        BOOST_TEST(seen.accepted == 2U);
        BOOST_TEST(seen.connections[0].streams.size() == 2U);
    }
}

BOOST_AUTO_TEST_CASE(a_wrong_head_ends_its_call_alone)
{
    using namespace frames;
    Drivers drivers;
    const auto bad = [](std::string name, Fields all) { return Row{std::move(name), Sort::malformed, with_body(all)}; };
    const auto bad_field = [&](std::string name, std::string field_name, std::string value) {
        return bad(std::move(name), good_fields({{std::move(field_name), std::move(value)}}));
    };
    std::vector<Row> rows{
        bad("no :status", {{"content-type", "application/json"}}),
        bad("no field at all", {}),
        bad("two :status", good_fields({{":status", "200"}})),
        bad(":status after a field", {{"content-type", "application/json"}, {":status", "200"}}),
        bad_field("an unknown pseudo-field", ":reason", "OK"),
        bad_field("a pseudo-field of requests", ":path", "/"),
        bad_field("upper case", "Content-Length", std::to_string(user_body.size())),
        bad_field("an empty name", "", "value"),
        bad_field("a space in a name", "a b", "value"),
        bad_field("a colon in a name", "a:b", "value"),
        bad_field("a control byte in a name", std::string{"a\0b", 3}, "value"),
        bad_field("a byte of no token in a name", "a\xff", "value"),
        bad_field("NUL in a value", "name", std::string{"a\0b", 3}),
        bad_field("CR in a value", "name", "a\rb"),
        bad_field("LF in a value", "name", "a\nb"),
        bad_field("DEL in a value", "name", "a\x7f"),
        bad_field("a space before a value", "name", " a"),
        bad_field("a tab after a value", "name", "a\t"),
        bad_field("connection", "connection", "close"),
        bad_field("keep-alive", "keep-alive", "timeout=5"),
        bad_field("proxy-connection", "proxy-connection", "close"),
        bad_field("transfer-encoding", "transfer-encoding", "chunked"),
        bad_field("upgrade", "upgrade", "websocket"),
        bad_field("te", "te", "gzip"),
        bad_field("a longer length", "content-length", std::to_string(user_body.size() + 1)),
        bad_field("a shorter length", "content-length", std::to_string(user_body.size() - 1)),
        bad_field("a length of no digits", "content-length", "abc"),
        bad_field("an empty length", "content-length", ""),
        bad_field("a negative length", "content-length", "-1"),
        bad_field("a signed length", "content-length", "+" + std::to_string(user_body.size())),
        bad_field("a list of lengths", "content-length",
                  std::to_string(user_body.size()) + ", " + std::to_string(user_body.size())),
        bad_field("a length beyond 64 bits", "content-length", "18446744073709551616"),
        bad("two lengths", good_fields({{"content-length", std::to_string(user_body.size())},
                                        {"content-length", std::to_string(user_body.size() + 1)}})),
        bad_field("a coding that was not accepted", "content-encoding", "gzip"),
    };
    for (const std::string status :
         {"", "2", "20", "2000", "2x0", " 200", "200 OK", "-20", "+20", "000", "099", "600", "999"})
        rows.push_back(bad("status '" + status + "'", {{":status", status}, {"content-type", "application/json"}}));
    run_rows(drivers, rows);
}

BOOST_AUTO_TEST_CASE(an_unusual_head_is_taken)
{
    using namespace frames;
    Drivers drivers;
    const auto good = [](std::string name, Fields more) {
        return Row{std::move(name), Sort::answered, with_body(good_fields(std::move(more)))};
    };
    const std::string block = fields(good_fields());
    const std::string body = data(subject_id, user_body);
    const std::string pad(9, '\0');
    run_rows(drivers,
             {
                 good("nothing special", {}),
                 good("its length", {{"content-length", std::to_string(user_body.size())}}),
                 good("an empty value", {{"name", ""}}),
                 good("bytes above 127", {{"name", "\xc3\xa9\xff"}}),
                 good("the same field twice", {{"name", "a"}, {"name", "b"}}),
                 good("cookies", {{"set-cookie", "a=b"}, {"set-cookie", "c=d"}}),
                 good("a long value", {{"name", std::string(8000, 'x')}}),
                 {"a status of the static table", Sort::answered,
                  headers(subject_id, "\x88" + field("content-type", "application/json")) + body},
                 {"header in three frames", Sort::answered,
                  headers(subject_id, block.substr(0, 3), false, false) +
                      continuation(subject_id, block.substr(3, 20), false) +
                      continuation(subject_id, block.substr(23)) + body,
                  false},
                 {"header in frames of a byte or none", Sort::answered,
                  headers(subject_id, "", false, false) + continuation(subject_id, block.substr(0, 1), false) +
                      continuation(subject_id, "", false) + continuation(subject_id, block.substr(1)) + body,
                  false},
                 {"padded", Sort::answered,
                  frame(headers_type, end_headers | padded, subject_id, "\x09" + block + pad) +
                      frame(data_type, end_stream | padded, subject_id, "\x09" + user_body + pad)},
                 {"padded with nothing", Sort::answered,
                  frame(headers_type, end_headers | padded, subject_id, std::string(1, '\0') + block) +
                      frame(data_type, end_stream | padded, subject_id, std::string(1, '\0') + user_body)},
                 {"with a priority", Sort::answered,
                  frame(headers_type, end_headers | has_priority, subject_id, number(0, 4) + "\x10" + block) + body},
                 {"with unknown flags", Sort::answered,
                  frame(headers_type, end_headers | 0x40, subject_id, block) +
                      frame(data_type, end_stream | 0x84, subject_id, user_body)},
                 {"with the reserved bit", Sort::answered,
                  frame(headers_type, end_headers, subject_id | 0x8000'0000, block) +
                      frame(data_type, end_stream, subject_id | 0x8000'0000, user_body)},
                 {"an empty DATA at the end", Sort::answered,
                  headers(subject_id, block) + data(subject_id, user_body, false) + data(subject_id, "")},
                 {"empty DATA before and within", Sort::answered,
                  headers(subject_id, block) + data(subject_id, "", false) +
                      data(subject_id, user_body.substr(0, 5), false) + data(subject_id, "", false) +
                      data(subject_id, user_body.substr(5))},
                 {"trailers", Sort::answered,
                  headers(subject_id, block) + data(subject_id, user_body, false) +
                      headers(subject_id, field("checksum", "1"), true)},
                 {"trailers that are fields of a head", Sort::answered,
                  headers(subject_id, block) + data(subject_id, user_body, false) +
                      headers(subject_id, fields({{"content-type", "text/plain"}, {"retry-after", "100"}}), true)},
                 {"trailers of no field", Sort::answered,
                  headers(subject_id, block) + data(subject_id, user_body, false) + headers(subject_id, "", true)},
             });
}

BOOST_AUTO_TEST_CASE(frames_of_a_response_out_of_order)
{
    using namespace frames;
    Drivers drivers;
    const std::string block = fields(good_fields());
    const std::string head = headers(subject_id, block);
    const std::string body = data(subject_id, user_body);
    const auto interim = [](std::string status, bool ends = false) {
        return headers(subject_id, fields({{":status", std::move(status)}, {"link", "</a>"}}), ends);
    };
    const auto trailers = [&](const Fields& all, bool ends = true) {
        return head + data(subject_id, user_body, false) + headers(subject_id, fields(all), ends);
    };
    std::string interims;
    for (int i = 0; i < 8; ++i)
        interims += interim("103");
    run_rows(
        drivers,
        {
            {"100", Sort::answered, interim("100") + head + body},
            {"102, 103", Sort::answered, interim("102") + interim("103") + head + body},
            {"199", Sort::answered, interim("199") + head + body},
            {"as many 1xx as may be", Sort::answered, interims + head + body},
            {"one 1xx more", Sort::too_large, interims + interim("103")},
            {"101", Sort::malformed, interim("101")},
            {"101, then an answer", Sort::malformed, interim("101") + head + body},
            {"a 1xx that ends the stream", Sort::malformed, interim("100", true)},
            {"a 1xx with a length, then an answer", Sort::answered,
             headers(subject_id, fields({{":status", "103"}, {"link", "</a>"}})) + head + body},
            {"DATA after a 1xx", Sort::malformed, interim("100") + body},
            {"DATA before a head", Sort::broken, body},
            {"empty DATA before a head", Sort::broken, data(subject_id, "", false) + head + body},
            {"a second head", Sort::malformed, head + head + body},
            {"a second head after DATA", Sort::malformed, head + data(subject_id, "{", false) + head + body},
            {"a 1xx after the head", Sort::malformed, head + interim("103") + body},
            {"trailers with :status", Sort::malformed, trailers({{":status", "200"}})},
            {"trailers with another pseudo-field", Sort::malformed, trailers({{":path", "/"}})},
            {"trailers of upper case", Sort::malformed, trailers({{"Checksum", "1"}})},
            {"trailers that do not end the stream", Sort::malformed, trailers({{"checksum", "1"}}, false)},
            {"a body for 204", Sort::malformed, with_body({{":status", "204"}})},
            {"a length for 204", Sort::malformed,
             headers(subject_id, fields({{":status", "204"}, {"content-length", "5"}}), true)},
            {"DATA after the end", Sort::answered, head + body + data(subject_id, user_body)},
            {"a head after the end", Sort::answered, head + body + headers(subject_id, fields({{"a", "b"}}), true)},
            {"WINDOW_UPDATE after the end", Sort::answered, head + body + window_update(subject_id, 1)},
            {"DATA on stream 0", Sort::broken, data(0, "x")},
            {"DATA on an idle stream", Sort::broken, data(101, "x")},
            {"DATA on an even stream", Sort::broken, data(2, "x")},
            {"HEADERS on stream 0", Sort::broken, headers(0, block)},
            {"HEADERS on an idle stream", Sort::broken, headers(101, block)},
            {"HEADERS on an even stream", Sort::broken, headers(2, block)},
            {"CONTINUATION on its own", Sort::broken, continuation(subject_id, block)},
            {"CONTINUATION after the header", Sort::broken, head + continuation(subject_id, block)},
            {"CONTINUATION of another stream", Sort::broken,
             headers(subject_id, block.substr(0, 5), false, false) + continuation(7, block.substr(5))},
            {"DATA within a header", Sort::broken, headers(subject_id, block.substr(0, 5), false, false) + body},
            {"PING within a header", Sort::broken,
             headers(subject_id, block.substr(0, 5), false, false) + ping() +
                 continuation(subject_id, block.substr(5))},
            {"an unknown frame within a header", Sort::broken,
             headers(subject_id, block.substr(0, 5), false, false) + frame(0xbe, 0, 0, "x") +
                 continuation(subject_id, block.substr(5))},
            {"more padding than HEADERS", Sort::broken,
             frame(headers_type, end_headers | padded, subject_id, "\xff" + block)},
            {"more padding than DATA", Sort::broken, head + frame(data_type, padded, subject_id, "\xff" + user_body)},
            {"DATA that is all padding length", Sort::broken, head + frame(data_type, padded, subject_id, "\x01")},
            {"padded DATA of no byte", Sort::broken, head + frame(data_type, padded, subject_id, "")},
            {"HEADERS too short for its priority", Sort::broken,
             frame(headers_type, end_headers | has_priority, subject_id, "abc")},
            {"PUSH_PROMISE", Sort::broken,
             frame(push_promise_type, end_headers, subject_id, number(2, 4) + fields({{":method", "GET"}}))},
        });
}

BOOST_AUTO_TEST_CASE(frames_that_mean_nothing_to_a_client_are_ignored)
{
    using namespace frames;
    Drivers drivers;
    run_rows(
        drivers,
        {
            {"PRIORITY", Sort::ignored, frame(priority_type, no_flags, subject_id, number(1, 4) + "\x10")},
            {"PRIORITY of an idle stream", Sort::ignored, frame(priority_type, no_flags, 101, number(1, 4) + "\x10")},
            {"ALTSVC", Sort::ignored, frame(altsvc_type, no_flags, 0, number(1, 2) + "ah2=\":1\"")},
            {"ALTSVC of a stream", Sort::ignored, frame(altsvc_type, no_flags, subject_id, number(0, 2) + "h2=\":1\"")},
            {"ALTSVC of wrong length", Sort::ignored, frame(altsvc_type, no_flags, 0, "\xff\xff")},
            {"ORIGIN", Sort::ignored, frame(origin_type, no_flags, 0, number(9, 2) + "https://a")},
            {"ORIGIN of wrong length", Sort::ignored,
             frame(origin_type, no_flags, 0,
                   "\xff\xff"
                   "a")},
            {"PRIORITY_UPDATE", Sort::ignored, frame(priority_update_type, no_flags, 0, number(1, 4) + "u=1")},
            {"an unknown frame", Sort::ignored, frame(0xbe, 0xff, 0, "anything")},
            {"an unknown frame of a stream", Sort::ignored, frame(0xbe, 0xff, subject_id, "anything")},
            {"an unknown frame of an idle stream", Sort::ignored, frame(0xbe, 0xff, 101, "anything")},
            {"an unknown frame, empty", Sort::ignored, frame(0xff, 0, 0, "")},
            {"an unknown frame of the largest size", Sort::ignored, frame(0xbe, 0, 0, std::string(16384, 'x'))},
            {"a PING", Sort::ignored, ping()},
            {"an answer to no PING", Sort::ignored, ping("8 bytes.", true)},
            {"an unknown setting", Sort::ignored, settings({{0xbeef, 0xffff'ffff}, {0, 1}})},
            {"WINDOW_UPDATE", Sort::ignored, window_update(0, 1000) + window_update(subject_id, 1000)},
        });
}

BOOST_AUTO_TEST_CASE(wrong_frames_of_the_connection_end_it)
{
    using namespace frames;
    Drivers drivers;
    const std::string head = headers(subject_id, fields(good_fields()));
    run_rows(drivers,
             {
                 {"an HTTP/1.1 answer", Sort::broken, response(400, "Connection: close\r\n", "no HTTP/2")},
                 {"garbage", Sort::broken, std::string(64, '\x7f')},
                 {"DATA beyond the largest size", Sort::broken, head + data(subject_id, std::string(16385, 'x'))},
                 {"HEADERS beyond the largest size", Sort::broken,
                  headers(subject_id, fields(good_fields({{"name", std::string(16384, 'x')}})))},
                 {"an unknown frame beyond the largest size", Sort::broken, frame(0xbe, 0, 0, std::string(16385, 'x'))},
                 {"the longest frame there is", Sort::broken, number(0xff'ffff, 3) + std::string(6, '\0')},
                 {"PING of 7 bytes", Sort::broken, ping("7 bytes")},
                 {"PING of 9 bytes", Sort::broken, ping("9 bytes..")},
                 {"PING of a stream", Sort::broken, frame(ping_type, no_flags, subject_id, "8 bytes.")},
                 {"WINDOW_UPDATE of 0", Sort::broken, window_update(0, 0)},
                 {"WINDOW_UPDATE of too much", Sort::broken, window_update(0, largest_id)},
                 {"WINDOW_UPDATE too short", Sort::broken, frame(window_update_type, no_flags, 0, "abc")},
                 {"WINDOW_UPDATE too long", Sort::broken, frame(window_update_type, no_flags, 0, "abcde")},
                 {"WINDOW_UPDATE of an idle stream", Sort::broken, window_update(101, 1)},
                 {"SETTINGS of a stream", Sort::broken, frame(settings_type, no_flags, subject_id, "")},
                 {"SETTINGS of 5 bytes", Sort::broken, frame(settings_type, no_flags, 0, "12345")},
                 {"SETTINGS of 7 bytes", Sort::broken, frame(settings_type, no_flags, 0, number(0x99, 2) + "12345")},
                 {"an ACK of no SETTINGS", Sort::broken, settings_ack()},
                 {"an ACK of 6 bytes", Sort::broken, frame(settings_type, ack, 0, number(0x99, 6))},
                 {"push set to 1", Sort::broken, settings({{enable_push, 1}})},
                 {"push set to 2", Sort::broken, settings({{enable_push, 2}})},
                 {"a window beyond 31 bits", Sort::broken, settings({{initial_window_size, 0x8000'0000}})},
                 {"frames of less than 16384", Sort::broken, settings({{max_frame_size, 16383}})},
                 {"frames of more than 24 bits", Sort::broken, settings({{max_frame_size, 0x100'0000}})},
             });
}

BOOST_AUTO_TEST_CASE(wrong_compression_ends_the_connection)
{
    using namespace frames;
    Drivers drivers;
    const auto wrong = [](std::string name, const std::string& block) {
        return Row{std::move(name), Sort::broken, headers(subject_id, block) + data(subject_id, user_body)};
    };
    const std::string start = "\x88";
    const std::string many(10, '\xff');
    run_rows(drivers, {
                          wrong("index 0", start + "\x80"),
                          wrong("an index beyond the tables", start + "\xbe"),
                          wrong("a name's index beyond the tables", start + "\x7f" + "\x01" + "a"),
                          wrong("a large index", start + "\xff\xff\x7f"),
                          wrong("an index that overflows", start + "\xff" + many + "\x0f"),
                          wrong("an index without end", start + many),
                          wrong("a length that overflows", start + std::string(1, '\0') + "\x7f" + many + "\x0f"),
                          wrong("a length beyond the block", start + std::string(1, '\0') + "\x7e" + "abc"),
                          wrong("a name without a value", start + std::string(1, '\0') + "\x01" + "a"),
                          wrong("half an integer", start + "\xff"),
                          wrong("a Huffman code of EOS", start + std::string{"\0\x01"
                                                                             "a"
                                                                             "\x84\xff\xff\xff\xff",
                                                                             8}),
                          wrong("Huffman padding of zeros", start + std::string{"\0\x01"
                                                                                "a"
                                                                                "\x81\x18",
                                                                                5}),
                          wrong("Huffman padding of a byte", start + std::string{"\0\x01"
                                                                                 "a"
                                                                                 "\x82\x1f\xff",
                                                                                 6}),
                          wrong("a table beyond SETTINGS", "\x3f\xe2\x1f" + start),
                          wrong("a table size after a field", start + "\x20"),
                          wrong("a table size that overflows", "\x3f" + many + "\x0f" + start),
                      });
}

BOOST_AUTO_TEST_CASE(the_version_is_what_alpn_says)
{
    Drivers drivers;
    Http2Driver& driver = drivers.secure;
    struct AlpnRow
    {
        HttpVersion version;
        std::string alpn;
        std::optional<HttpVersion> spoken; ///< None: the connection is refused.
    };
    for (const AlpnRow& row : std::vector<AlpnRow>{
             {HttpVersion::automatic, "h2", HttpVersion::http2},
             {HttpVersion::automatic, "http/1.1", HttpVersion::http1},
             {HttpVersion::automatic, "", HttpVersion::http1},
             {HttpVersion::automatic, "h3", std::nullopt},
             {HttpVersion::automatic, "http/1.0", std::nullopt},
             {HttpVersion::automatic, "h2c", std::nullopt},
             {HttpVersion::http2, "h2", HttpVersion::http2},
             {HttpVersion::http2, "http/1.1", std::nullopt},
             {HttpVersion::http2, "", std::nullopt},
             {HttpVersion::http2, "h3", std::nullopt},
             {HttpVersion::http1, "http/1.1", HttpVersion::http1},
             {HttpVersion::http1, "", HttpVersion::http1},
             {HttpVersion::http1, "h2", std::nullopt},
         }) {
        count_case();
        const std::string name =
            std::to_string(static_cast<int>(row.version)) + (row.alpn.empty() ? ", none" : ", " + row.alpn);
        const TlsSettings tls{.alpn = row.alpn};
        Script script = driver.frames().script(
            [](FramePeer& peer) {
                peer.begin();
                peer.serve();
            },
            {}, tls);
        if (row.spoken == HttpVersion::http1)
            script = {{steps::tls(tls), steps::serve()}, true};
        if (!row.spoken)
            script = {{steps::tls(tls),
                       [](Peer& peer) {
                           if (!peer.receive_bytes().empty())
                               throw ScriptFailure{"the client spoke"};
                       }},
                      true};
        Script sentinel = row.version == HttpVersion::http1 ? Script{{steps::tls(), steps::serve()}, true}
                                                            : driver.frames().serving();
        const auto seen = driver.run(
            Http2Driver::Plan{.name = name,
                              .scripts = {script, sentinel},
                              .calls = [&](Client& client) -> asio::awaitable<void> {
                                  const Result result = co_await create(client, "subject");
                                  BOOST_TEST_CONTEXT((result.error ? to_string(*result.error) : ""))
                                  {
                                      if (row.spoken == HttpVersion::http2) {
                                          BOOST_TEST(result.id == "subject");
                                      } else if (row.spoken) {
                                          // The script server answers with the e-mail address of another.
                                          BOOST_TEST(result.is(Errc::protocol));
                                      } else {
                                          BOOST_TEST(result.is(Errc::tls));
                                          if (result.error) {
                                              BOOST_TEST(to_string(result.error->effect) == to_string(Effect::none));
                                              BOOST_TEST(result.error->attempts == 1U);
                                          }
                                      }
                                  }
                              },
                              .configure = [&](Config& config) { config.http_version = row.version; }});
        BOOST_TEST(seen.accepted == 1U);
    }
}

BOOST_AUTO_TEST_CASE(a_preface_that_is_wrong_ends_the_connection)
{
    using namespace frames;
    Drivers drivers;
    const std::string good = settings({{max_concurrent_streams, 100}});
    struct PrefaceRow
    {
        std::string name;
        std::string bytes;
        Errc code = Errc::protocol;
        std::function<void(Peer&)> then = {}; ///< None: the client ends the connection.
    };
    std::vector<PrefaceRow> rows{
        {"an HTTP/1.1 answer", response(400, "Connection: close\r\n", "no HTTP/2")},
        {"garbage", std::string(64, '\x7f')},
        {"zeros", std::string(64, '\0')},
        {"PING first", ping() + good},
        {"an ACK first", settings_ack() + good},
        {"WINDOW_UPDATE first", window_update(0, 100) + good},
        {"HEADERS first", headers(1, answer_block()) + good},
        {"DATA first", data(1, "x") + good},
        {"RST_STREAM first", rst_stream(1, refused_stream) + good},
        {"an unknown frame first", frame(0xbe, 0, 0, "x") + good},
        {"the client's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + good},
        {"SETTINGS of a stream", frame(settings_type, no_flags, 1, "") + good},
        {"a wrong setting", settings({{enable_push, 2}})},
    };
    for (std::size_t at = 0; at <= good.size(); ++at) {
        rows.push_back({"FIN after " + std::to_string(at) + " bytes", good.substr(0, at), Errc::truncated,
                        [](Peer& peer) { peer.fin(); }});
        rows.push_back({"RST after " + std::to_string(at) + " bytes", good.substr(0, at), Errc::truncated,
                        [](Peer& peer) { peer.rst(); }});
    }
    for (const PrefaceRow& row : rows) {
        count_case();
        const bool is_cut = row.code == Errc::truncated;
        for (Http2Driver* const driver : {&drivers.secure, &drivers.plain}) {
            // A server that is cut has read the request: it may have processed it.
            const auto wrong = driver->frames().script([&](FramePeer& peer) {
                peer.manners() = {.acknowledges_settings = false, .answers_pings = false, .opens_windows = false};
                if (is_cut) {
                    peer.receive_preface();
                    peer.request();
                }
                peer.send(row.bytes);
                if (row.then)
                    row.then(peer.transport());
                else
                    peer.transport().expect_end();
            });
            driver->run(Http2Driver::Plan{.name = row.name,
                                          .scripts = {wrong},
                                          .calls = [](Client& client) -> asio::awaitable<void> {
                                              const Result result = co_await get(client, "subject");
                                              BOOST_TEST(result.id == "subject");
                                          },
                                          .configure = on_one_connection,
                                          .pieces = {.single_bytes = !is_cut, .splits = {}}});
            driver->run(Http2Driver::Plan{.name = row.name + ", a create",
                                          .scripts = {wrong},
                                          .calls = [&](Client& client) -> asio::awaitable<void> {
                                              const Result result = co_await create(client, "subject");
                                              BOOST_TEST_CONTEXT((result.error ? to_string(*result.error) : result.id))
                                              {
                                                  // It is repeated if nothing of it left before the preface came.
                                                  if (is_cut || result.error) {
                                                      BOOST_TEST(result.is(row.code));
                                                      if (result.error)
                                                          BOOST_TEST(to_string(result.error->effect) ==
                                                                     to_string(Effect::unknown));
                                                  }
                                              }
                                          },
                                          .configure = on_one_connection});
        }
    }
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_cut_is_not_taken)
{
    using namespace frames;
    Drivers drivers;
    const std::string answer = good_answer();
    enum class End { fin, rst, close_notify };
    const auto cut = [&](Http2Driver& driver, std::size_t at, End end) {
        count_case();
        const bool is_whole = at == answer.size();
        for (const Operation operation : {Operation::get, Operation::create}) {
            Fates fates = all_may_be_processed(operation, Errc::truncated);
            if (is_whole)
                fates[subject] = here;
            driver.run({.name = (end == End::fin   ? "FIN after "
                                 : end == End::rst ? "RST after "
                                                   : "close_notify after ") +
                                std::to_string(at),
                        .operation = operation,
                        .act =
                            [&](FramePeer& peer, const Flight&) {
                                peer.send(answer.substr(0, at));
                                if (is_whole)
                                    peer.await_ping_ack(); // a reset could overtake what was not read yet
                                if (end == End::rst)
                                    return peer.transport().rst();
                                if (end == End::fin)
                                    return peer.transport().fin();
                                peer.transport().close_notify();
                                peer.expect_end();
                            },
                        .fates = fates,
                        .kept = false});
        }
    };
    for (std::size_t at = 0; at <= answer.size(); ++at) {
        Http2Driver& driver = at % 8 == 0 || at == answer.size() ? drivers.secure : drivers.plain;
        cut(driver, at, End::fin);
        cut(driver, at, End::rst);
        if (&driver == &drivers.secure)
            cut(driver, at, End::close_notify);
    }
}

BOOST_AUTO_TEST_CASE(an_answer_of_another_is_not_taken)
{
    using namespace frames;
    Drivers drivers;
    const auto answer_for = [](std::uint32_t id, const std::string& whom) {
        return headers(id, answer_block()) +
               data(id, R"({"user":{"id":")" + whom + R"(","email":")" + whom + R"(@example.com"}})");
    };
    for (const Operation operation : {Operation::get, Operation::create}) {
        count_case();
        drivers.secure.run({.name = "of another",
                            .operation = operation,
                            .act =
                                [&](FramePeer& peer, const Flight& flight) {
                                    peer.send(answer_for(flight.subject.id, names[before]));
                                    answer_all(peer, flight.others());
                                    peer.serve();
                                },
                            .fates = others_answered(fails(Errc::protocol, Effect::unknown)),
                            .kept = false});
    }
    count_case();
    drivers.secure.run({.name = "exchanged",
                        .operation = Operation::get,
                        .act =
                            [&](FramePeer& peer, const Flight& flight) {
                                peer.send(answer_for(flight.subject.id, names[before]) +
                                          answer_for(flight.before.id, names[subject]) + answer_frames(flight.created) +
                                          answer_frames(flight.updated));
                                peer.serve();
                            },
                        .fates = {fails(Errc::protocol), fails(Errc::protocol), here, here},
                        .kept = false});
}

BOOST_AUTO_TEST_CASE(statuses_mean_what_they_mean_over_http1)
{
    using namespace frames;
    Drivers drivers;
    struct StatusRow
    {
        std::string status;
        Fate get;
        Fate create;
        bool kept = true;
    };
    const Fate refused = fails(Errc::api, Effect::none);
    const Fate unclear = fails(Errc::api, Effect::unknown);
    for (const StatusRow& row : std::vector<StatusRow>{
             {"302", refused, refused},
             {"404", refused, refused},
             {"408", again, refused},
             {"429", again, again},
             {"500", again, unclear},
             {"501", unclear, unclear},
             {"503", again, unclear},
             {"202", fails(Errc::protocol), fails(Errc::protocol, Effect::unknown), false},
             {"205", fails(Errc::protocol), fails(Errc::protocol, Effect::unknown), false},
             {"206", fails(Errc::protocol), fails(Errc::protocol, Effect::unknown), false},
         }) {
        count_case();
        for (const Operation operation : {Operation::get, Operation::create})
            drivers.secure.run({.name = row.status,
                                .operation = operation,
                                .act =
                                    [&](FramePeer& peer, const Flight& flight) {
                                        peer.send(headers(flight.subject.id, fields({{":status", row.status}}), true));
                                        answer_all(peer, flight.others());
                                        peer.serve();
                                    },
                                .fates = others_answered(operation == Operation::get ? row.get : row.create),
                                .kept = row.kept});
    }
}

BOOST_AUTO_TEST_CASE(a_hundred_calls_survive_the_end_of_their_connection)
{
    using namespace frames;
    Drivers drivers;
    for (const bool resets : {false, true}) {
        count_case();
        std::vector<Result> results;
        const auto seen =
            drivers.secure.run(Http2Driver::Plan{.name = resets ? "RST" : "FIN",
                                                 .scripts = {drivers.secure.frames().script([&](FramePeer& peer) {
                                                     peer.begin();
                                                     peer.answer(peer.request());
                                                     for (const SeenStream& request : peer.requests(100))
                                                         if (request.id % 4 == 1)
                                                             peer.answer(request);
                                                     peer.await_ping_ack();
                                                     if (resets)
                                                         peer.transport().rst();
                                                     else
                                                         peer.transport().fin();
                                                 })},
                                                 .calls = [&](Client& client) -> asio::awaitable<void> {
                                                     co_await warm_up(client);
                                                     Calls calls;
                                                     for (int i = 0; i < 100; ++i)
                                                         calls.push_back(get(client, "user-" + std::to_string(i)));
                                                     results = co_await together(std::move(calls));
                                                 }});
        for (std::size_t i = 0; i < results.size(); ++i)
            BOOST_TEST(results[i].id == "user-" + std::to_string(i));
        BOOST_TEST(seen.accepted == 2U);
    }
}

BOOST_AUTO_TEST_CASE(answers_come_in_any_order_and_interleaved)
{
    using namespace frames;
    Drivers drivers;
    struct OrderRow
    {
        std::string name;
        std::function<std::string(const std::vector<SeenStream>&)> bytes;
    };
    const auto interleaved = [](const std::vector<SeenStream>& all, std::size_t size, bool reverse) {
        std::string bytes;
        for (const SeenStream& request : all)
            bytes += headers(request.id, answer_block());
        std::size_t ended = 0;
        for (std::size_t at = 0; ended < all.size(); at += size)
            for (std::size_t i = 0; i < all.size(); ++i) {
                const SeenStream& request = all[reverse ? all.size() - 1 - i : i];
                const std::string body = answer_body(request);
                if (at >= body.size())
                    continue;
                const bool ends = at + size >= body.size();
                ended += ends ? 1 : 0;
                bytes += data(request.id, body.substr(at, size), ends);
            }
        return bytes;
    };
    const std::vector<OrderRow> rows{
        {"reverse",
         [](const std::vector<SeenStream>& all) {
             std::string bytes;
             for (auto request = all.rbegin(); request != all.rend(); ++request)
                 bytes += answer_frames(*request);
             return bytes;
         }},
        {"a byte each", [&](const auto& all) { return interleaved(all, 1, false); }},
        {"a byte each, reverse", [&](const auto& all) { return interleaved(all, 1, true); }},
        {"five bytes each", [&](const auto& all) { return interleaved(all, 5, false); }},
        {"heads, then bodies", [&](const auto& all) { return interleaved(all, 1000, true); }},
    };
    for (const OrderRow& row : rows) {
        count_case();
        for (const bool single_bytes : {false, true})
            for (Http2Driver* const driver : {&drivers.secure, &drivers.plain})
                driver->run(
                    {.name = row.name,
                     .operation = Operation::create,
                     .act =
                         [&](FramePeer& peer, const Flight& flight) {
                             peer.send(row.bytes({flight.before, flight.subject, flight.created, flight.updated}));
                             peer.serve();
                         },
                     .fates = others_answered(here),
                     .pieces = {.single_bytes = single_bytes, .splits = {}}});
    }
}

BOOST_AUTO_TEST_CASE(what_exceeds_a_limit_ends_its_call_alone)
{
    using namespace frames;
    Drivers drivers;
    const auto head_of = [](std::size_t bytes) { return fields(good_fields({{"name", std::string(bytes, 'x')}})); };
    const auto in_frames = [](const std::string& block) {
        std::string bytes;
        for (std::size_t at = 0; at < block.size(); at += 16384)
            bytes += at == 0 ? headers(subject_id, block.substr(0, 16384), false, block.size() <= 16384)
                             : continuation(subject_id, block.substr(at, 16384), at + 16384 >= block.size());
        return bytes;
    };
    const auto many_fields = [](std::size_t count) {
        Fields all = good_fields();
        while (all.size() < count + 1) // without the status
            all.emplace_back("name", "");
        return fields(all);
    };
    Fields many_trailers(101, {"name", ""});
    // An entry that fills the table, and then its index.
    const std::string bomb =
        fields(good_fields()) + "\x40\x04name" + std::string{"\x7f\xa1\x1e"} + std::string(4000, 'x');
    const auto on_subject = [](const std::string& block) { return headers(subject_id, block); };
    run_rows(drivers,
             {
                 {"a header of just less", Sort::answered,
                  in_frames(head_of(16384 - 200)) + data(subject_id, user_body), false},
                 {"a longer header", Sort::too_large, in_frames(head_of(16384)), false},
                 {"a header of four frames", Sort::too_large, in_frames(head_of(60'000)), false},
                 {"a field that nghttp2 does not decode", Sort::broken, in_frames(head_of(80'000)), false},
                 {"a hundred fields", Sort::answered, on_subject(many_fields(100)) + data(subject_id, user_body)},
                 {"a field more", Sort::too_large, on_subject(many_fields(101)) + data(subject_id, user_body)},
                 {"ten thousand fields", Sort::too_large, in_frames(many_fields(10'000)), false},
                 {"a hundred fields of trailers and one", Sort::too_large,
                  on_subject(fields(good_fields())) + data(subject_id, user_body, false) +
                      headers(subject_id, fields(many_trailers), true)},
                 {"an entry of the table, named four times", Sort::answered,
                  on_subject(bomb + "\xbe\xbe\xbe") + data(subject_id, user_body)},
                 {"an entry of the table, named five times", Sort::too_large,
                  on_subject(bomb + "\xbe\xbe\xbe\xbe") + data(subject_id, user_body)},
                 {"an entry of the table, named ten thousand times", Sort::too_large,
                  on_subject(bomb + std::string(10'000, '\xbe')) + data(subject_id, user_body)},
             });
}

BOOST_AUTO_TEST_CASE(a_body_beyond_the_limit_ends_its_call_alone)
{
    using namespace frames;
    Drivers drivers;
    const auto limited = [](Config& config) { config.limits.body_bytes = 1000; };
    const std::string head = headers(subject_id, fields(good_fields()));
    const std::string long_body(600, ' ');
    run_rows(
        drivers,
        {
            {"as long as may be", Sort::answered,
             head + data(subject_id, user_body + std::string(1000 - user_body.size(), ' '))},
            {"a byte more", Sort::too_large, head + data(subject_id, std::string(1001, ' '))},
            {"in two frames", Sort::too_large, head + data(subject_id, long_body, false) + data(subject_id, long_body)},
            {"without an end", Sort::too_large,
             head + data(subject_id, long_body, false) + data(subject_id, long_body, false)},
            {"its length", Sort::too_large,
             headers(subject_id, fields(good_fields({{"content-length", "1001"}}))) +
                 data(subject_id, std::string(1001, ' '))},
        },
        limited);
    // What comes after its reset is taken in.
    for (const bool resets : {false, true}) {
        count_case();
        const auto seen = drivers.secure.run({.name = "much more after the reset",
                                              .operation = Operation::get,
                                              .act =
                                                  [&](FramePeer& peer, const Flight& flight) {
                                                      peer.send(head + data(subject_id, std::string(1001, 'x'), false));
                                                      peer.await_reset(subject_id);
                                                      for (int i = 0; i < 100; ++i)
                                                          peer.send(data(subject_id, std::string(10'000, 'x'), false));
                                                      if (resets)
                                                          peer.send(rst_stream(subject_id, cancel));
                                                      answer_all(peer, flight.others());
                                                      peer.serve();
                                                  },
                                              .fates = others_answered(fails(Errc::too_large)),
                                              .configure = limited});
        BOOST_TEST(seen.connections[0].streams.at(subject_id).reset.value_or(no_error) == cancel);
    }
}

BOOST_AUTO_TEST_CASE(a_call_that_is_cancelled_leaves_the_others_alone)
{
    using namespace frames;
    Drivers drivers;
    const std::string block = fields(good_fields());
    // A field that others refer to.
    const std::string indexed = "\x88\x40\x04kind\x04json";
    struct LateRow
    {
        std::string name;
        std::string early; ///< What came of the answer before.
        std::string late;  ///< What comes after the reset.
        bool refers = false;
    };
    const std::vector<LateRow> rows{
        {"nothing", "", ""},
        {"the answer late", "", good_answer()},
        {"the head late, others refer to it", "", headers(subject_id, indexed, true), true},
        {"the body late", headers(subject_id, block), data(subject_id, user_body)},
        {"the rest of the body late", headers(subject_id, block) + data(subject_id, "{", false),
         data(subject_id, user_body.substr(1))},
        {"a long body late", "", headers(subject_id, block) + data(subject_id, std::string(16384, 'x'), false)},
        {"trailers late", headers(subject_id, block) + data(subject_id, user_body, false),
         headers(subject_id, field("a", "b"), true)},
        {"RST_STREAM late", "", rst_stream(subject_id, internal_error)},
        {"REFUSED_STREAM late", "", rst_stream(subject_id, refused_stream)},
        {"WINDOW_UPDATE late", "", window_update(subject_id, 100)},
        {"a wrong head late", "", headers(subject_id, field(":status", "x"), true)},
        {"an unknown frame late", "", frame(0xbe, 0, subject_id, "x")},
    };
    enum class How { signal, timeout };
    for (const LateRow& row : rows)
        for (const How how : {How::signal, How::timeout})
            for (const Operation operation : {Operation::get, Operation::create})
                for (const bool single_bytes : {false, true}) {
                    if (single_bytes && (how == How::timeout || row.late.size() > most_single_bytes))
                        continue; // these take their time
                    count_case();
                    asio::cancellation_signal signal;
                    std::vector<Result> results;
                    const auto seen = drivers.secure.run(Http2Driver::Plan{
                        .name = row.name + (how == How::signal ? ", cancelled" : ", out of time"),
                        .scripts = {drivers.secure.frames().script(in_flight([&](FramePeer& peer,
                                                                                 const Flight& flight) {
                            peer.send(row.early);
                            peer.await_ping_ack();
                            if (how == How::signal)
                                asio::post(drivers.secure.context(),
                                           [&] { signal.emit(asio::cancellation_type::terminal); });
                            peer.await_reset(flight.subject.id);
                            peer.send(row.late);
                            if (row.refers)
                                for (const SeenStream& request : flight.others())
                                    peer.send(headers(request.id, "\x88\xbe") + data(request.id, answer_body(request)));
                            else
                                answer_all(peer, flight.others());
                            peer.serve();
                        }))},
                        .calls = [&](Client& client) -> asio::awaitable<void> {
                            co_await warm_up(client);
                            CallOptions options;
                            if (how == How::timeout)
                                options.timeout(200ms).retries(false);
                            Calls calls;
                            calls.push_back(get(client, names[before]));
                            calls.push_back([](Client& on, Operation what, CallOptions with,
                                               asio::cancellation_slot slot) -> Awaited {
                                auto token = asio::bind_cancellation_slot(slot, asio::use_awaitable);
                                if (what == Operation::get) {
                                    auto outcome = co_await on.get_user(names[subject], with, token);
                                    co_return to_result(std::move(outcome));
                                }
                                const auto request = CreateUserRequest{}.email(names[subject] + "@example.com");
                                auto outcome = co_await on.create_user(request, with, token);
                                co_return to_result(std::move(outcome));
                            }(client, operation, options, signal.slot()));
                            calls.push_back(create(client, names[created]));
                            calls.push_back(update(client, names[updated]));
                            results = co_await together(std::move(calls));
                        },
                        .pieces = {.single_bytes = single_bytes, .splits = {}}});
                    BOOST_TEST_CONTEXT(row.name << (how == How::signal ? ", cancelled" : ", out of time"))
                    {
                        BOOST_TEST(seen.kept);
                        BOOST_TEST(seen.connections[0].streams.at(subject_id).reset.value_or(no_error) == cancel);
                        BOOST_TEST(results[subject].is(how == How::signal ? Errc::cancelled : Errc::timeout));
                        if (operation == Operation::create && results[subject].error)
                            BOOST_TEST(to_string(results[subject].error->effect) == to_string(Effect::unknown));
                        for (const Place other : {before, created, updated})
                            BOOST_TEST(results[other].id == names[other]);
                    }
                }
}

BOOST_AUTO_TEST_CASE(a_server_gets_no_more_resets_than_it_can_have_seen)
{
    using namespace frames;
    Drivers drivers;
    // It allows two streams, and does not answer the PINGs that come with resets.
    count_case();
    std::promise<void> is_waiting;
    std::atomic<bool> answers = false;
    std::vector<Result> results;
    const auto seen = drivers.secure.run(
        Http2Driver::Plan{.name = "two streams",
                          .scripts = {drivers.secure.frames().script([&](FramePeer& peer) {
                              peer.begin(settings({{max_concurrent_streams, 2}}));
                              peer.answer(peer.request());
                              peer.manners().answers_pings = false;
                              const std::vector<SeenStream> silent = peer.requests(2);
                              peer.await_reset(silent[0].id);
                              peer.await_reset(silent[1].id);
                              is_waiting.get_future().wait();
                              peer.await([&] { return peer.seen().pings > 0; });
                              // Neither of the two that wait came: nothing of theirs is before the answer to this PING.
                              peer.await_ping_ack();
                              if (peer.seen().streams.size() != 3)
                                  throw ScriptFailure{"a stream was opened in place of one that was reset"};
                              answers = true;
                              peer.manners().answers_pings = true;
                              peer.send(ping(number(0, 8), true));
                              peer.serve();
                          })},
                          .calls = [&](Client& client) -> asio::awaitable<void> {
                              co_await warm_up(client);
                              Calls calls;
                              const auto brief = CallOptions{}.timeout(50ms).retries(false);
                              calls.push_back(get_with(client, "silent-1", brief));
                              calls.push_back(get_with(client, "silent-2", brief));
                              const std::vector<Result> silent = co_await together(std::move(calls));
                              for (const Result& result : silent)
                                  BOOST_TEST(result.is(Errc::timeout));
                              Calls more;
                              more.push_back(get(client, "user-1"));
                              more.push_back(get(client, "user-2"));
                              more.push_back(tell_when_waiting(client, 2, is_waiting));
                              results = co_await together(std::move(more));
                          },
                          .configure = on_one_connection});
    BOOST_TEST(answers);
    BOOST_TEST(results[0].id == "user-1");
    BOOST_TEST(results[1].id == "user-2");
    BOOST_TEST(seen.kept);
    BOOST_TEST(seen.accepted == 1U);
}

BOOST_AUTO_TEST_CASE(calls_keep_to_the_streams_that_are_allowed)
{
    using namespace frames;
    Drivers drivers;
    Http2Driver& driver = drivers.secure;
    const auto patient = [](Config& config) {
        on_one_connection(config);
        config.timeouts.total = 5s;
    };
    // None for a while, which the client hears of with an answer.
    for (const bool alone : {true, false}) {
        count_case();
        std::promise<void> waits;
        std::vector<Result> results;
        const auto seen = driver.run(Http2Driver::Plan{
            .name = alone ? "none, then some" : "none, then some; another connection may be made",
            .scripts = {driver.frames().script([&](FramePeer& peer) {
                peer.begin();
                const SeenStream first = peer.request();
                peer.send(settings({{max_concurrent_streams, 0}}) + answer_frames(first));
                if (alone) {
                    waits.get_future().wait();
                    if (peer.seen().streams.size() != 1)
                        throw ScriptFailure{"a stream was opened that may not be"};
                    peer.send(settings({{max_concurrent_streams, 100}}));
                }
                peer.serve();
            })},
            .calls = [&](Client& client) -> asio::awaitable<void> {
                results = co_await fly_and_tell(client, alone ? std::size_t{flight_size} : 0, waits);
            },
            .configure =
                alone ? patient : std::function<void(Config&)>{[](Config& config) { config.timeouts.total = 5s; }}});
        BOOST_TEST_CONTEXT((alone ? "alone" : "not alone"))
        {
            check_answered(results);
            BOOST_TEST(seen.accepted == (alone ? 1U : 2U));
        }
    }
    // None from the start.
    {
        count_case();
        std::promise<void> waits;
        std::vector<Result> results;
        const auto seen =
            driver.run(Http2Driver::Plan{.name = "none at first",
                                         .scripts = {driver.frames().script([&](FramePeer& peer) {
                                             peer.begin(settings({{max_concurrent_streams, 0}}));
                                             peer.await([&] { return peer.seen().settings_acks == 1; });
                                             // Whatever came before is refused (RFC 9113, section 5.1.2).
                                             std::string refusals;
                                             for (const auto& [id, stream] : peer.seen().streams)
                                                 refusals += rst_stream(id, refused_stream);
                                             const auto refused = peer.seen().streams.size();
                                             peer.send(refusals + settings({{max_concurrent_streams, 100}}));
                                             for (std::size_t i = 0; i < refused; ++i)
                                                 peer.request();
                                             peer.serve();
                                         })},
                                         .calls = [&](Client& client) -> asio::awaitable<void> {
                                             Calls calls;
                                             for (std::size_t i = 0; i < flight_size; ++i)
                                                 calls.push_back(get(client, names[i]));
                                             results = co_await together(std::move(calls));
                                         },
                                         .configure = patient});
        check_answered(results);
        BOOST_TEST(seen.accepted == 1U);
    }
    // One, and many calls.
    for (const std::uint32_t streams : {1U, 2U, 3U}) {
        count_case();
        std::vector<Result> results;
        const auto seen = driver.run(Http2Driver::Plan{
            .name = std::to_string(streams) + " streams",
            .scripts = {driver.frames().script([&](FramePeer& peer) {
                peer.begin(settings({{max_concurrent_streams, streams}}));
                peer.serve();
            })},
            .calls = [&](Client& client) -> asio::awaitable<void> { results = co_await fly(client, Operation::get); },
            .configure = patient});
        check_answered(results);
        BOOST_TEST(seen.connections[0].most_open <= streams);
        BOOST_TEST(seen.accepted == 1U);
    }
    // Fewer than are open.
    count_case();
    driver.run({.name = "fewer than are open",
                .operation = Operation::create,
                .act =
                    [](FramePeer& peer, const Flight& flight) {
                        peer.send(settings({{max_concurrent_streams, 1}}));
                        answer_all(peer, flight.others());
                        peer.answer(flight.subject);
                        peer.serve();
                    },
                .fates = others_answered(here)});
    // GOAWAY while calls wait.
    count_case();
    std::promise<void> waits;
    std::vector<Result> results;
    const auto seen = driver.run(Http2Driver::Plan{.name = "GOAWAY while calls wait",
                                                   .scripts = {driver.frames().script([&](FramePeer& peer) {
                                                       peer.begin(settings({{max_concurrent_streams, 1}}));
                                                       peer.answer(peer.request());
                                                       const SeenStream first = peer.request();
                                                       waits.get_future().wait();
                                                       peer.send(goaway(first.id));
                                                       peer.answer(first);
                                                       peer.expect_end();
                                                   })},
                                                   .calls = [&](Client& client) -> asio::awaitable<void> {
                                                       results = co_await fly_and_tell(client, flight_size - 1, waits);
                                                   },
                                                   .configure = patient});
    check_answered(results);
    BOOST_TEST(seen.connections[0].streams.size() == 2U);
    BOOST_TEST(seen.accepted == 2U);
}

BOOST_AUTO_TEST_CASE(settings_are_followed)
{
    using namespace frames;
    Drivers drivers;
    Http2Driver& driver = drivers.secure;
    const auto fly_with = [&](std::string name, FrameScript script, FrameManners manners = {}) {
        count_case();
        std::vector<Result> results;
        Http2Driver::Seen seen =
            driver.run(Http2Driver::Plan{.name = name,
                                         .scripts = {driver.frames().script(std::move(script), manners)},
                                         .calls = [&](Client& client) -> asio::awaitable<void> {
                                             results = co_await fly(client, Operation::create);
                                         }});
        BOOST_TEST_CONTEXT(name)
        {
            check_answered(results);
            BOOST_TEST(seen.accepted == 1U);
        }
        return seen;
    };
    const auto heads_of_flight = [](FramePeer& peer) {
        peer.begin(settings({{initial_window_size, 0}}));
        peer.answer(peer.request());
        peer.await([&] { return peer.seen().streams.size() == 1 + flight_size; });
        for (const auto& [id, stream] : peer.seen().streams)
            if (!stream.body.empty())
                throw ScriptFailure{"a body was sent though there was no window"};
    };
    fly_with("no window, then SETTINGS", [&](FramePeer& peer) {
        heads_of_flight(peer);
        peer.send(settings({{initial_window_size, 65535}}));
        peer.serve();
    });
    fly_with("no window, then WINDOW_UPDATE", [&](FramePeer& peer) {
        heads_of_flight(peer);
        for (const auto& [id, stream] : peer.seen().streams)
            if (!stream.whole)
                peer.send(window_update(id, 1000));
        peer.serve();
    });
    fly_with("no window, then a byte at a time",
             [&](FramePeer& peer) {
                 heads_of_flight(peer);
                 for (bool all_whole = false; !all_whole;) {
                     all_whole = true;
                     for (const auto& [id, stream] : std::map{peer.seen().streams})
                         if (!stream.whole) {
                             all_whole = false;
                             peer.send(window_update(id, 1));
                             peer.await([&, upload = id, size = stream.body.size()] {
                                 return peer.seen().streams.at(upload).body.size() > size;
                             });
                         }
                 }
                 peer.serve();
             },
             {.opens_windows = false});
    fly_with("no table", [](FramePeer& peer) {
        peer.begin();
        peer.await([&] { return peer.seen().settings_acks == 1; });
        peer.limit_table(0);
        peer.serve();
    });
    fly_with("a table, then none, then one", [](FramePeer& peer) {
        peer.begin();
        peer.answer(peer.request());
        peer.await([&] { return peer.seen().settings_acks == 1; });
        peer.limit_table(100);
        peer.limit_table(0);
        peer.limit_table(4096);
        peer.serve();
    });
    fly_with("a large table", [](FramePeer& peer) {
        peer.begin(settings({{header_table_size, 0xffff'ffff}}));
        peer.serve();
    });
    fly_with("the largest frames, and no limits", [](FramePeer& peer) {
        peer.begin(settings({{max_frame_size, 0xff'ffff},
                             {max_concurrent_streams, 0xffff'ffff},
                             {initial_window_size, largest_id},
                             {max_header_list_size, 0xffff'ffff},
                             {enable_push, 0}}));
        peer.serve();
    });
    fly_with("a small header list, which is advice", [](FramePeer& peer) {
        peer.begin(settings({{max_header_list_size, 10}}));
        peer.serve();
    });
    fly_with("the same setting twice", [](FramePeer& peer) {
        peer.begin(settings({{initial_window_size, 0}, {initial_window_size, 65535}}));
        peer.serve();
    });
    fly_with("never acknowledged",
             [](FramePeer& peer) {
                 peer.begin();
                 peer.serve();
             },
             {.acknowledges_settings = false});
    const auto seen = fly_with("each acknowledged", [](FramePeer& peer) {
        peer.begin();
        peer.answer(peer.request());
        for (int i = 0; i < 100; ++i)
            peer.send(settings({{max_concurrent_streams, 100U + static_cast<std::uint32_t>(i)}}));
        peer.serve();
    });
    BOOST_TEST(seen.connections[0].settings_acks == 101U);
    BOOST_TEST(seen.connections[0].settings.at(enable_push) == 0U);
    BOOST_TEST(seen.connections[0].settings.at(max_header_list_size) == 16384U);
    BOOST_TEST(seen.connections[0].settings.at(initial_window_size) == 1024U * 1024U);

    run_rows(drivers, {
                          {"WINDOW_UPDATE of a stream by 0", Sort::broken, window_update(subject_id, 0)},
                          {"a window that a later setting makes too large", Sort::broken,
                           window_update(subject_id, largest_id - 65535) + settings({{initial_window_size, 100'000}})},
                      });
}

BOOST_AUTO_TEST_CASE(a_window_of_a_stream_that_overflows_does_no_harm)
{
    using namespace frames;
    Drivers drivers;
    for (Http2Driver* const driver : {&drivers.secure, &drivers.plain}) {
        count_case();
        std::vector<Result> results;
        const auto seen = driver->run(Http2Driver::Plan{
            .name = "WINDOW_UPDATE of a stream by too much",
            .scripts = {driver->frames().script(in_flight([](FramePeer& peer, const Flight& flight) {
                peer.send(window_update(subject_id, largest_id));
                answer_all(peer, flight.others());
                peer.serve();
            }))},
            .calls = [&](Client& client) -> asio::awaitable<void> { results = co_await fly(client, Operation::get); }});
        // It is an error of the stream (RFC 9113, section 6.9.1), but ends the connection with some versions of
        // nghttp2.
        for (const Place place : {before, created, updated})
            BOOST_TEST((results[place].id == names[place] || (!seen.kept && results[place].is(Errc::protocol))));
        BOOST_TEST((seen.kept ? results[subject].is(Errc::protocol) : results[subject].id == names[subject]));
    }
}

BOOST_AUTO_TEST_CASE(floods_end_or_are_taken_in)
{
    using namespace frames;
    Drivers drivers;
    constexpr int many = 10'000;
    const auto repeated = [](const std::string& frame) {
        std::string bytes;
        for (int i = 0; i < many; ++i)
            bytes += frame;
        return bytes;
    };
    const std::string head = headers(subject_id, fields(good_fields()));
    struct Flood
    {
        std::string name;
        std::string bytes;
        std::string rest; ///< Of the answer; empty if there is none or the flood has it.
    };
    const std::string answer = good_answer();
    const std::string body = data(subject_id, user_body);
    const std::string rest_of_head = continuation(subject_id, field("content-type", "application/json")) + body;
    const std::vector<Flood> rows{
        {"SETTINGS", repeated(settings()), answer},
        {"SETTINGS of a value", repeated(settings({{initial_window_size, 65535}})), answer},
        {"ACKs", repeated(settings_ack()), answer},
        {"PING", repeated(ping()), answer},
        {"answers to PINGs", repeated(ping("8 bytes.", true)), answer},
        {"PRIORITY", repeated(frame(priority_type, no_flags, subject_id, number(7, 4) + "\x01")), answer},
        {"WINDOW_UPDATE", repeated(window_update(0, 1)), answer},
        {"WINDOW_UPDATE of a stream", repeated(window_update(subject_id, 1)), answer},
        {"unknown frames", repeated(frame(0xbe, 0, 0, "")), answer},
        {"empty DATA", head + repeated(data(subject_id, "", false)), body},
        {"DATA of padding", head + repeated(frame(data_type, padded, subject_id, std::string{"\x01\0", 2})), body},
        {"103", repeated(headers(subject_id, field(":status", "103"))), answer},
        {"CONTINUATION", headers(subject_id, "\x88", false, false) + repeated(continuation(subject_id, "", false)),
         rest_of_head},
        {"CONTINUATION of a field",
         headers(subject_id, "\x88", false, false) + repeated(continuation(subject_id, field("a", "b"), false)),
         rest_of_head},
        {"RST_STREAM", repeated(rst_stream(subject_id, cancel)), ""},
        {"GOAWAY", repeated(goaway(largest_id)), answer},
        {"HEADERS after the end", good_answer() + repeated(headers(subject_id, fields(good_fields()), true)), ""},
        {"DATA after the end", good_answer() + repeated(data(subject_id, "x")), ""},
        {"PUSH_PROMISE", repeated(frame(push_promise_type, end_headers, subject_id, number(2, 4) + "\x82")), answer},
    };
    for (const Flood& row : rows)
        for (const bool at_once : {true, false})
            for (Http2Driver* const driver : {&drivers.secure, &drivers.plain}) {
                count_case();
                Pieces pieces;
                for (std::size_t at = 900; !at_once && at < row.bytes.size(); at += 900)
                    pieces.splits.push_back(at);
                std::vector<Result> results;
                const auto seen = driver->run(Http2Driver::Plan{
                    .name = row.name + (at_once ? "" : ", bit by bit"),
                    .scripts = {driver->frames().script(in_flight([&](FramePeer& peer, const Flight& flight) {
                        peer.send(row.bytes);
                        answer_all(peer, flight.others());
                        peer.send(row.rest);
                        peer.serve();
                    }))},
                    .calls = [&](Client& client) -> asio::awaitable<void> {
                        co_await warm_up(client);
                        Calls calls;
                        calls.push_back(get(client, names[before]));
                        // What is not an answer leaves it waiting.
                        calls.push_back(get_with(client, names[subject], CallOptions{}.retries(false)));
                        calls.push_back(create(client, names[created]));
                        calls.push_back(update(client, names[updated]));
                        results = co_await together(std::move(calls));
                    },
                    .pieces = pieces});
                BOOST_TEST_CONTEXT(row.name << (at_once ? "" : ", bit by bit"))
                {
                    BOOST_TEST(results[before].id == names[before]);
                    BOOST_TEST(results[updated].id == names[updated]);
                    // It is not repeated if the connection is given up.
                    if (results[created].error)
                        BOOST_TEST(results[created].is(Errc::protocol));
                    else
                        BOOST_TEST(results[created].id == names[created]);
                    BOOST_TEST(seen.accepted <= 2U);
                }
            }
}

BOOST_AUTO_TEST_CASE(a_silent_connection_is_asked_whether_it_lives)
{
    using namespace frames;
    Drivers drivers;
    const auto eager = [](Config& config) {
        config.http2.ping_after = 20ms;
        config.http2.ping_timeout = 5s;
    };
    const auto impatient = [](Config& config) {
        config.http2.ping_after = 20ms;
        config.http2.ping_timeout = 200ms; // warm calls take less, also on a busy machine
    };
    const auto calm = [](Config& config) {
        config.http2.ping_after = 200ms;
        config.http2.ping_timeout = 5s;
    };
    for (Http2Driver* const driver : {&drivers.secure, &drivers.plain}) {
        for (const Operation operation : {Operation::get, Operation::create}) {
            count_case();
            driver->run({.name = "it lives",
                         .operation = operation,
                         .act =
                             [](FramePeer& peer, const Flight& flight) {
                                 peer.await([&] { return peer.seen().pings >= 3; });
                                 answer_all(peer, flight.others());
                                 peer.answer(flight.subject);
                                 peer.serve();
                             },
                         .fates = others_answered(here),
                         .configure = eager});
            count_case();
            driver->run({.name = "it does not",
                         .operation = operation,
                         .act = [](FramePeer& peer, const Flight&) { peer.expect_end(); },
                         .fates = all_may_be_processed(operation, Errc::truncated),
                         .kept = false,
                         .configure = impatient,
                         .manners = {.answers_pings = false}});
            count_case();
            driver->run({.name = "it ends in place of an answer",
                         .operation = operation,
                         .act =
                             [](FramePeer& peer, const Flight&) {
                                 peer.await([&] { return peer.seen().pings > 0; });
                                 peer.transport().fin();
                             },
                         .fates = all_may_be_processed(operation, Errc::truncated),
                         .kept = false,
                         .configure = eager,
                         .manners = {.answers_pings = false}});
        }
        // Frames of any kind are a sign of life.
        count_case();
        const auto talkative = driver->run({.name = "it says something",
                                            .act =
                                                [](FramePeer& peer, const Flight& flight) {
                                                    for (int i = 0; i < 100; ++i)
                                                        peer.await_ping_ack();
                                                    answer_all(peer, flight.others());
                                                    peer.answer(flight.subject);
                                                    peer.serve();
                                                },
                                            .fates = others_answered(here),
                                            .configure = [](Config& config) { config.http2.ping_after = 5s; }});
        BOOST_TEST(talkative.connections[0].pings == 0U);

        count_case();
        const auto idle =
            driver->run(Http2Driver::Plan{.name = "it is idle",
                                          .scripts = {},
                                          .calls = [](Client& client) -> asio::awaitable<void> {
                                              co_await warm_up(client);
                                              asio::steady_timer timer{co_await asio::this_coro::executor, 700ms};
                                              co_await timer.async_wait(asio::use_awaitable);
                                              co_await warm_up(client);
                                          },
                                          .configure = calm});
        BOOST_TEST(idle.connections[0].pings == 0U);
        BOOST_TEST(idle.accepted == 1U);
    }
}

BOOST_AUTO_TEST_CASE(a_response_that_arrives_is_a_sign_of_life_although_a_ping_waits_behind_it)
{
    using namespace frames;
    using Clock = std::chrono::steady_clock;
    Http2Driver driver;
    count_case();
    constexpr std::chrono::milliseconds ping_timeout = 500ms;
    std::vector<Result> results;
    const auto seen = driver.run(
        Http2Driver::Plan{.name = "a slow response",
                          .scripts = {driver.frames().script(
                              [&](FramePeer& peer) {
                                  peer.begin();
                                  peer.answer(peer.request());
                                  const std::vector<SeenStream> requests = peer.requests(2);
                                  const bool created_first = requests[0].subject() == "slow";
                                  const SeenStream& created = requests[created_first ? 0 : 1];
                                  peer.await_reset(requests[created_first ? 1 : 0].id);
                                  peer.await([&] { return peer.seen().pings > 0; });
                                  peer.send(headers(created.id, answer_block()));
                                  for (const auto end = Clock::now() + 3 * ping_timeout / 2; Clock::now() < end;) {
                                      peer.send(data(created.id, " ", false));
                                      std::this_thread::sleep_for(ping_timeout / 20); // a slow link
                                  }
                                  peer.send(data(created.id, answer_body(created)));
                                  peer.send(ping(number(0, 8), true));
                                  peer.serve();
                              },
                              {.answers_pings = false})},
                          .calls = [&](Client& client) -> asio::awaitable<void> {
                              co_await warm_up(client);
                              Calls calls;
                              calls.push_back(create(client, "slow"));
                              calls.push_back(get_with(client, "silent", CallOptions{}.timeout(200ms).retries(false)));
                              results = co_await together(std::move(calls));
                              co_await warm_up(client);
                          },
                          .configure = [&](Config& config) { config.http2.ping_timeout = ping_timeout; }});
    BOOST_TEST(results[0].id == "slow", (results[0].error ? to_string(*results[0].error) : results[0].id));
    BOOST_TEST(results[1].is(Errc::timeout));
    BOOST_TEST(seen.accepted == 2U); // none of the later calls is made on it
}

BOOST_AUTO_TEST_CASE(a_server_that_answers_each_ping_is_alive)
{
    using namespace frames;
    using Clock = std::chrono::steady_clock;
    Http2Driver driver;
    count_case();
    // When a PING is answered, the next one is sent at once, as another call was cancelled meanwhile.
    constexpr std::chrono::milliseconds ping_timeout = 2s;
    const std::string last = "last";
    Result result;
    const auto seen = driver.run(Http2Driver::Plan{
        .name = "always a PING that is not answered yet",
        .scripts = {driver.frames().script(
            [&](FramePeer& peer) {
                peer.begin();
                peer.answer(peer.request());
                peer.await_reset(peer.request().id);
                for (;;) {
                    const SeenStream request = peer.request();
                    if (request.subject() == last) {
                        peer.manners().answers_pings = true;
                        peer.send(ping(number(0, 8), true));
                        peer.answer(request);
                        return peer.serve();
                    }
                    peer.await_reset(request.id);
                    peer.send(ping(number(0, 8), true));
                }
            },
            {.answers_pings = false})},
        .calls = [&](Client& client) -> asio::awaitable<void> {
            co_await warm_up(client);
            const auto enough = Clock::now() + ping_timeout + ping_timeout / 4;
            while (Clock::now() < enough) {
                const Result silent = co_await get_with(client, "silent", CallOptions{}.timeout(10ms).retries(false));
                BOOST_TEST(silent.is(Errc::timeout));
            }
            result = co_await get(client, last);
        },
        .configure = [&](Config& config) { config.http2.ping_timeout = ping_timeout; }});
    BOOST_TEST(result.id == last);
    BOOST_TEST(seen.accepted == 1U);
    BOOST_TEST(seen.connections[0].pings > 2U);
}

BOOST_AUTO_TEST_CASE(a_request_that_no_place_was_left_for_counts_as_not_sent)
{
    using namespace frames;
    Http2Driver driver;
    count_case();
    std::promise<void> is_idle;
    std::promise<void> has_no_place;
    Result result;
    const auto seen = driver.run(
        Http2Driver::Plan{.name = "SETTINGS on an idle connection",
                          .scripts = {driver.frames().script([&](FramePeer& peer) {
                              peer.begin();
                              peer.answer(peer.request());
                              is_idle.get_future().wait();
                              peer.send(settings({{max_concurrent_streams, 0}}));
                              has_no_place.set_value();
                              peer.expect_end();
                          })},
                          .calls = [&](Client& client) -> asio::awaitable<void> {
                              co_await warm_up(client);
                              is_idle.set_value();
                              has_no_place.get_future().wait(); // the SETTINGS are read when the next call is made
                              result = co_await create(client, "created");
                          },
                          .configure = [](Config& config) { config.timeouts.attempt = 500ms; }});
    BOOST_TEST(result.id == "created");
    BOOST_TEST(seen.connections[0].streams.size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_is_uploaded_waits_for_windows)
{
    using namespace frames;
    Drivers drivers;
    constexpr std::size_t size = 1'000'000;
    struct Upload
    {
        std::string name;
        FrameManners manners;
        std::function<void(FramePeer&)> act; ///< Once the window is used up.
        std::function<void(const Result&)> check;
        CallOptions options = {};
    };
    const auto is_done = [](const Result& result) {
        BOOST_TEST_CONTEXT((result.error ? to_string(*result.error) : ""))
        BOOST_TEST(result.id == "big");
    };
    const FrameManners closed{.opens_windows = false};
    const auto big = [](FramePeer& peer) -> const SeenStream& {
        for (const auto& [id, stream] : peer.seen().streams)
            if (stream.body.find("big@example.com") != std::string::npos)
                return stream;
        throw ScriptFailure{"it is missing"};
    };
    const auto answer_to_big = [](std::uint32_t id) {
        return headers(id, answer_block()) + data(id, R"({"user":{"id":"big","email":"big@example.com"}})");
    };
    const std::vector<Upload> rows{
        {"it is taken", {}, [](FramePeer&) {}, is_done},
        {"never opened", closed,
         [&](FramePeer& peer) {
             peer.await_reset(big(peer).id);
             peer.manners().opens_windows = true;
             if (big(peer).body.size() != 65535)
                 throw ScriptFailure{"not as much was sent as may be"};
         },
         [](const Result& result) {
             BOOST_TEST(result.is(Errc::timeout));
             if (!result.error)
                 return;
             BOOST_TEST(to_string(result.error->stage) == to_string(Stage::write));
             BOOST_TEST(to_string(result.error->effect) == to_string(Effect::unknown));
         },
         CallOptions{}.timeout(500ms).retries(false)},
        {"answered early", closed,
         [&](FramePeer& peer) {
             const std::uint32_t id = big(peer).id;
             peer.send(answer_to_big(id));
             peer.await_reset(id);
             peer.manners().opens_windows = true;
         },
         is_done},
        {"answered early, then NO_ERROR", closed,
         [&](FramePeer& peer) {
             const std::uint32_t id = big(peer).id;
             peer.send(answer_to_big(id) + rst_stream(id, no_error));
             peer.manners().opens_windows = true;
         },
         is_done},
        {"refused early", closed,
         [&](FramePeer& peer) {
             const std::uint32_t id = big(peer).id;
             peer.send(headers(id, fields({{":status", "413"}}), true) + rst_stream(id, no_error));
             peer.manners().opens_windows = true;
         },
         [](const Result& result) {
             BOOST_TEST(result.is(Errc::api));
             if (result.error)
                 BOOST_TEST(result.error->http_status == 413);
         }},
        {"reset", closed,
         [&](FramePeer& peer) {
             peer.send(rst_stream(big(peer).id, internal_error));
             peer.manners().opens_windows = true;
         },
         [](const Result& result) {
             BOOST_TEST(result.is(Errc::truncated));
             if (result.error)
                 BOOST_TEST(to_string(result.error->effect) == to_string(Effect::unknown));
         }},
        {"refused, then taken", closed,
         [&](FramePeer& peer) {
             peer.send(rst_stream(big(peer).id, refused_stream) + window_update(0, 1'000'000));
             peer.manners().opens_windows = true;
         },
         is_done},
        {"shrunk, then opened", closed,
         [&](FramePeer& peer) {
             const std::uint32_t id = big(peer).id;
             peer.send(settings({{initial_window_size, 100}}));
             peer.await_ping_ack();
             const std::size_t before_that = big(peer).body.size();
             peer.send(window_update(0, 1'000'000) + window_update(id, 65535 - 100));
             peer.await_ping_ack();
             if (big(peer).body.size() != before_that)
                 throw ScriptFailure{"more was sent than may be"};
             peer.manners().opens_windows = true;
             peer.send(window_update(id, 1'000'000));
         },
         is_done},
    };
    for (const Upload& row : rows)
        for (Http2Driver* const driver : {&drivers.secure, &drivers.plain}) {
            count_case();
            std::vector<Result> results;
            const auto seen = driver->run(Http2Driver::Plan{
                .name = row.name,
                .scripts = {driver->frames().script(
                    [&](FramePeer& peer) {
                        peer.begin();
                        peer.answer(peer.request());
                        // The connection's window is no matter here.
                        peer.send(window_update(0, 1'000'000));
                        const std::vector<SeenStream> others = peer.requests(3);
                        if (!row.manners.opens_windows)
                            peer.await([&] {
                                return std::any_of(peer.seen().streams.begin(), peer.seen().streams.end(),
                                                   [](const auto& entry) { return entry.second.body.size() >= 65535; });
                            });
                        row.act(peer);
                        answer_all(peer, others);
                        peer.serve();
                    },
                    row.manners)},
                .calls = [&](Client& client) -> asio::awaitable<void> {
                    co_await warm_up(client);
                    Calls calls;
                    calls.push_back(get(client, names[before]));
                    calls.push_back(create_big(client, "big", size, row.options));
                    calls.push_back(create(client, names[created]));
                    calls.push_back(update(client, names[updated]));
                    results = co_await together(std::move(calls));
                }});
            BOOST_TEST_CONTEXT(row.name)
            {
                row.check(results[1]);
                for (const Place other : {before, created, updated})
                    BOOST_TEST(results[other].id == names[other]);
                BOOST_TEST(seen.kept);
            }
        }
}

BOOST_AUTO_TEST_CASE(a_large_answer_does_not_hold_small_ones_up)
{
    using namespace frames;
    Drivers drivers;
    constexpr std::size_t small_ones = 100;
    constexpr std::size_t piece = 16'384;
    for (Http2Driver* const driver : {&drivers.secure, &drivers.plain}) {
        count_case();
        std::vector<std::string> order;
        std::string large = R"({"user":{"id":"large","email":"large@example.com","status":"active","x":")";
        large += std::string(std::size_t{16} * 1024 * 1024 - large.size() - 3, 'x') + R"("}})";
        driver->run(Http2Driver::Plan{
            .name = "a large answer",
            .scripts = {driver->frames().script([&](FramePeer& peer) {
                peer.begin();
                std::vector<SeenStream> all = peer.requests(small_ones + 1);
                const auto large_one = std::find_if(
                    all.begin(), all.end(), [](const SeenStream& stream) { return stream.subject() == "large"; });
                const std::uint32_t id = large_one->id;
                all.erase(large_one);
                peer.send(headers(id, answer_block()));
                std::string_view left = large;
                for (; left.size() > piece; left.remove_prefix(piece)) {
                    peer.send_data(id, left.substr(0, piece), piece, false);
                    // All of them are answered in the first tenth.
                    if (!all.empty()) {
                        peer.answer(all.back());
                        all.pop_back();
                    }
                }
                peer.send_data(id, left, piece);
                peer.serve();
            })},
            .calls = [&](Client& client) -> asio::awaitable<void> {
                const auto note = [](Awaited what, std::vector<std::string>& ended) -> Awaited {
                    Result result = co_await std::move(what);
                    if (result.error)
                        BOOST_TEST_MESSAGE(to_string(*result.error));
                    ended.push_back(result.id);
                    co_return result;
                };
                Calls calls;
                calls.push_back(note(get(client, "large"), order));
                for (std::size_t i = 0; i < small_ones; ++i)
                    calls.push_back(note(get(client, "small-" + std::to_string(i)), order));
                const std::vector<Result> results = co_await together(std::move(calls));
                BOOST_TEST(results[0].id == "large");
                for (std::size_t i = 0; i < small_ones; ++i)
                    BOOST_TEST(results[i + 1].id == "small-" + std::to_string(i));
            },
            .configure = on_one_connection});
        BOOST_TEST(order.size() == small_ones + 1);
        BOOST_TEST(order.back() == "large");
    }
}

BOOST_AUTO_TEST_CASE(thousands_of_calls_share_few_streams)
{
    using namespace frames;
    Drivers drivers;
    struct Crowd
    {
        std::size_t calls;
        std::uint32_t streams;
        std::size_t connections;
    };
    for (const Crowd& crowd : {Crowd{10'000, 100, 1}, Crowd{10'000, 100, 8}, Crowd{1'000, 1, 1}, Crowd{1'000, 1, 8},
                               Crowd{1'000, 1'000, 8}}) {
        count_case();
        Http2Driver& driver = drivers.secure;
        const Script script = driver.frames().script([&](FramePeer& peer) {
            peer.begin(settings({{max_concurrent_streams, crowd.streams}}));
            peer.serve();
        });
        std::size_t right = 0;
        const auto seen = driver.run(Http2Driver::Plan{
            .name = std::to_string(crowd.calls) + " calls, " + std::to_string(crowd.streams) + " streams",
            .scripts = std::vector<Script>(crowd.connections, script),
            .calls = [&](Client& client) -> asio::awaitable<void> {
                co_await warm_up(client);
                Calls calls;
                for (std::size_t i = 0; i < crowd.calls; ++i)
                    calls.push_back(get(client, "user-" + std::to_string(i)));
                const std::vector<Result> results = co_await together(std::move(calls));
                for (std::size_t i = 0; i < crowd.calls; ++i)
                    right += results[i].id == "user-" + std::to_string(i) ? 1 : 0;
            },
            .configure =
                [&](Config& config) {
                    config.http2.max_connections = crowd.connections;
                    config.timeouts.total = 60s;
                }});
        BOOST_TEST(right == crowd.calls);
        BOOST_TEST(seen.accepted <= crowd.connections);
        std::size_t requests = 0;
        for (const SeenConnection& connection : seen.connections) {
            requests += connection.streams.size();
            BOOST_TEST(connection.most_open <= crowd.streams);
        }
        BOOST_TEST(requests == crowd.calls + 1);
    }
}

BOOST_AUTO_TEST_CASE(a_server_that_takes_nothing_is_not_stormed)
{
    using namespace frames;
    Drivers drivers;
    constexpr std::size_t calls_made = 1'000;
    struct Storm
    {
        std::string name;
        FrameScript act;
        std::size_t most_connections;
        std::optional<Effect> effect; ///< Of creations. Absent if they may have been sent or not.
        std::size_t most_requests = 3;
    };
    const auto reset_each = [](std::uint32_t code) {
        return [code](FramePeer& peer) {
            peer.begin();
            peer.answer(peer.request());
            for (;;) {
                const SeenStream request = peer.request();
                if (request.subject().starts_with("sentinel"))
                    break;
                peer.send(rst_stream(request.id, code));
            }
            // The sentinel is refused once more.
            peer.send(rst_stream(peer.seen().streams.rbegin()->first, refused_stream));
            peer.serve();
        };
    };
    const auto lose_each = [](void (Peer::*end)()) {
        return [end](FramePeer& peer) {
            peer.begin();
            SeenStream request = peer.request();
            if (request.subject().starts_with("sentinel")) {
                peer.answer(request);
                return peer.serve();
            }
            if (request.subject() == "warm-up") {
                peer.answer(request);
                request = peer.request();
            }
            (peer.transport().*end)();
        };
    };
    const std::vector<Storm> rows{
        {"REFUSED_STREAM", reset_each(refused_stream), 1, Effect::none},
        {"INTERNAL_ERROR", reset_each(internal_error), 1, Effect::unknown},
        {"ENHANCE_YOUR_CALM", reset_each(enhance_your_calm), 1, Effect::unknown},
        // Each connection ends a call's attempt at least, and there are three of each call.
        {"GOAWAY",
         [](FramePeer& peer) {
             peer.begin();
             const SeenStream request = peer.request();
             if (request.subject() == "warm-up" || request.subject().starts_with("sentinel")) {
                 peer.answer(request);
                 if (request.subject() != "warm-up")
                     return peer.serve();
                 peer.request();
             }
             peer.send(goaway(request.subject() == "warm-up" ? request.id : 0, enhance_your_calm));
             peer.expect_end();
         },
         3 * calls_made / 100 + 8, Effect::none},
        // What is lost on the first connection, which answered, is repeated in addition.
        {"FIN", lose_each(&Peer::fin), 3 * calls_made / 100 + 8, std::nullopt, 4},
        {"RST", lose_each(&Peer::rst), 3 * calls_made / 100 + 8, std::nullopt, 4},
    };
    for (const Storm& row : rows)
        for (const Operation operation : {Operation::get, Operation::create}) {
            count_case();
            Http2Driver& driver = drivers.secure;
            std::vector<Result> results;
            const auto seen = driver.run(Http2Driver::Plan{
                .name = row.name,
                .scripts = std::vector<Script>(2 * row.most_connections, driver.frames().script(row.act)),
                .calls = [&](Client& client) -> asio::awaitable<void> {
                    co_await warm_up(client);
                    Calls calls;
                    for (std::size_t i = 0; i < calls_made; ++i)
                        calls.push_back(call(client, operation, "user-" + std::to_string(i)));
                    results = co_await together(std::move(calls));
                }});
            std::size_t requests = 0;
            for (const SeenConnection& connection : seen.connections)
                requests += connection.streams.size();
            std::map<std::string, std::size_t> per_call;
            for (const SeenConnection& connection : seen.connections)
                for (const auto& [id, stream] : connection.streams)
                    ++per_call[stream.subject()];
            std::size_t most = 0; // of one call
            for (const auto& [name, count] : per_call)
                if (name.starts_with("user-"))
                    most = std::max(most, count);
            std::size_t failed = 0;
            for (const Result& result : results) {
                failed += result.is(Errc::truncated) ? 1 : 0;
                if (result.error && operation == Operation::create && row.effect)
                    BOOST_REQUIRE(to_string(result.error->effect) == to_string(*row.effect));
            }
            BOOST_TEST_CONTEXT(row.name << ", requests: " << requests << ", connections: " << seen.accepted)
            {
                BOOST_TEST(failed == results.size());
                BOOST_TEST(most <= row.most_requests);
                BOOST_TEST(seen.accepted <= row.most_connections);
            }
        }
}

BOOST_AUTO_TEST_CASE(a_client_that_ends_ends_its_calls)
{
    using namespace frames;
    Drivers drivers;
    for (Http2Driver* const driver : {&drivers.secure, &drivers.plain})
        for (const bool closes : {true, false}) {
            count_case();
            count_run();
            const std::size_t descriptors = open_descriptors();
            std::promise<void> in_flight_now;
            driver->frames().plan({driver->frames().script([&](FramePeer& peer) {
                peer.begin();
                peer.requests(100);
                in_flight_now.set_value();
                peer.expect_end();
            })});
            std::optional<Client> client{std::in_place, driver->context(), driver->config()};
            std::vector<Result> results;
            driver->run([](Http2Driver& of, std::optional<Client>& on, bool close, std::promise<void>& ready,
                           std::vector<Result>& all) -> asio::awaitable<void> {
                Calls calls;
                for (int i = 0; i < 100; ++i)
                    calls.push_back(get(*on, "user-" + std::to_string(i)));
                std::thread waiting{[&] {
                    ready.get_future().wait();
                    asio::post(of.context(), [&] {
                        if (close)
                            on->close();
                        else
                            on.reset();
                    });
                }};
                all = co_await together(std::move(calls));
                waiting.join();
            }(*driver, client, closes, in_flight_now, results));
            client.reset();
            driver->context().restart();
            driver->context().run();
            for (const Result& result : results)
                BOOST_TEST(result.is(Errc::shut_down));
            BOOST_TEST(driver->driver().server().finish() == "");
            BOOST_TEST(open_descriptors() == descriptors);
        }
}

BOOST_AUTO_TEST_CASE(calls_end_with_their_client_or_context_in_every_state)
{
    using namespace frames;
    using MakeCall = Awaited (*)(Client&, std::string);
    struct State
    {
        std::string name;
        FrameScript reach; ///< Returns when the calls have got so far.
        MakeCall make = [](Client& client, std::string id) { return get(client, std::move(id)); };
        FrameManners manners = {};
        std::function<void(Config&)> configure = [](Config&) {};
    };
    constexpr std::size_t calls_made = 4;
    const std::vector<State> states{
        {.name = "waiting for a place",
         .reach =
             [](FramePeer& peer) {
                 peer.begin(settings({{max_concurrent_streams, 1}}));
                 peer.request();
                 peer.await_ping_ack();
             },
         .configure = [](Config& config) { config.http2.max_connections = 1; }},
        {.name = "sending",
         .reach =
             [](FramePeer& peer) {
                 peer.begin();
                 peer.await([&] { return peer.seen().streams.size() == calls_made; });
                 peer.await_ping_ack();
             },
         .make = [](Client& client, std::string id) { return create_big(client, std::move(id), 1'000'000); },
         .manners = {.opens_windows = false}},
        {.name = "unanswered",
         .reach =
             [](FramePeer& peer) {
                 peer.begin();
                 peer.requests(calls_made);
             }},
        {.name = "half answered",
         .reach =
             [](FramePeer& peer) {
                 peer.begin();
                 for (const SeenStream& request : peer.requests(calls_made))
                     peer.send(headers(request.id, answer_block()) + data(request.id, "{", false));
                 peer.await_ping_ack();
             }},
        {.name = "unanswered, and so is a PING",
         .reach =
             [](FramePeer& peer) {
                 peer.begin();
                 peer.requests(calls_made);
                 peer.await([&] { return peer.seen().pings > 0; });
             },
         .manners = {.answers_pings = false},
         .configure = [](Config& config) { config.http2.ping_after = 50ms; }},
        {.name = "unanswered after GOAWAY",
         .reach =
             [](FramePeer& peer) {
                 peer.begin();
                 peer.send(goaway(peer.requests(calls_made).back().id));
                 peer.await_ping_ack();
             }},
    };
    enum class Ending { close, client_destroyed, context_destroyed };
    Http2Driver driver;
    for (const State& state : states)
        for (const Ending ending : {Ending::close, Ending::client_destroyed, Ending::context_destroyed})
            BOOST_TEST_CONTEXT(state.name << ", ending " << static_cast<int>(ending))
            {
                count_case();
                count_run();
                const std::size_t descriptors = open_descriptors();
                std::promise<void> reached;
                driver.frames().plan({driver.frames().script(
                    [&](FramePeer& peer) {
                        state.reach(peer);
                        reached.set_value();
                        peer.expect_end();
                    },
                    state.manners)});
                std::vector<Result> results;
                {
                    asio::io_context context{1};
                    Config config = driver.config();
                    state.configure(config);
                    std::optional<Client> client{std::in_place, context, config};
                    for (std::size_t i = 0; i < calls_made; ++i)
                        asio::co_spawn(context, state.make(*client, "user-" + std::to_string(i)),
                                       [&](std::exception_ptr error, Result result) {
                                           BOOST_TEST(!error);
                                           results.push_back(std::move(result));
                                       });
                    std::thread waiting{[&] {
                        const bool is_reached =
                            reached.get_future().wait_for(ScriptServer::patience) == std::future_status::ready;
                        asio::post(context, [&, is_reached] {
                            BOOST_TEST(is_reached);
                            BOOST_TEST(results.empty());
                            if (ending == Ending::close)
                                client->close();
                            else if (ending == Ending::client_destroyed)
                                client.reset();
                            else
                                context.stop();
                        });
                    }};
                    context.run();
                    waiting.join();
                    BOOST_TEST(results.size() == (ending == Ending::context_destroyed ? 0 : calls_made));
                }
                for (const Result& result : results)
                    BOOST_TEST(result.is(Errc::shut_down));
                BOOST_TEST(driver.driver().server().finish() == "");
                BOOST_TEST(open_descriptors() == descriptors);
            }
}

BOOST_AUTO_TEST_CASE(calls_of_many_threads_get_their_own_answers)
{
    using namespace frames;
    count_case();
    count_run();
    // Each connection refuses, resets, ends, or goes away now and then.
    Http2Driver driver;
    constexpr int calls_made = 2'000;
    const Script script = driver.frames().script([](FramePeer& peer) {
        peer.begin(settings({{max_concurrent_streams, 50}}));
        for (int i = 1;; ++i) {
            const SeenStream request = peer.request();
            if (i % 7 == 0)
                peer.send(rst_stream(request.id, refused_stream));
            else if (i % 11 == 0)
                peer.send(headers(request.id, answer_block()) + rst_stream(request.id, cancel));
            else if (i % 500 == 0)
                peer.send(goaway(request.id) + answer_frames(request));
            else
                peer.answer(request);
        }
    });
    driver.frames().plan(std::vector<Script>(64, script));
    asio::thread_pool threads{4};
    std::atomic<int> right = 0;
    std::atomic<int> wrong = 0;
    std::atomic<int> failed = 0;
    {
        Client client{threads, driver.config()};
        std::vector<std::future<void>> all;
        for (int thread = 0; thread < 4; ++thread)
            all.push_back(asio::co_spawn(
                asio::make_strand(threads),
                [](Client& on, int which, std::atomic<int>& r, std::atomic<int>& w,
                   std::atomic<int>& f) -> asio::awaitable<void> {
                    for (int i = 0; i < calls_made / 4; i += 20) {
                        Calls calls;
                        for (int k = 0; k < 20; ++k)
                            calls.push_back(get(on, std::to_string(which) + "-" + std::to_string(i + k)));
                        const std::vector<Result> results = co_await together(std::move(calls));
                        for (int k = 0; k < 20; ++k) {
                            const Result& result = results[static_cast<std::size_t>(k)];
                            const bool is_own = result.id == std::to_string(which) + "-" + std::to_string(i + k);
                            ++(result.error ? f : is_own ? r : w);
                        }
                    }
                }(client, thread, right, wrong, failed),
                asio::use_future));
        for (auto& each : all)
            each.get();
    }
    threads.join();
    BOOST_TEST(wrong == 0);
    BOOST_TEST(right + failed == calls_made);
    BOOST_TEST(right >= calls_made / 2);
    BOOST_TEST(driver.driver().server().finish() == "");
}
