#include "api/user_pages.hpp"
#include "model/timestamp.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <tuple>

using namespace passage;
using namespace std::chrono_literals;
using passage::api::UserPages;

namespace {

constexpr Timestamp start{std::chrono::seconds{1'700'000'000}};

/// A service whose users are created and deleted while pages are read.
struct Service
{
    std::vector<UserSummary> users;
    std::size_t pages = 0;
    bool compares_coarsely = false;  ///< To 16 microseconds.
    std::int64_t most_on_page = 500; ///< Though the page reports the requested limit.

    void add(std::string id, Timestamp created_at)
    {
        UserSummary user;
        user.id = std::move(id);
        user.created_at = created_at;
        users.push_back(std::move(user));
    }

    UserPage answer(const ListUsersRequest& request)
    {
        ++pages;
        std::vector<UserSummary> selected;
        for (const UserSummary& user : users) {
            bool is_in = !request.created_before() || user.created_at < *request.created_before();
            for (const UserFilter& filter : request.filters()) {
                if (filter.field != "created_at")
                    continue;
                Timestamp after = parse_timestamp(filter.value).value();
                if (compares_coarsely)
                    after -= after.time_since_epoch() % 16;
                is_in = is_in && user.created_at > after;
            }
            if (is_in)
                selected.push_back(user);
        }
        if (!request.orders().empty())
            std::ranges::sort(selected, {}, [](const UserSummary& user) { return std::tie(user.created_at, user.id); });
        UserPage page;
        page.page = request.page().value_or(1);
        page.limit = request.limit().value_or(10);
        page.total_users = static_cast<std::int64_t>(selected.size());
        page.created_before =
            request.created_before().value_or(std::chrono::ceil<std::chrono::seconds>(start + std::chrono::hours{1}));
        const std::int64_t size = std::min(page.limit, most_on_page);
        const auto begin = std::min<std::size_t>(selected.size(), std::size_t((page.page - 1) * size));
        const auto end = std::min<std::size_t>(selected.size(), begin + std::size_t(size));
        page.users.assign(selected.begin() + std::ptrdiff_t(begin), selected.begin() + std::ptrdiff_t(end));
        return page;
    }
};

/// Counts how often each user is returned. Calls `then` for each.
template <class Then>
std::map<std::string, int> read_all(Service& service, UserPages& pages, Then then)
{
    std::map<std::string, int> seen;
    for (;;) {
        while (auto user = pages.pop()) {
            ++seen[user->id];
            then(*user);
        }
        if (pages.is_at_end())
            return seen;
        const auto wrong = pages.take(service.answer(pages.request()));
        BOOST_TEST_REQUIRE(!wrong.has_value(), wrong.value_or(Error{}));
        BOOST_TEST_REQUIRE(service.pages < 10'000u);
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(user_pages)

BOOST_AUTO_TEST_CASE(nobody_is_missed_or_comes_twice_whoever_comes_and_goes)
{
    std::size_t deletions = 0;
    for (unsigned seed = 0; seed < 500; ++seed) {
        std::minstd_rand random{seed};
        const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
        Service service;
        service.compares_coarsely = below(3) == 0;
        service.most_on_page = 1 + below(10);
        const unsigned count = below(60);
        // From all users created at the same time to each at another.
        const unsigned spread = 1 + below(60);
        std::map<std::string, bool> stays;
        for (unsigned i = 0; i < count; ++i) {
            const std::string id = "u" + std::to_string(random());
            service.add(id, start + std::chrono::microseconds{below(spread)});
            stays[id] = true;
        }
        unsigned late = 0;
        UserPages pages{ListUsersRequest{}.limit(1 + below(8)).where(user_field::status == UserStatus::active)};
        const auto seen = read_all(service, pages, [&](const UserSummary& user) {
            const auto remove = [&](const std::string& id) {
                stays[id] = false;
                ++deletions;
                std::erase_if(service.users, [&](const UserSummary& other) { return other.id == id; });
            };
            switch (below(4)) {
            case 0:
                remove(user.id);
                break;
            case 1:
                if (!service.users.empty())
                    remove(service.users[below(unsigned(service.users.size()))].id);
                break;
            case 2:
                service.add("late" + std::to_string(late++), start + 2h);
                // A user that matches the filter from now on.
                service.add("changed" + std::to_string(late), start + std::chrono::microseconds{below(spread)});
                break;
            default:
                break;
            }
        });
        for (const auto& [id, times] : seen)
            BOOST_TEST(times == 1, "seed " << seed << ", " << id);
        for (const auto& [id, has_stayed] : stays)
            BOOST_TEST((!has_stayed || seen.contains(id)), "seed " << seed << ", " << id << " was missed");
    }
    BOOST_TEST(deletions > 1'000u);
}

BOOST_AUTO_TEST_CASE(who_is_deleted_as_it_comes_makes_nobody_be_missed)
{
    Service service;
    for (int i = 0; i < 2256; ++i)
        service.add("u" + std::to_string(i), start + std::chrono::seconds{i / 7});
    UserPages pages{ListUsersRequest{}.limit(100)};
    const auto seen = read_all(service, pages, [&](const UserSummary& user) {
        std::erase_if(service.users, [&](const UserSummary& other) { return other.id == user.id; });
    });
    BOOST_TEST(seen.size() == 2256u);
    BOOST_TEST(service.users.empty());
    BOOST_TEST(service.pages < 30u);
}

BOOST_AUTO_TEST_CASE(each_page_repeats_the_last_user_of_the_one_before)
{
    Service service;
    for (int i = 0; i < 1'000; ++i)
        service.add("u" + std::to_string(i), start + std::chrono::microseconds{i});
    UserPages pages{ListUsersRequest{}.limit(100)};
    BOOST_TEST(read_all(service, pages, [](const UserSummary&) {}).size() == 1'000u);
    BOOST_TEST(service.pages == 11u);
}

BOOST_AUTO_TEST_CASE(a_request_with_an_order_a_page_or_a_time_goes_by_number)
{
    using namespace user_field;
    for (const ListUsersRequest& request : {ListUsersRequest{}.order_by(login_count.ascending()),
                                            ListUsersRequest{}.page(2), ListUsersRequest{}.where(created_at < start)}) {
        UserPages pages{request};
        const ListUsersRequest first = pages.request();
        BOOST_TEST(first.orders().size() == request.orders().size());
        UserPage page = Service{}.answer(first);
        page.total_users = 100;
        page.users.resize(10);
        page.users.front().id = "u1";
        BOOST_TEST(!pages.take(page).has_value());
        BOOST_TEST(*pages.request().page() == *first.page() + 1);
        BOOST_TEST(pages.request().filters().size() == request.filters().size());
    }
}

BOOST_AUTO_TEST_CASE(pages_that_are_not_in_order_end_the_range)
{
    Service service;
    for (int i = 0; i < 4; ++i)
        service.add("u" + std::to_string(i), start - std::chrono::microseconds{i});
    UserPages pages{ListUsersRequest{}.limit(2)};
    const auto wrong = pages.take(service.answer(ListUsersRequest{}.limit(2)));
    BOOST_TEST_REQUIRE(wrong.has_value());
    BOOST_TEST((wrong->code == Errc::protocol));
}

BOOST_AUTO_TEST_SUITE_END()
