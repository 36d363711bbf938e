#include "http2/session.hpp"

#include "http2/peer.hpp"

#include <boost/test/unit_test.hpp>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <deque>
#include <dlfcn.h>
#include <functional>

using namespace passage;
using namespace passage::http2;
using namespace passage::http2::test;
using State = Stream::State;

namespace {

/// Inside the session that was made last.
nghttp2_session* made_last = nullptr;

} // namespace

extern "C" [[gnu::visibility("default")]] int nghttp2_session_client_new3(nghttp2_session** made,
                                                                          const nghttp2_session_callbacks* callbacks,
                                                                          void* user_data, const nghttp2_option* option,
                                                                          nghttp2_mem* memory)
{
    static const auto original =
        reinterpret_cast<decltype(&nghttp2_session_client_new3)>(dlsym(RTLD_NEXT, "nghttp2_session_client_new3"));
    const int result = original(made, callbacks, user_data, option, memory);
    made_last = *made;
    return result;
}

namespace {

constexpr std::string_view key = "the-api-key-0123456789";

struct Fixture
{
    explicit Fixture(http::ResponseLimits limits = {16 * 1024, 100, 1024 * 1024, 8})
        : session{std::make_shared<http::CommonFields>("h.example:8443", Secret{key}, "shop/2.1"),
                  {"https", 1024 * 1024, 16 * 1024 * 1024, limits, 100}}
    {}

    /// A request under way, which the peer has read. Its stream is 1, 3, 5 and so on.
    Stream& begin(std::string method = "GET", std::string body = {})
    {
        http::Request& request = requests.emplace_back();
        request.method = method == "GET" ? "GET" : "POST";
        request.target = "/v1/apps/a/users/u" + std::to_string(requests.size());
        request.has_body = !body.empty();
        request.body = std::move(body);
        Stream& stream = streams.emplace_back();
        session.begin(stream, request, {});
        peer.read_from(session);
        return stream;
    }

    void receive(std::string_view bytes)
    {
        session.receive(bytes, now);
        peer.read_from(session);
    }

    /// Byte by byte.
    void receive_slowly(std::string_view bytes)
    {
        for (const char& byte : bytes)
            session.receive({&byte, 1}, now);
        peer.read_from(session);
    }

