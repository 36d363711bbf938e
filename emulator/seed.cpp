#include "seed.hpp"

#include "ascii.hpp"
#include "json.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace passage::emulator {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 24> first_names{
    "Ada",   "Alan",  "Barbara", "Bjarne",  "Chidi", "Dennis", "Edith",   "Fatima", "Grace", "Hedy", "Ines", "Jun",
    "Katya", "Linus", "Mei",     "Niklaus", "Olga",  "Priya",  "Quentin", "Rosa",   "Sven",  "Tim",  "Umar", "Yusuf"};
constexpr std::array<std::string_view, 24> last_names{"Adeyemi", "Becker", "Costa",  "Dubois", "Eriksen",  "Fischer",
                                                      "Garcia",  "Haddad", "Ivanov", "Jensen", "Kim",      "Lovelace",
                                                      "Moreau",  "Nguyen", "Okafor", "Patel",  "Quispe",   "Rossi",
                                                      "Sato",    "Turing", "Usman",  "Vogel",  "Watanabe", "Zhang"};
constexpr std::array<std::string_view, 4> plans{"free", "team", "pro", "enterprise"};

struct Client
{
    std::string_view display;
    std::string_view user_agent;
    std::string_view device_type;
};
constexpr std::array<Client, 4> clients{{
    {"Chrome on Mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/121.0", "passkey"},
    {"Safari on iPhone", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X)", "platform"},
    {"Firefox on Linux", "Mozilla/5.0 (X11; Linux x86_64; rv:122.0) Firefox/122.0", "security_key"},
    {"Edge on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Edg/121.0", "passkey"},
}};
constexpr std::array<std::string_view, 3> providers{"apple", "github", "google"};

/// splitmix64. Unlike the distributions of the standard library it gives the same numbers on each platform.
class Dice
{
public:
    explicit Dice(std::uint64_t start) : state_(start) {}

    std::uint64_t next()
    {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    std::int64_t below(std::int64_t limit)
    {
        return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(limit));
    }
    bool one_in(std::int64_t chances) { return below(chances) == 0; }
    template <class T, std::size_t N>
    const T& pick(const std::array<T, N>& values)
    {
        return values[next() % N];
    }
    std::string text(std::size_t length)
    {
        constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        std::string text;
        for (std::size_t i = 0; i < length; ++i) {
            text += alphabet[next() % alphabet.size()];
        }
        return text;
    }
    /// A time at most `days` after `from`.
    Time after(Time from, std::int64_t days)
    {
        return from + std::chrono::microseconds{below(days * 24 * 3600 * 1'000'000)};
    }

private:
    std::uint64_t state_;
};

std::string padded(std::size_t number, std::size_t width)
{
    std::string digits = std::to_string(number);
    return std::string(width - std::min(width, digits.size()), '0') + digits;
}

Device invent_device(Dice& dice, const UserRecord& user)
{
    const Client& client = dice.pick(clients);
    Device device;
    device.id = dice.text(12);
    device.cred_id = dice.text(22);
    device.friendly_name = client.display;
    device.type = client.device_type;
    device.usage_count = dice.below(user.login_count + 1);
    device.created_at = dice.after(user.created_at, 1);
    device.updated_at = user.last_login_at;
    device.last_login_at = user.last_login_at;
    device.icon_light = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9z"
                        "dmciLz4=";
    return device;
}

Event invent_event(Dice& dice, const UserRecord& user, Time time)
{
    const Client& client = dice.pick(clients);
    Event event;
    event.id = "evt_" + dice.text(16);
    event.type = "passkey_login";
    event.action = "login";
    event.status = dice.one_in(8) ? "incomplete" : "complete";
    event.created_at = time;
    if (event.status == "complete") {
        event.completed_at = time + 900ms;
    }
    event.ip_addr = "203.0.113." + std::to_string(dice.below(256));
    event.user_agent = client.user_agent;
    event.user_agent_display = client.display;
    if (dice.one_in(6)) {
        event.type = "social_login";
        event.social_login_type = dice.pick(providers);
    }
    if (time == user.created_at) {
        event.action = "register";
    }
    return event;
}

User invent_user(std::size_t index)
{
    Dice dice(index);
    User user;
    UserRecord& record = user.record;
    const std::string_view first = dice.pick(first_names);
    const std::string_view last = dice.pick(last_names);
    record.id = dice.text(24);
    const bool has_email = !dice.one_in(10);
    if (has_email) {
        record.email = lower(first) + '.' + lower(last) + std::to_string(index) + "@example.com";
        record.email_verified = !dice.one_in(4);
    }
    if (!has_email || dice.one_in(3)) {
        record.phone = "+1500" + padded(index, 7);
        record.phone_verified = dice.one_in(2);
    }
    record.created_at = dice.after(std::chrono::sys_days{std::chrono::year{2023} / 1 / 1}, 365);
    if (dice.one_in(8)) {
        record.status = "pending";
        record.updated_at = record.created_at;
        record.last_login_at = never;
    } else {
        record.status = dice.one_in(7) ? "inactive" : "active";
        record.login_count = 1 + dice.below(200);
        record.last_login_at = dice.after(record.created_at, 365);
        record.updated_at = record.last_login_at + 3ms;
    }
    if (!dice.one_in(5)) {
        JsonWriter metadata;
        metadata.begin_object()
            .field("name", std::string{first} + ' ' + std::string{last})
            .field("plan", dice.pick(plans))
            .field("seats", 1 + dice.below(50))
            .field("beta", dice.one_in(4))
            .end_object();
        record.user_metadata = metadata.take();
    }
    if (record.login_count > 0) {
        for (std::int64_t i = 1 + dice.below(2); i > 0; --i) {
            user.devices.push_back(invent_device(dice, record));
        }
        user.recent_events.push_back(invent_event(dice, record, record.last_login_at));
        user.recent_events.push_back(invent_event(dice, record, record.created_at));
        if (dice.one_in(5)) {
            const std::string identifier = lower(first) + std::to_string(index);
            user.social_connections.push_back({std::string{dice.pick(providers)}, dice.text(18), identifier,
                                               record.created_at, record.last_login_at});
        }
    }
    return user;
}

} // namespace

std::vector<User> invent_users(std::size_t count)
{
    std::vector<User> users;
    users.reserve(count);
    for (std::size_t index = 0; index < count; ++index) {
        users.push_back(invent_user(index));
    }
    return users;
}

} // namespace passage::emulator
