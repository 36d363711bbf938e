#include "local_service.hpp"
#include "percent.hpp"
#include "seed.hpp"
#include "temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <random>
#include <set>

using namespace passage::emulator;
namespace json = boost::json;

namespace {

std::string lower(std::string text)
{
    for (char& c : text) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return text;
}

/// SQL's LIKE with `%` alone, by recursion: `value` is lower case already.
bool is_like(std::string_view value, std::string_view pattern)
{
    if (pattern.empty()) {
        return value.empty();
    }
    if (pattern.front() == '%') {
        return is_like(value, pattern.substr(1)) || (!value.empty() && is_like(value.substr(1), pattern));
    }
    return !value.empty() && value.front() == pattern.front() && is_like(value.substr(1), pattern.substr(1));
}

/// The rules of a listing once more, over users in memory.
class Reference
{
public:
    explicit Reference(std::vector<UserRecord> users) : users_(std::move(users)) {}

    void filter(const std::string& field, const std::string& op, const std::string& value)
    {
        std::erase_if(users_, [&](const UserRecord& user) { return !matches(user, field, op, value); });
    }

    /// By the last field first: each sort keeps the order of the ones before where it sees no difference.
    void order(std::vector<std::pair<std::string, bool>> by)
    {
        std::ranges::reverse(by);
        for (const auto& term : by) {
            std::ranges::stable_sort(users_, [&](const UserRecord& a, const UserRecord& b) {
                return term.second ? key(a, term.first) < key(b, term.first) : key(b, term.first) < key(a, term.first);
            });
        }
    }

    const std::vector<UserRecord>& users() const { return users_; }

private:
    /// Numbers and times sort as text of equal length do.
    static std::string key(const UserRecord& user, const std::string& field)
    {
        if (field == "login_count") {
            std::string digits = std::to_string(user.login_count);
            return std::string(20 - digits.size(), '0') + digits;
        }
        if (field == "status") {
            return user.status;
        }
        if (field == "id") {
            return user.id;
        }
        const Time time = field == "created_at"   ? user.created_at
                          : field == "updated_at" ? user.updated_at
                                                  : user.last_login_at;
        std::string text = to_text(time);
        if (text.size() == 20) {
            text.insert(19, ".000000");
        }
        return text;
    }

    static bool compare(const std::string& have, const std::string& op, const std::string& value)
    {
        if (op == "gt") {
            return have > value;
        }
        if (op == "lt") {
            return have < value;
        }
        if (op == "like" || op == "not_like") {
            const std::string pattern = value.find('%') == std::string::npos ? "%" + value + "%" : value;
            return is_like(lower(have), lower(pattern)) == (op == "like");
        }
        return (have == value) == (op != "ne");
    }

    static bool matches(const UserRecord& user, const std::string& field, const std::string& op,
                        const std::string& value)
    {
        if (field == "identifier") {
            const bool negated = op == "ne" || op == "not_like";
            const std::string positive = op == "ne" ? "" : op == "not_like" ? "like" : op;
            const bool any = (user.email && compare(lower(*user.email), positive, lower(value))) ||
                             (user.phone && compare(*user.phone, positive, value));
            return any != negated;
        }
        UserRecord wanted;
        if (field == "login_count") {
            wanted.login_count = std::stoll(value);
            return compare(key(user, field), op, key(wanted, field));
        }
        if (field.ends_with("_at")) {
            wanted.created_at = wanted.updated_at = wanted.last_login_at = parse_time(value).value();
            return compare(key(user, field), op, key(wanted, field));
        }
        return compare(key(user, field), op, value);
    }

    std::vector<UserRecord> users_;
};

class Random
{
public:
    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(engine_() % limit); }
    template <class Container>
    const auto& pick(const Container& values)
    {
        return values[below(values.size())];
    }

private:
    std::mt19937 engine_{20230120};
};

/// A value that some user has, or nearly has.
std::string value_for(Random& random, const std::vector<User>& users, const std::string& field, const std::string& op)
{
    const UserRecord& user = random.pick(users).record;
    std::string value;
    if (field == "identifier") {
        value = user.email && random.below(3) != 0 ? *user.email : user.phone.value_or("+15000000000");
        if (random.below(2) == 0) {
            value[0] = value[0] == '+' ? '+' : static_cast<char>(value[0] - 'a' + 'A');
        }
    } else if (field == "id") {
        value = user.id;
    } else if (field == "status") {
        value = user.status;
    } else if (field == "login_count") {
        value = std::to_string(user.login_count);
    } else {
        value = to_text(field == "created_at" ? user.created_at : user.last_login_at);
    }
    if (op == "like" || op == "not_like") {
        const std::size_t start = random.below(value.size());
        value = value.substr(start, 1 + random.below(4));
        if (random.below(3) == 0) {
            value += "%";
        }
        if (random.below(3) == 0) {
            value = "%" + value;
        }
        if (random.below(8) == 0) {
            value += "_";
        }
    }
    return value;
}

