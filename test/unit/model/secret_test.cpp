#include "freed_memory.hpp"

#include <passage/secret.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <ostream>
#include <type_traits>

using namespace passage;
using passage::test::FreedMemory;

namespace {

constexpr std::string_view long_text = "canary-7Qz0Xw4Lr9Ht2Vb6Nm-and-more-of-it";
constexpr std::string_view short_text = "canary-7Qz0X"; // stays within the object

template <class T>
concept Printable = requires(std::ostream& stream, const T& value)
{
    stream << value;
};

static_assert(!Printable<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string> && !std::is_convertible_v<Secret, std::string_view>);
static_assert(std::is_nothrow_move_constructible_v<Secret> && std::is_nothrow_move_assignable_v<Secret>);

/// The bytes that an object consists of.
template <class T>
std::string_view bytes_of(const T& object)
{
    return {reinterpret_cast<const char*>(&object), sizeof object};
}

bool shows(std::string_view where, std::string_view text)
{
    return where.find(text) != where.npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(secret)

BOOST_AUTO_TEST_CASE(the_text_is_revealed_on_demand)
{
    BOOST_TEST(Secret{"k"}.reveal() == "k");
    BOOST_TEST(Secret{long_text}.reveal() == long_text);
    BOOST_TEST(Secret{std::string{long_text}}.reveal() == long_text);
    BOOST_TEST(Secret{}.empty());
    BOOST_TEST(!Secret{"k"}.empty());
}

BOOST_AUTO_TEST_CASE(a_text_that_was_handed_over_stays_nowhere_else)
{
    const FreedMemory freed{long_text};
    for (const std::string_view text : {long_text, short_text}) {
        std::string original{text};
        const Secret secret{std::move(original)};
        BOOST_TEST(secret.reveal() == text);
        BOOST_TEST(original.empty());
        BOOST_TEST(!shows(bytes_of(original), text.substr(4, 8)));
    }
    BOOST_TEST(freed.showing() == 0u);
}

BOOST_AUTO_TEST_CASE(a_moved_from_secret_keeps_nothing)
{
    for (const std::string_view text : {long_text, short_text}) {
        Secret secret{text};
        const Secret moved{std::move(secret)};
        BOOST_TEST(secret.empty());
        BOOST_TEST(!shows(bytes_of(secret), text.substr(4, 8)));
        BOOST_TEST(moved.reveal() == text);
    }
}

BOOST_AUTO_TEST_CASE(copies_are_apart)
{
    Secret secret{long_text};
    const Secret copy = secret;
    secret = Secret{"other"};
    BOOST_TEST(copy.reveal() == long_text);
    BOOST_TEST(secret.reveal() == "other");
    secret = copy;
    BOOST_TEST(secret.reveal() == long_text);
    const Secret& same = secret;
    secret = same;
    BOOST_TEST(secret.reveal() == long_text);
}

BOOST_AUTO_TEST_CASE(parts_are_put_together)
{
    BOOST_TEST(Secret::join({}).empty());
    BOOST_TEST(Secret::join({"", ""}).empty());
    BOOST_TEST(Secret::join({"a", "", "bc"}).reveal() == "abc");
    const std::string large(1'000'000, 'x');
    BOOST_TEST(Secret::join({large, "y"}).reveal() == large + "y");
}

BOOST_AUTO_TEST_CASE(a_text_is_wiped_when_it_goes)
{
    const auto shown_at = [](const char* where) { return shows({where, long_text.size()}, long_text.substr(4, 8)); };
    const FreedMemory freed{long_text};
    const char* where = nullptr;
    {
        const Secret secret{long_text};
        where = secret.reveal().data();
        BOOST_TEST(shown_at(where));
    }
    BOOST_TEST(!shown_at(where)); // its memory is kept for other secrets
    {
        Secret secret{long_text};
        where = secret.reveal().data();
        secret = Secret{"other"};
        BOOST_TEST(!shown_at(where));
        secret = Secret{std::string{long_text}};
        Secret moved = std::move(secret);
        where = moved.reveal().data();
    }
    BOOST_TEST(!shown_at(where));
    BOOST_TEST(freed.showing() == 0u);
}

BOOST_AUTO_TEST_CASE(freed_memory_would_show_a_plain_text)
{
    const FreedMemory freed{long_text};
    {
        const std::string plain{long_text};
        const std::string copy = plain;
        BOOST_TEST(copy == long_text);
    }
    BOOST_TEST(freed.showing() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
