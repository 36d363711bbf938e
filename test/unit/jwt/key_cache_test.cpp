#include "jwt/key_cache.hpp"

#include "support/token_signer.hpp"

#include <boost/test/unit_test.hpp>

#include <ostream>

using namespace passage;
using namespace std::chrono_literals;
using jwt::KeyCache;
using Next = KeyCache::Answer::Next;

namespace passage::jwt {

std::ostream& boost_test_print_type(std::ostream& stream, Next next)
{
    constexpr std::array<const char*, 4> names{"use", "wait", "unknown", "unavailable"};
    return stream << names[static_cast<std::size_t>(next)];
}

} // namespace passage::jwt

namespace {

jwt::KeySet keys(const std::vector<std::string>& ids)
{
    static const test::TokenSigner signer{"k"};
    const auto key = jwt::read_key_set(test::key_set({signer.jwk()}));
    std::vector<jwt::KeySet::Key> all;
    for (const std::string& id : ids)
        all.push_back({id, *key->find("k")});
    return jwt::KeySet{std::move(all)};
}

/// A cache with a manual clock.
struct Fixture
{
    KeyCache cache{{10min, 1h, 30s}};
    KeyCache::Time now{};

    /// What to do for a token, with a `!` if a fetch is needed.
    std::string ask(std::string_view id)
    {
        constexpr std::array<const char*, 4> names{"use", "wait", "unknown", "unavailable"};
        const auto answer = cache.find(id, now);
        BOOST_TEST((answer.next == Next::use) == (answer.key != nullptr));
        return std::string{names[static_cast<std::size_t>(answer.next)]} + (answer.fetch ? "!" : "");
    }
    void fetched(const std::vector<std::string>& ids)
    {
        cache.begin_fetch();
        cache.fetched(keys(ids), now);
    }
    void failed()
    {
        cache.begin_fetch();
        cache.failed(Error{Errc::timeout}, now);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(key_cache, Fixture)

BOOST_AUTO_TEST_CASE(the_first_token_has_keys_fetched_and_all_wait_for_that)
{
    BOOST_TEST(ask("a") == "wait!");
    BOOST_TEST(ask("a") == "wait!"); // until it begins
    cache.begin_fetch();
    BOOST_TEST(ask("a") == "wait");
    BOOST_TEST(ask("b") == "wait");
    now += 1h;
    BOOST_TEST(ask("a") == "wait");
    cache.fetched(keys({"a"}), now);
    BOOST_TEST(ask("a") == "use");
    BOOST_TEST(ask("b") == "unknown");
}

BOOST_AUTO_TEST_CASE(keys_are_used_for_their_lifetime_and_fetched_a_little_earlier)
{
    fetched({"a"});
    now += 8min - 1ms;
    BOOST_TEST(ask("a") == "use");
    now += 1ms;
    BOOST_TEST(ask("a") == "use!");
    cache.begin_fetch();
    BOOST_TEST(ask("a") == "use");
    now += 2min - 1ms;
    BOOST_TEST(ask("a") == "use");
    now += 1ms;
    BOOST_TEST(ask("a") == "wait");
    cache.fetched(keys({"a"}), now);
    BOOST_TEST(ask("a") == "use");
}

BOOST_AUTO_TEST_CASE(keys_past_their_lifetime_are_fetched_before_they_are_used)
{
    fetched({"a"});
    now += 10min;
    BOOST_TEST(ask("a") == "wait!");
    now += 40min;
    BOOST_TEST(ask("a") == "wait!");
    now += 10min;
    BOOST_TEST(ask("a") == "wait!");
}

BOOST_AUTO_TEST_CASE(an_unknown_key_has_the_set_fetched_at_most_once_in_the_interval)
{
    fetched({"a"});
    BOOST_TEST(ask("b") == "unknown");
    now += 30s - 1ms;
    BOOST_TEST(ask("b") == "unknown");
    now += 1ms;
    BOOST_TEST(ask("b") == "wait!");
    cache.begin_fetch();
    BOOST_TEST(ask("b") == "wait");
    BOOST_TEST(ask("c") == "wait");
    BOOST_TEST(ask("a") == "use"); // tokens with a known key do not wait for the fetch
    now += 5s;
    cache.fetched(keys({"a", "b"}), now);
    BOOST_TEST(ask("a") == "use");
    BOOST_TEST(ask("b") == "use");
    BOOST_TEST(ask("c") == "unknown");
    now += 30s - 1ms;
    BOOST_TEST(ask("c") == "unknown");
    now += 1ms;
    BOOST_TEST(ask("c") == "wait!");
}

BOOST_AUTO_TEST_CASE(a_key_that_is_no_longer_listed_is_refused)
{
    fetched({"a", "b"});
    now += 8min;
    fetched({"b"});
    BOOST_TEST(ask("a") == "unknown");
    BOOST_TEST(ask("b") == "use");
    now += 8min;
    fetched({"c"});
    BOOST_TEST(ask("b") == "unknown");
}

BOOST_AUTO_TEST_CASE(in_an_outage_keys_are_used_for_a_bounded_time)
{
    fetched({"a"});
    const KeyCache::Time begin = now;
    now += 8min;
    failed();
    BOOST_TEST(ask("a") == "use");
    for (now += 30s; now < begin + 1h; now += 30s) {
        BOOST_TEST(ask("a") == "use!");
        BOOST_TEST(ask("b") == "wait!");
        failed();
        BOOST_TEST(ask("a") == "use");
        BOOST_TEST(ask("b") == "unavailable");
    }
    BOOST_TEST((now == begin + 1h));
    now -= 1ms;
    BOOST_TEST(ask("a") == "use");
    now += 1ms;
    BOOST_TEST(ask("a") == "wait!");
    failed();
    BOOST_TEST(ask("a") == "unavailable");
    BOOST_TEST((cache.last_failure()->code == Errc::timeout));
    now += 1s;
    BOOST_TEST(ask("a") == "wait!");
    fetched({"a"});
    BOOST_TEST(ask("a") == "use");
    BOOST_TEST(!cache.last_failure());
}

BOOST_AUTO_TEST_CASE(without_any_keys_a_fetch_that_failed_is_repeated_after_a_second)
{
    failed();
    BOOST_TEST(ask("a") == "unavailable");
    now += 1s - 1ms;
    BOOST_TEST(ask("a") == "unavailable");
    now += 1ms;
    BOOST_TEST(ask("a") == "wait!");
    cache.begin_fetch();
    BOOST_TEST(ask("a") == "wait");
    cache.failed(Error{Errc::dns}, now);
    BOOST_TEST(ask("a") == "unavailable");
    BOOST_TEST((cache.last_failure()->code == Errc::dns));
}

BOOST_AUTO_TEST_CASE(a_set_without_a_key_says_nothing_about_a_token)
{
    fetched({"a"});
    fetched({});
    BOOST_TEST(ask("a") == "unavailable");
    now += 1s;
    BOOST_TEST(ask("a") == "wait!");
    fetched({"a"});
    BOOST_TEST(ask("a") == "use");
    BOOST_TEST(ask("b") == "unknown");
}

BOOST_AUTO_TEST_CASE(an_answer_keeps_its_key_when_the_set_changes)
{
    fetched({"a"});
    const auto answer = cache.find("a", now);
    fetched({});
    BOOST_TEST(!answer.key->verifies("m", std::string(256, 's')));
}

BOOST_AUTO_TEST_SUITE_END()