struct Seeded : LocalService
{
    std::vector<User> invented = invent_users(300);

    Seeded() { store.seed_users(app, invented); }

    Reference reference() const
    {
        std::vector<UserRecord> records;
        for (const User& user : invented) {
            records.push_back(user.record);
        }
        return Reference(records);
    }

    json::value list(const std::string& query)
    {
        const Response response = users("GET", query);
        BOOST_TEST_REQUIRE(response.status == 200U, query + ": " + response.body);
        return json::parse(response.body);
    }

    static std::vector<std::string> ids(const json::value& page)
    {
        std::vector<std::string> ids;
        for (const json::value& user : page.at("users").as_array()) {
            ids.emplace_back(user.at("id").as_string().c_str());
        }
        return ids;
    }
};

const std::array<std::string, 7> filter_fields{"identifier", "id",         "login_count",  "status",
                                               "created_at", "updated_at", "last_login_at"};

} // namespace

BOOST_FIXTURE_TEST_SUITE(listing, Seeded)

BOOST_AUTO_TEST_CASE(any_filters_and_orders_agree_with_the_reference)
{
    Random random;
    std::set<std::string> sizes_seen;
    for (int round = 0; round < 700; ++round) {
        Reference expected = reference();
        std::string query;
        for (std::size_t i = random.below(4); i > 0; --i) {
            const std::string& field = random.pick(filter_fields);
            const bool is_text = field == "identifier" || field == "id" || field == "status";
            static const std::array<std::string, 6> operators{"", "ne", "gt", "lt", "like", "not_like"};
            const std::string& op = operators[random.below(is_text ? 6 : 4)];
            const std::string value = value_for(random, invented, field, op);
            expected.filter(field, op, value);
            query += "&" + field + "=" + percent_encode(op.empty() ? value : "<" + op + ":" + value + ">");
        }
        std::vector<std::pair<std::string, bool>> order;
        for (std::size_t i = random.below(3); i > 0; --i) {
            order.emplace_back(filter_fields[1 + random.below(6)], random.below(2) == 0);
            query += (i == 0 || query.find("order_by") == std::string::npos ? "&order_by=" : ",") + order.back().first +
                     (order.back().second ? ":ASC" : ":DESC");
        }
        expected.order(order);

        const std::size_t limit = 1 + random.below(random.below(2) == 0 ? 500 : 40);
        const std::size_t total = expected.users().size();
        const std::size_t pages = std::max<std::size_t>(1, (total + limit - 1) / limit);
        const std::size_t page = 1 + random.below(pages + 1);
        const json::value answer = list("?page=" + std::to_string(page) + "&limit=" + std::to_string(limit) + query);
        BOOST_TEST(answer.at("total_users").as_int64() == static_cast<std::int64_t>(total), query);
        std::vector<std::string> wanted;
        for (std::size_t i = (page - 1) * limit; i < std::min(total, page * limit); ++i) {
            wanted.push_back(expected.users()[i].id);
        }
        BOOST_TEST(ids(answer) == wanted, boost::test_tools::per_element());
        sizes_seen.insert(total == 0 ? "none" : total == invented.size() ? "all" : "some");
    }
    BOOST_TEST(sizes_seen.size() == 3U, "the queries are of every kind");
}