    Peer peer;
    Session session;
    TimePoint now{std::chrono::hours{1}};
    std::deque<http::Request> requests;
    std::deque<Stream> streams;
};

std::string_view value_of(const Peer::Request& request, std::string_view name)
{
    const auto found = std::find_if(request.fields.begin(), request.fields.end(),
                                    [&](const auto& field) { return field.first == name; });
    return found == request.fields.end() ? "(none)" : std::string_view{found->second};
}

Errc code_of(Stream& stream)
{
    return stream.take_failure().error.code;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sessions)

BOOST_FIXTURE_TEST_CASE(a_request_has_these_fields, Fixture)
{
    begin();
    const Peer::Request& request = peer.requests.at(1);
    BOOST_TEST(request.complete);
    const Fields expected{{":method", "GET"},
                          {":scheme", "https"},
                          {":authority", "h.example:8443"},
                          {":path", "/v1/apps/a/users/u1"},
                          {"user-agent", "shop/2.1 passage-cpp/" PASSAGE_VERSION},
                          {"passage-version", "passage-cpp " PASSAGE_VERSION},
                          {"accept", "application/json"},
                          {"accept-encoding", "identity"},
                          {"authorization", "Bearer " + std::string{key}}};
    BOOST_TEST((request.fields == expected));
}

BOOST_FIXTURE_TEST_CASE(the_api_key_is_never_indexed, Fixture)
{
    for (int i = 0; i < 3; ++i)
        begin();
    for (const auto& [id, request] : peer.requests)
        BOOST_TEST((request.never_indexed == std::vector<std::string>{"authorization"}));
}

BOOST_FIXTURE_TEST_CASE(a_body_a_trace_and_the_callers_fields_go_along, Fixture)
{
    http::Request request;
    request.method = "POST";
    request.target = "/users";
    request.body = std::string(40'000, 'b');
    request.has_body = true;
    request.extra = {{"X-Trace", "1"}};
    Stream stream;
    session.begin(stream, request, "00-1-2-01");
    peer.read_from(session);
    const Peer::Request& read = peer.requests.at(1);
    BOOST_TEST(read.complete);
    BOOST_TEST(read.body == request.body);
    BOOST_TEST(value_of(read, "content-type") == "application/json");
    BOOST_TEST(value_of(read, "content-length") == "40000");
    BOOST_TEST(value_of(read, "traceparent") == "00-1-2-01");
    BOOST_TEST(value_of(read, "x-trace") == "1");
    session.reset(stream);
}

BOOST_FIXTURE_TEST_CASE(a_method_that_expects_a_body_says_that_there_is_none, Fixture)
{
    http::Request request;
    request.method = "PATCH";
    request.target = "/users/u/activate";
    Stream stream;
    session.begin(stream, request, {});
    peer.read_from(session);
    BOOST_TEST(value_of(peer.requests.at(1), "content-length") == "0");
    BOOST_TEST(peer.requests.at(1).complete);
    session.reset(stream);
}

BOOST_FIXTURE_TEST_CASE(the_session_says_its_windows_and_that_it_takes_no_pushes, Fixture)
{
    peer.read_from(session);
    BOOST_TEST(peer.client_settings.at(NGHTTP2_SETTINGS_ENABLE_PUSH) == 0u);
    BOOST_TEST(peer.client_settings.at(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) == 1024u * 1024u);
    BOOST_TEST(peer.client_settings.at(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE) == 16u * 1024u);
    BOOST_TEST(peer.window_update == 16u * 1024u * 1024u - 65'535u);
}

BOOST_FIXTURE_TEST_CASE(a_response_is_read_byte_by_byte, Fixture)
{
    Stream& stream = begin();
    receive_slowly(settings() + response_head(1, 103, {{"link", "x"}}) +
                   response_head(1, 429,
                                 {{"content-type", "application/json"},
                                  {"retry-after", "7"},
                                  {"x-request-id", "id"},
                                  {"date", "Wed, 25 Nov 2026 00:00:00 GMT"}}) +
                   data(1, "{\"a\"", false) + data(1, ":1}", false));
    BOOST_TEST((stream.state() == State::open));
    BOOST_TEST(session.next_ended() == nullptr);
    receive_slowly(
        frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, field_bytes("retry-after", "9")));
    BOOST_TEST_REQUIRE((stream.state() == State::complete));
    BOOST_TEST(session.next_ended() == &stream);
    BOOST_TEST(session.next_ended() == nullptr);
    const http::Response response = stream.take_response();
    BOOST_TEST(response.status == 429);
    BOOST_TEST(response.body == "{\"a\":1}");
    BOOST_TEST(std::string_view{response.content_type} == "application/json");
    BOOST_TEST(response.retry_after == "7");
    BOOST_TEST(response.request_id == "id");
    BOOST_TEST(std::string_view{response.date} == "Wed, 25 Nov 2026 00:00:00 GMT");
    BOOST_TEST(!session.is_draining());
}

BOOST_FIXTURE_TEST_CASE(responses_come_in_any_order_and_interleaved, Fixture)
{
    std::array<Stream*, 4> asked{&begin(), &begin(), &begin(), &begin()};
    receive(settings() + response_head(5, 200) + response_head(1, 200) + data(5, "fi", false) + data(1, "o", false) +
            data(5, "ve") + response_head(7, 204, {}, true) + response_head(3, 200) + data(3, "three") + data(1, "ne"));
    const std::array<std::string_view, 4> bodies{"one", "three", "five", ""};
    for (std::size_t i = 0; i < asked.size(); ++i) {
        BOOST_TEST_REQUIRE((asked[i]->state() == State::complete));
        BOOST_TEST(asked[i]->take_response().body == bodies[i]);
    }
    BOOST_TEST(session.next_ended() == asked[2]);
    BOOST_TEST(session.next_ended() == asked[3]);
}

BOOST_FIXTURE_TEST_CASE(how_far_a_request_is_is_known, Fixture)
{
    http::Request request;
    request.method = "POST";
    request.target = "/";
    request.body = std::string(100'000, 'b');
    request.has_body = true;
    Stream stream;
    session.begin(stream, request, {});
    BOOST_TEST(!stream.is_begun());
    peer.read_from(session);
    BOOST_TEST(stream.is_begun());
    BOOST_TEST(!stream.is_sent()); // the window is 65,535 bytes
    receive(settings() + frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string{"\0\1\0\0", 4}) +
            frame(NGHTTP2_WINDOW_UPDATE, 0, 1, std::string{"\0\1\0\0", 4}));
    BOOST_TEST(stream.is_sent());
    BOOST_TEST(peer.requests.at(1).body.size() == request.body.size());
    BOOST_TEST(!stream.is_answered());
    receive(response_head(1, 200));
    BOOST_TEST(stream.is_answered());
    session.reset(stream);
}

BOOST_FIXTURE_TEST_CASE(the_time_of_the_first_frame_of_a_response_is_known, Fixture)
{
    Stream& stream = begin();
    BOOST_TEST(!stream.answered_at().has_value());
    const TimePoint first = now += std::chrono::seconds{1};
    receive(settings() + response_head(1, 200));
    now += std::chrono::seconds{1};
    receive(data(1, "body"));
    BOOST_TEST((stream.state() == State::complete));
    BOOST_TEST((stream.answered_at() == first));
}

BOOST_FIXTURE_TEST_CASE(an_answer_before_the_whole_request_counts, Fixture)
{
    Stream& stream = begin("POST", std::string(100'000, 'b'));
    receive(settings() + response_head(1, 413, {}, true) + rst_stream(1, NGHTTP2_NO_ERROR));
    BOOST_TEST((stream.state() == State::complete));
    BOOST_TEST(stream.take_response().status == 413);
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_the_server_resets_fails_alone, Fixture)
{
    Stream& refused = begin();
    Stream& cancelled = begin();
    Stream& other = begin();
    receive(settings() + rst_stream(1, NGHTTP2_REFUSED_STREAM) + rst_stream(3, NGHTTP2_CANCEL) +
            response_head(5, 204, {}, true));
    BOOST_TEST(!refused.is_begun());
    BOOST_TEST(refused.is_answered());
    BOOST_TEST(refused.take_failure().transient);
    BOOST_TEST(cancelled.is_begun());
    BOOST_TEST(cancelled.is_answered());
    BOOST_TEST(cancelled.take_failure().transient);
    BOOST_TEST((other.state() == State::complete));
    BOOST_TEST(!session.is_draining());
}

BOOST_FIXTURE_TEST_CASE(goaway_says_which_requests_were_not_processed, Fixture)
{
    Stream& first = begin();
    Stream& second = begin();
    receive(settings() + goaway(1));
    BOOST_TEST(session.is_draining());
    BOOST_TEST((first.state() == State::open));
    BOOST_TEST_REQUIRE((second.state() == State::failed));
    BOOST_TEST(!second.is_begun());
    BOOST_TEST(second.is_answered());
    Stream& late = begin();
    BOOST_TEST((late.state() == State::failed));
    BOOST_TEST(!late.is_begun());
    receive(response_head(1, 204, {}, true));
    BOOST_TEST((first.state() == State::complete));
}

BOOST_FIXTURE_TEST_CASE(a_graceful_goaway_lets_all_end, Fixture)
{
    Stream& first = begin();
    receive(settings() + goaway(0x7fff'ffff));
    BOOST_TEST(session.is_draining());
    receive(goaway(1));
    receive(response_head(1, 204, {}, true));
    BOOST_TEST((first.state() == State::complete));
}

BOOST_FIXTURE_TEST_CASE(a_reset_stream_takes_a_place_until_a_ping_is_answered, Fixture)
{
    Stream& first = begin();
    Stream& second = begin();
    receive(settings({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 3}}));
    BOOST_TEST(session.places() == 3u);
    session.reset(first);
    BOOST_TEST(session.places() == 2u);
    peer.read_from(session);
    BOOST_TEST((peer.requests.at(1).reset == NGHTTP2_CANCEL));
    BOOST_TEST(peer.pings == 1u);
    const auto first_ping = session.unanswered_ping();
    BOOST_TEST(first_ping != 0u);
    session.reset(second);
    BOOST_TEST(session.places() == 1u);
    peer.read_from(session);
    BOOST_TEST(peer.pings == 1u);
    receive(ping_ack()); // which was sent before the second was reset
    BOOST_TEST(session.places() == 2u);
    BOOST_TEST(peer.pings == 2u);
    BOOST_TEST(session.awaits_ping());
    BOOST_TEST(session.unanswered_ping() != first_ping);
    receive(ping_ack());
    BOOST_TEST(session.places() == 3u);
    BOOST_TEST(!session.awaits_ping());
}

BOOST_FIXTURE_TEST_CASE(a_session_that_has_ended_sends_nothing_that_was_queued, Fixture)
{
    begin();
    http::Request& request = requests.emplace_back();
    request.method = "DELETE";
    request.target = "/v1/apps/a/users/u2";
    Stream& queued = streams.emplace_back();
    session.begin(queued, request, {});
    session.reset(streams.front()); // which queues a PING
    session.fail({Error{Errc::truncated}, true});
    BOOST_TEST((queued.state() == State::failed));
    BOOST_TEST(!queued.is_begun());
    peer.read_from(session);
    BOOST_TEST(peer.requests.size() == 1u);
    BOOST_TEST(peer.pings == 0u);
}

BOOST_FIXTURE_TEST_CASE(what_comes_late_for_a_reset_stream_is_taken_in, Fixture)
{
    Stream& first = begin();
    Stream& second = begin();
    receive(settings());
    session.reset(first);
    session.receive(response_head(1, 200) + data(1, std::string(10'000, 'x'), false), now); // before it is told
    peer.read_from(session);
    receive(data(1, "late") + response_head(3, 200) + data(3, "mine"));
    BOOST_TEST(!session.has_ended());
    BOOST_TEST_REQUIRE((second.state() == State::complete));
    BOOST_TEST(second.take_response().body == "mine");
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_was_reset_before_it_was_sent_is_not_sent, Fixture)
{
    http::Request request;
    request.method = "GET";
    request.target = "/";
    {
        Stream stream;
        session.begin(stream, request, {});
        session.reset(stream);
    }
    peer.read_from(session);
    BOOST_TEST(!peer.requests.contains(1));
    begin();
    BOOST_TEST(peer.requests.at(3).complete);
}

BOOST_AUTO_TEST_CASE(limits_end_the_stream_that_exceeds_them_alone)
{
    struct Case
    {
        const char* name;
        std::string bytes;
        const char* limit;
    };
    const Fields many(5, {"x", "y"});
    const std::array cases{
        Case{"a field too large", response_head(1, 200, {{"x", std::string(400, 'v')}}), "300 bytes"},
        Case{"fields too many", response_head(1, 200, many), "4 fields"},
        Case{"a body too large", response_head(1, 200) + data(1, std::string(6, 'b')), "5 bytes"},
        Case{"interim responses", response_head(1, 103) + response_head(1, 103) + response_head(1, 103),
             "2 interim responses"},
    };
    for (const Case& test : cases) {
        BOOST_TEST_CONTEXT(test.name)
        {
            Fixture f{{300, 4, 5, 2}};
            Stream& stream = f.begin();
            Stream& other = f.begin();
            f.receive(settings());
            f.receive_slowly(test.bytes);
            BOOST_TEST_REQUIRE((stream.state() == State::failed));
            const Failure failure = stream.take_failure();
            BOOST_TEST((failure.error.code == Errc::too_large));
            BOOST_TEST(failure.error.message.find(test.limit) != std::string::npos, failure.error.message);
            BOOST_TEST(f.peer.requests.at(1).reset.has_value());
            f.receive(response_head(3, 200) + data(3, "12345"));
            BOOST_TEST((other.state() == State::complete));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_malformed_response_ends_its_stream_alone)
{
    const auto head = [](const Fields& fields) {
        std::string block;
        for (const auto& [name, value] : fields)
            block += field_bytes(name, value);
        return frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block);
    };
    const std::map<std::string, std::string> cases{
        {"no status", head({{"x", "y"}})},
        {"two of them", head({{":status", "200"}, {":status", "200"}})},
        {"one after a field", head({{"x", "y"}, {":status", "200"}})},
        {"one of 600", head({{":status", "600"}})},
        {"one of 099", head({{":status", "099"}})},
        {"one that is no number", head({{":status", "2x0"}})},
        {"101", head({{":status", "101"}})},
        {"an upper case name", head({{":status", "200"}, {"X", "y"}})},
        {"connection", head({{":status", "200"}, {"connection", "close"}})},
        {"transfer-encoding", head({{":status", "200"}, {"transfer-encoding", "chunked"}})},
        {"a line end in a value", head({{":status", "200"}, {"x", "a\r\nb"}})},
        {"a body shorter than it says", response_head(1, 200, {{"content-length", "9"}}) + data(1, "b")},
        {"a body longer than it says", response_head(1, 200, {{"content-length", "1"}}) + data(1, "bbb")},
        {"a coding that was not asked for", response_head(1, 200, {{"content-encoding", "gzip"}})},
    };
    for (const auto& [name, bytes] : cases) {
        BOOST_TEST_CONTEXT(name)
        {
            Fixture f;
            Stream& stream = f.begin();
            Stream& other = f.begin();
            f.receive(settings() + bytes);
            BOOST_TEST_REQUIRE((stream.state() == State::failed));
            BOOST_TEST((code_of(stream) == Errc::protocol));
            f.receive(response_head(3, 200) + data(3, "b"));
            BOOST_TEST((other.state() == State::complete));
        }
    }
}

BOOST_AUTO_TEST_CASE(an_error_of_the_connection_ends_all)
{
    const std::map<std::string, std::string> cases{
        {"HTTP/1.1", "HTTP/1.1 400 Bad Request\r\n\r\n"},
        {"no settings first", response_head(1, 200)},
        {"a frame too large", settings() + frame(NGHTTP2_DATA, 0, 1, std::string(20'000, 'x'))},
        {"a body before the head", settings() + data(1, "b")},
        {"a push", settings() + frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, {}) +
                       frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1,
                             std::string{"\0\0\0\2", 4} + field_bytes(":method", "GET"))},
        {"data on stream 0", settings() + frame(NGHTTP2_DATA, 0, 0, "x")},
        {"data on an idle stream", settings() + data(9, "x")},
        {"an index out of range", settings() + frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\xff\x7f")},
        {"a window update of 0", settings() + frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string(4, '\0'))},
        {"an interleaved continuation",
         settings() + frame(NGHTTP2_HEADERS, 0, 1, field_bytes(":status", "200")) + data(1, "x")},
    };
    for (const auto& [name, bytes] : cases) {
        BOOST_TEST_CONTEXT(name)
        {
            Fixture f;
            Stream& stream = f.begin();
            Stream& other = f.begin();
            f.session.receive(bytes, f.now);
            f.peer.read_from(f.session);
            BOOST_TEST(f.session.has_ended());
            BOOST_TEST(f.session.is_draining());
            for (Stream* each : {&stream, &other}) {
                BOOST_TEST_REQUIRE((each->state() == State::failed));
                const Failure failure = each->take_failure();
                BOOST_TEST((failure.error.code == Errc::protocol));
                BOOST_TEST(failure.transient);
                BOOST_TEST(each->is_begun());
            }
            Stream late;
            f.session.begin(late, f.requests.front(), {});
            BOOST_TEST((late.state() == State::failed));
            BOOST_TEST(!late.is_begun());
        }
    }
}

BOOST_FIXTURE_TEST_CASE(settings_that_overflow_a_window_end_the_connection, Fixture)
{
    std::array<Stream*, 2> asked{&begin(), &begin()};
    // A window of 2^31 - 1 bytes.
    receive(settings() + frame(NGHTTP2_WINDOW_UPDATE, 0, 3, std::string{"\x7f\xff\0\0", 4}));
    receive(settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 65'535}}));
    receive(settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 65'535}}));
    BOOST_TEST_REQUIRE(!session.has_ended());
    session.receive(settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 65'536}}), now);
    std::pmr::string bytes; // not for the peer, which has sent no such SETTINGS
    session.send(bytes, 16 * 1024);
    BOOST_TEST(session.has_ended());
    BOOST_TEST(bytes.find(goaway(0, NGHTTP2_FLOW_CONTROL_ERROR)) != bytes.npos);
    for (Stream* const stream : asked) {
        BOOST_TEST_REQUIRE((stream->state() == State::failed));
        BOOST_TEST((code_of(*stream) == Errc::protocol));
    }
}

BOOST_FIXTURE_TEST_CASE(a_session_drains_when_its_ids_are_used_up, Fixture)
{
    begin();
    constexpr std::int32_t last_id = 0x7fff'ffff;
    BOOST_TEST_REQUIRE(nghttp2_session_set_next_stream_id(made_last, last_id) == 0);
    BOOST_TEST(!session.is_draining());
    Stream& last = begin();
    BOOST_TEST(session.is_draining());
    Stream& one_more = begin();
    BOOST_TEST((one_more.state() == State::failed));
    BOOST_TEST(!one_more.is_begun());
    const Failure failure = one_more.take_failure();
    BOOST_TEST((failure.error.code == Errc::truncated));
    BOOST_TEST(failure.transient);
    receive(settings() + response_head(last_id, 204, {}, true));
    BOOST_TEST((last.state() == State::complete));
    BOOST_TEST(!session.has_ended());
}

BOOST_FIXTURE_TEST_CASE(a_lost_connection_ends_all, Fixture)
{
    Stream& stream = begin();
    Stream& gone = begin();
    session.reset(gone);
    session.fail({Error{Errc::truncated, "lost"}, true});
    BOOST_TEST((code_of(stream) == Errc::truncated));
    BOOST_TEST(session.next_ended() == &stream);
    BOOST_TEST(session.next_ended() == nullptr);
    BOOST_TEST(session.has_ended());
}

BOOST_FIXTURE_TEST_CASE(floods_are_bounded, Fixture)
{
    receive(settings());
    std::string pings;
    for (int i = 0; i < 5'000; ++i)
        pings += frame(NGHTTP2_PING, 0, 0, std::string(8, 'p'));
    session.receive(pings, now); // no answer is sent meanwhile
    BOOST_TEST(session.has_ended());
}

BOOST_AUTO_TEST_SUITE_END()
