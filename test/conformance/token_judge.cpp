// token_judge TOKENS: checks tokens, as jose_tokens.mjs prints them, and compares with what jose made of each.

#include <passage/passage.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json.hpp>

#include <chrono>
#include <exception>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

std::string text_of(const json::object& object, std::string_view name)
{
    return json::value_to<std::string>(object.at(name));
}

passage::expected<passage::Claims> judge(passage::Authenticator& authenticator, const std::string& token)
{
    asio::io_context context;
    auto claims = asio::co_spawn(context, authenticator.authenticate(token), asio::use_future);
    context.run();
    return claims.get();
}

/// Whether the library makes of a token what it should.
bool agrees(const json::object& token, const passage::expected<passage::Claims>& claims)
{
    if (!claims && claims.error().code != passage::Errc::jwt)
        return false;
    if (token.contains("stricter"))
        return !claims && !token.contains("refused");
    if (token.contains("refused"))
        return !claims;
    return claims && claims->user_id == text_of(token, "user");
}

} // namespace

int main(int argc, char** argv)
try {
    if (argc != 2) {
        std::cerr << "usage: token_judge TOKENS\n";
        return 2;
    }
    std::ifstream file{argv[1]};
    const json::value root = json::parse(std::string{std::istreambuf_iterator<char>{file}, {}});
    const json::object& given = root.as_object();

    passage::Config config;
    config.app_id = text_of(given, "app");
    passage::AuthOptions options;
    options.auth_origins = {text_of(given, "origin")};
    options.leeway = std::chrono::seconds{given.at("leeway").as_int64()};
    options.keys = json::serialize(given.at("set"));
    asio::io_context context;
    passage::Authenticator authenticator{context, config, options};

    std::size_t accepted = 0;
    std::size_t differing = 0;
    const json::array& tokens = given.at("tokens").as_array();
    for (const json::value& each : tokens) {
        const json::object& token = each.as_object();
        const auto claims = judge(authenticator, text_of(token, "token"));
        accepted += claims.has_value();
        if (!agrees(token, claims)) {
            ++differing;
            std::cout << "token " << text_of(token, "name") << ": "
                      << (claims ? "of " + claims->user_id : to_string(claims.error()))
                      << "; jose: " << json::serialize(token) << '\n';
        }
    }
    std::cout << tokens.size() << " tokens, " << accepted << " accepted, " << differing << " otherwise than by jose\n";
    return differing == 0 && accepted > 0 && accepted < tokens.size() ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