BOOST_AUTO_TEST_CASE(following_links_shows_every_user_once)
{
    std::vector<std::string> seen;
    std::string query = "?limit=7&order_by=status:ASC,login_count:DESC&login_count=%3Cgt:2%3E";
    Reference expected = reference();
    expected.filter("login_count", "gt", "2");
    expected.order({{"status", true}, {"login_count", false}});
    const std::string path = "/v1/apps/app/users";
    std::string last;
    while (!query.empty()) {
        const json::value page = list(query);
        const auto& links = page.at("_links");
        const auto link = [&](const char* name) { return std::string(links.at(name).at("href").as_string().c_str()); };
        for (const std::string& id : ids(page)) {
            seen.push_back(id);
        }
        BOOST_TEST(
            link("self").starts_with(path + "?page=" + std::to_string(page.at("page").as_int64()) + "&limit=7&"));
        BOOST_TEST(link("first").starts_with(path + "?page=1&"));
        BOOST_TEST((page.at("page").as_int64() == 1) == link("previous").empty());
        last = link("last");
        query = link("next");
        BOOST_TEST((query.empty() || query.starts_with(path)));
        query.erase(0, path.size());
        if (query.empty()) {
            BOOST_TEST(last == link("self"));
        }
    }
    std::vector<std::string> wanted;
    for (const UserRecord& user : expected.users()) {
        wanted.push_back(user.id);
    }
    BOOST_TEST(seen == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(created_before_leaves_out_who_came_later)
{
    Reference expected = reference();
    expected.order({{"created_at", true}});
    const Time middle = expected.users()[150].created_at;
    const auto second = std::chrono::ceil<std::chrono::seconds>(middle).time_since_epoch().count();
    const json::value page = list("?limit=500&order_by=created_at:ASC&created_before=" + std::to_string(second));
    BOOST_TEST(page.at("created_before").as_int64() == second);
    const auto listed = ids(page);
    BOOST_TEST(listed.size() == page.at("total_users").to_number<std::size_t>());
    BOOST_TEST(listed.size() >= 151U);
    BOOST_TEST(listed.size() < 160U);
    BOOST_TEST(listed[150] == expected.users()[150].id);
    BOOST_TEST(ids(list("?created_before=0")).empty());
}

/// The newest user that a listing has, and how many it has.
std::pair<std::string, std::int64_t> newest(LocalService& service, const std::string& parameters)
{
    const Response response = service.users("GET", "?limit=1&order_by=created_at:DESC" + parameters);
    BOOST_TEST_REQUIRE(response.status == 200U, response.body);
    const json::value page = json::parse(response.body);
    return {Seeded::ids(page).at(0), page.at("total_users").as_int64()};
}

std::string fixed_set(LocalService& service)
{
    const json::value page = json::parse(service.users("GET", "?limit=1").body);
    return "&created_before=" + std::to_string(page.at("created_before").as_int64());
}

std::string email(int number, const char* name)
{
    return R"({"email":")" + std::string{name} + std::to_string(number) + R"(@example.com"})";
}

// In several rounds, as the end of a second may fall into one of them.
constexpr int rounds = 5;

BOOST_AUTO_TEST_CASE(set_that_the_first_page_has_fixed_stays_as_it_is)
{
    std::vector<std::pair<std::string, std::pair<std::string, std::int64_t>>> sets;
    for (int round = 0; round < rounds; ++round) {
        const std::string id = create(email(round, "before"));
        const std::string set = fixed_set(*this);
        BOOST_TEST(newest(*this, set).first == id, "who came before, if in the same second, is in it");
        sets.emplace_back(set, newest(*this, set));
        create(email(round, "after"));
        const std::string planted = email(round, "planted");
        BOOST_TEST(call("POST", "/admin/apps/app/users", planted).status == 201U);
    }
    for (const auto& [set, expected] : sets) {
        const auto [id, total] = newest(*this, set);
        BOOST_TEST(id == expected.first);
        BOOST_TEST(total == expected.second);
    }
}

BOOST_AUTO_TEST_CASE(fixed_set_outlives_a_restart)
{
    const TemporaryFolder folder;
    for (int round = 0; round < rounds; ++round) {
        const std::filesystem::path file = folder.path() / std::to_string(round);
        std::string set;
        std::string id;
        {
            LocalService service(file);
            id = service.create(email(round, "before"));
            set = fixed_set(service);
        }
        LocalService service(file);
        service.create(email(round, "after"));
        BOOST_TEST((newest(service, set) == std::pair{id, std::int64_t{1}}));
    }
}

BOOST_AUTO_TEST_CASE(users_that_are_looked_up_one_by_one_do_not_move_the_time)
{
    for (int round = 0; round < 50; ++round) {
        const std::string address = std::to_string(round) + "@example.com";
        const std::string id = create(R"({"email":")" + address + R"("})");
        BOOST_TEST(ids(list("?limit=1&identifier=" + address)) == std::vector{id});
        BOOST_TEST(ids(list("?limit=1&id=" + id)) == std::vector{id});
    }
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count();
    BOOST_TEST(list("").at("created_before").as_int64() <= seconds + 1);
}

BOOST_AUTO_TEST_CASE(user_made_just_now_is_listed)
{
    const std::string id = create(R"({"email":"just.now@example.com"})");
    BOOST_TEST(ids(list("?limit=1&identifier=just.now@example.com")) == std::vector{id});
}

BOOST_AUTO_TEST_CASE(page_after_the_last_is_empty)
{
    const json::value page = list("?limit=500&page=9");
    BOOST_TEST(page.at("users").as_array().empty());
    BOOST_TEST(page.at("total_users").as_int64() == 300);
    BOOST_TEST(page.at("_links").at("next").at("href").as_string().empty());
}

BOOST_AUTO_TEST_CASE(without_parameters_the_oldest_come_first_up_to_the_highest_limit)
{
    const json::value page = list("");
    BOOST_TEST(page.at("limit").as_int64() == 500);
    BOOST_TEST(page.at("page").as_int64() == 1);
    std::vector<std::string> wanted;
    for (const User& user : invented) {
        wanted.push_back(user.record.id);
    }
    BOOST_TEST(ids(page) == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(plus_in_a_query_is_a_space)
{
    create(R"({"phone":"+4915155555555"})");
    BOOST_TEST(list("?identifier=%2B4915155555555").at("total_users").as_int64() == 1);
    BOOST_TEST(list("?identifier=+4915155555555").at("total_users").as_int64() == 0);
}

BOOST_AUTO_TEST_CASE(unknown_parameters_are_ignored)
{
    BOOST_TEST(list("?colour=red&&limit=3&x").at("users").as_array().size() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
