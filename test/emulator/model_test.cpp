#include "local_service.hpp"

#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <random>

using namespace passage::emulator;
namespace json = boost::json;

namespace {

constexpr int operations = 100'000;

struct ExpectedUser
{
    std::string email;
    std::string phone;
    std::string status = "pending";
    json::value metadata;
    std::vector<std::string> devices;
};

/// The service once more, as small as its rules: random calls on both must agree.
class Model
{
public:
    explicit Model(LocalService& service) : service_(service) {}

    void step()
    {
        switch (random(10)) {
        case 0:
        case 1:
            create();
            break;
        case 2:
        case 3:
            update();
            break;
        case 4:
            set_status("/activate", "active");
            break;
        case 5:
            set_status("/deactivate", "inactive");
            break;
        case 6:
            remove();
            break;
        case 7:
            add_device();
            break;
        case 8:
            remove_device();
            break;
        default:
            find();
            break;
        }
    }

    /// Everything, compared at the end.
    void check_all()
    {
        for (const auto& [id, user] : users_) {
            compare(service_.users("GET", "/" + id), 200, user);
        }
        const json::value page = json::parse(service_.users("GET", "?limit=1").body);
        BOOST_TEST(page.at("total_users").to_number<std::size_t>() == users_.size());
    }

private:
    std::size_t random(std::size_t limit) { return static_cast<std::size_t>(engine_() % limit); }

    std::string random_id()
    {
        if (users_.empty() || random(10) == 0) {
            return "nobody";
        }
        return std::next(users_.begin(), static_cast<std::ptrdiff_t>(random(users_.size())))->first;
    }

    // Few enough that they collide.
    std::string random_email() { return (random(2) == 0 ? "U" : "u") + std::to_string(random(60)) + "@x.y"; }
    std::string random_phone() { return "+1500555" + std::to_string(1000 + random(60)); }
    json::object random_metadata() { return {{"n", random(1000)}}; }

    static std::string folded(std::string text)
    {
        std::ranges::replace(text, 'U', 'u');
        return text;
    }

    bool is_taken(const std::string& email, const std::string& phone, const std::string& by_other_than)
    {
        return std::ranges::any_of(users_, [&](const auto& entry) {
            return entry.first != by_other_than && ((!email.empty() && folded(entry.second.email) == folded(email)) ||
                                                    (!phone.empty() && entry.second.phone == phone));
        });
    }

    void compare(const Response& response, unsigned status, const ExpectedUser& user)
    {
        BOOST_TEST_REQUIRE(response.status == status, response.body);
        const json::object shown = user_of(response);
        BOOST_TEST(shown.at("email").as_string() == user.email);
        BOOST_TEST(shown.at("phone").as_string() == user.phone);
        BOOST_TEST(shown.at("status").as_string() == user.status);
        BOOST_TEST((shown.at("user_metadata") == user.metadata), response.body);
        std::vector<std::string> devices;
        for (const json::value& device : shown.at("webauthn_devices").as_array()) {
            devices.emplace_back(device.at("id").as_string().c_str());
        }
        BOOST_TEST(devices == user.devices, boost::test_tools::per_element());
    }

    void create()
    {
        ExpectedUser user;
        json::object body;
        if (random(4) != 0) {
            body["email"] = user.email = random_email();
        }
        if (random(2) == 0) {
            body["phone"] = user.phone = random_phone();
        }
        if (random(2) == 0) {
            body["user_metadata"] = user.metadata = random_metadata();
        }
        const bool valid = (!user.email.empty() || !user.phone.empty()) && !is_taken(user.email, user.phone, {});
        const Response response = service_.users("POST", "", json::serialize(body));
        if (valid) {
            compare(response, 201, user);
            users_.emplace(user_of(response).at("id").as_string().c_str(), user);
        } else {
            BOOST_TEST(code_of(response) == "invalid_request");
        }
    }

    void update()
    {
        const std::string id = random_id();
        const auto found = users_.find(id);
        ExpectedUser user = found != users_.end() ? found->second : ExpectedUser{};
        json::object body;
        if (random(3) == 0) {
            user.email = random(3) == 0 ? "" : random_email();
            body["email"] = user.email.empty() ? json::value() : json::value(user.email);
        }
        if (random(3) == 0) {
            user.phone = random(3) == 0 ? "" : random_phone();
            body["phone"] = user.phone.empty() ? json::value() : json::value(user.phone);
        }
        if (random(3) == 0) {
            user.metadata = random(3) == 0 ? json::value() : json::value(random_metadata());
            body["user_metadata"] = user.metadata;
        }
        const Response response = service_.users("PATCH", "/" + id, json::serialize(body));
        if (found == users_.end()) {
            BOOST_TEST(code_of(response) == "user_not_found");
        } else if ((user.email.empty() && user.phone.empty()) || is_taken(user.email, user.phone, id)) {
            BOOST_TEST(code_of(response) == "invalid_request");
        } else {
            compare(response, 200, user);
            found->second = user;
        }
    }

    void set_status(const std::string& action, const std::string& status)
    {
        const std::string id = random_id();
        const Response response = service_.users("PATCH", "/" + id + action);
        if (const auto found = users_.find(id); found != users_.end()) {
            found->second.status = status;
            compare(response, 200, found->second);
        } else {
            BOOST_TEST(code_of(response) == "user_not_found");
        }
    }

    void remove()
    {
        const std::string id = random_id();
        const Response response = service_.users("DELETE", "/" + id);
        BOOST_TEST(code_of(response) == (users_.erase(id) == 1 ? "" : "user_not_found"));
    }

    void add_device()
    {
        const std::string id = random_id();
        const std::string device = "d" + std::to_string(++devices_);
        const Response response = service_.call("POST", "/admin/apps/app/users/" + id + "/devices",
                                                json::serialize(json::object{{"id", device}}));
        if (const auto found = users_.find(id); found != users_.end()) {
            found->second.devices.push_back(device);
            BOOST_TEST(response.status == 201U);
        } else {
            BOOST_TEST(code_of(response) == "user_not_found");
        }
    }

    void remove_device()
    {
        const std::string id = random_id();
        const auto found = users_.find(id);
        const bool has_device = found != users_.end() && !found->second.devices.empty();
        const std::string device = has_device && random(4) != 0 ? found->second.devices.front() : "none";
        const Response response = service_.users("DELETE", "/" + id + "/devices/" + device);
        if (found == users_.end()) {
            BOOST_TEST(code_of(response) == "user_not_found");
        } else if (std::erase(found->second.devices, device) == 0) {
            BOOST_TEST(code_of(response) == "device_not_found");
        } else {
            BOOST_TEST(response.status == 200U);
        }
    }

    void find()
    {
        const std::string email = random_email();
        const json::value page = json::parse(service_.users("GET", "?limit=1&identifier=" + email).body);
        const auto has_it = [&](const auto& entry) { return folded(entry.second.email) == folded(email); };
        const auto found = std::ranges::find_if(users_, has_it);
        BOOST_TEST(page.at("total_users").as_int64() == (found != users_.end() ? 1 : 0));
        if (found != users_.end()) {
            BOOST_TEST(page.at("users").at(0).at("id").as_string() == found->first);
        }
    }

    LocalService& service_;
    std::map<std::string, ExpectedUser> users_;
    std::mt19937 engine_{15005550};
    int devices_ = 0;
};

} // namespace

BOOST_AUTO_TEST_CASE(random_operations_agree_with_a_model_in_memory)
{
    LocalService service;
    Model model(service);
    for (int i = 0; i < operations; ++i) {
        model.step();
    }
    model.check_all();
}
