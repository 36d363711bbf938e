#include "fuzz.hpp"

#include "json/decode.hpp"
#include "json/encode.hpp"

#include <passage/requests.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <string>

// Any text as each of the models. What is read is JSON by another parser's word too, and is read again as it was when
// the requests' encoder has written it.

namespace passage::fuzz {
namespace {

template <class T>
bool is_read(const expected<T>& result, std::string_view body)
{
    if (result) {
        boost::system::error_code error;
        boost::json::parse_options options;
        options.max_depth = 1'000;
        boost::json::parse({body.data(), body.size()}, error, {}, options);
        require(!error, "what is read is JSON");
        return true;
    }
    require(result.error().code == Errc::decode || result.error().code == Errc::too_large,
            "what is not read is an error of decoding, or takes too much memory");
    require(!result.error().message.empty() && is_one_line(result.error().message), "the message is one line");
    require(result.error().message.size() <= 1'024, "the message is bounded");
    return false;
}

/// A user with what a request's body says.
std::string user_with(std::string_view request)
{
    return R"({"user":{"id":"u",)" + std::string{request.substr(1)} + "}";
}

void check_round_trip(const UserInfo& user)
{
    CreateUserRequest create;
    create.email(user.email).phone(user.phone).metadata(user.user_metadata);
    UpdateUserRequest update;
    update.email(user.email).phone(user.phone).metadata(user.user_metadata);

    const auto created = json::encode(create);
    const auto updated = json::encode(update);
    require(created.has_value() == updated.has_value(), "both requests take the same");
    if (!created) {
        require(created.error().code == Errc::invalid_argument && is_one_line(created.error().message),
                "what can't be written is an invalid argument");
        return;
    }
    for (const std::string& body : {*created, *updated}) {
        const auto again = json::decode_user(user_with(body));
        require(again.has_value(), "what was written is read");
        require(again->email == user.email && again->phone == user.phone, "texts come back as they were");
        require(again->user_metadata == user.user_metadata, "metadata come back as they were");
    }
}

} // namespace

void run(std::string_view body)
{
    const auto user = json::decode_user(body);
    if (is_read(user, body)) {
        ++taken;
        require(!user->id.empty(), "a user has an id");
        check_round_trip(*user);
        const std::string_view document = body.substr(0, body.find_last_not_of(" \t\r\n") + 1);
        require(!json::decode_user(document.substr(0, document.size() - 1)), "a part of a document is none");
    }
    const auto page = json::decode_user_page(body);
    if (is_read(page, body))
        for (const auto& summary : page->users)
            require(!summary.id.empty(), "a user of a page has an id");
    const auto devices = json::decode_devices(body);
    if (is_read(devices, body))
        for (const auto& device : *devices)
            require(!device.id.empty(), "a device has an id");

    const auto value = json::decode_value(body);
    if (is_read(value, body)) {
        const auto again = json::decode_value(boost::json::serialize(*value));
        require(again && *again == *value, "a value is the same when written and read again");
    }
    if (const auto error = json::decode_error(body))
        require(body.find('{') != body.npos, "an error is an object");
}

} // namespace passage::fuzz
