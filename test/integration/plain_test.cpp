#include "support/run.hpp"
#include "support/service.hpp"
#include "support/version_observer.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <memory>
#include <ostream>
#include <set>
#include <utility>

namespace asio = boost::asio;
namespace data = boost::unit_test::data;
using namespace passage;
using passage::test::Service;

namespace {

struct Choice
{
    HttpVersion wanted;
    HttpVersion used;

    friend std::ostream& operator<<(std::ostream& stream, const Choice& choice)
    {
        return stream << "HttpVersion " << static_cast<int>(choice.wanted);
    }
};

} // namespace

/// Nothing is negotiated without TLS: HTTP/2 is used by prior knowledge (RFC 9113, section 3.3), if it is demanded.
BOOST_DATA_TEST_CASE(plain_connections_speak_http_1_1_unless_http_2_is_demanded,
                     data::make({Choice{HttpVersion::http2, HttpVersion::http2},
                                 Choice{HttpVersion::automatic, HttpVersion::http1},
                                 Choice{HttpVersion::http1, HttpVersion::http1}}),
                     choice)
{
    Service service{EmulatorOptions{}.plain(true)};
    const auto observer = std::make_shared<test::VersionObserver>();
    Config config = service.config();
    BOOST_TEST(config.base_url.starts_with("http://localhost:"));
    config.http_version = choice.wanted;
    config.observer = observer;
    asio::io_context context;
    Client psg{context.get_executor(), config};
    test::run(context, [&]() -> asio::awaitable<void> {
        const expected<UserInfo> created =
            co_await psg.create_user(CreateUserRequest{}.email("jane.doe@example.com").metadata("plan", "pro"));
        BOOST_TEST_REQUIRE(created.has_value());
        const expected<UserInfo> found = co_await psg.get_user(created->id);
        BOOST_TEST_REQUIRE(found.has_value());
        BOOST_TEST(found->email == "jane.doe@example.com");
        const expected<UserInfo> missing = co_await psg.get_user("nobody");
        BOOST_TEST(is_not_found(missing.error()));
    }());
    BOOST_TEST((observer->versions == std::set{choice.used}));
    BOOST_TEST(service.emulator.connections_accepted() == 1u);
    BOOST_TEST(service.emulator.requests_served() == 3u);
}
