// A web application with users: an existing Beast server that uses the library.

#include "app/access.hpp"
#include "app/account_pages.hpp"
#include "app/import_pages.hpp"
#include "app/user_pages.hpp"
#include "web/server.hpp"

#include <passage/passage.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/program_options.hpp>

#include <csignal>
#include <cstdint>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace po = boost::program_options;
using namespace std::chrono_literals;

namespace {

po::options_description describe_options()
{
    po::options_description options{"web_app: users sign in, administrators manage them. Options"};
    auto add = options.add_options();
    add("help", "print this text");
    add("address", po::value<std::string>()->default_value("127.0.0.1"), "IP address to listen on");
    add("port", po::value<long>()->default_value(0), "port; 0 takes any free one");
    add("threads", po::value<long>()->default_value(2), "threads that serve");
    add("administrator", po::value<std::vector<std::string>>()->composing()->default_value({}, ""),
        "verified e-mail address of an administrator, in any case; may be given several times");
    add("behind-tls", "browsers reach it by a proxy that speaks TLS: their cookies are for TLS alone");
    add("root", po::value<std::string>()->default_value(WEB_APP_ROOT), "folder of templates/ and static/");
    return options;
}

/// The options are read as `long`: program_options would take -1 for the largest unsigned number.
long number_of(const po::variables_map& given, const std::string& name, long least, long most)
{
    const long value = given[name].as<long>();
    if (value < least || value > most)
        throw po::error{"--" + name + " must be a number from " + std::to_string(least) + " to " +
                        std::to_string(most)};
    return value;
}

void run(const po::variables_map& given)
{
    const auto port = static_cast<std::uint16_t>(number_of(given, "port", 0, 65535));
    const long thread_count = number_of(given, "threads", 1, 256);
    const std::filesystem::path root{given["root"].as<std::string>()};
    const app::View view{web::Templates::from_folder(root / "templates")};

    // All that the site needs of the library: a client, and an authenticator for the tokens of visitors.
    auto settings = passage::Config::from_environment();
    if (!settings)
        throw std::runtime_error{to_string(settings.error())};
    passage::Config& config = *settings;
    config.timeouts.total = 10s; // the maximum wait for a page
    passage::AuthOptions by_cookie;
    by_cookie.source = passage::TokenSource::cookie;
    asio::io_context context;
    passage::Client client{context, config};
    std::optional<passage::Authenticator> authenticator{std::in_place, context, config, by_cookie};

    web::Site site{given.count("behind-tls") > 0,
                   [&](const web::Request& request, web::http::status status, auto text) {
                       return view.failure(request, nullptr, status, text);
                   }};
    for (web::StaticFile& file : web::read_static_files(root / "static", "/static/")) {
        if (file.path == "/static/index.html")
            file.path = "/";
        site.add(std::move(file));
    }
    const app::Access access{client, *authenticator, view, given["administrator"].as<std::vector<std::string>>()};
    app::AccountPages account_pages{client, *authenticator, view};
    app::UserPages user_pages{client, view};
    app::ImportPages import_pages{context.get_executor(), client, view};
    account_pages.add_to(site, access);
    user_pages.add_to(site, access);
    import_pages.add_to(site, access);

    const asio::ip::tcp::endpoint endpoint{asio::ip::make_address(given["address"].as<std::string>()), port};
    web::Server server{context.get_executor(), endpoint, site};
    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](boost::system::error_code, int) {
        signals.clear(); // the next signal ends the program
        import_pages.stop();
        server.stop([&] {
            client.close();
            authenticator.reset();
        });
    });
    server.start();
    std::cout << "http://" << asio::ip::tcp::endpoint{endpoint.address(), server.port()} << '/' << std::endl;

    std::vector<std::jthread> threads;
    for (long i = 1; i < thread_count; ++i)
        threads.emplace_back([&] { context.run(); });
    context.run();
}

} // namespace

int main(int argc, char** argv)
try {
    const po::options_description options = describe_options();
    po::variables_map given;
    po::store(po::command_line_parser(argc, argv).options(options).positional({}).run(), given);
    if (given.count("help") > 0)
        std::cout << options;
    else
        run(given);
    return 0;
} catch (const po::error& error) {
    std::cerr << "web_app: " << error.what() << "; see --help\n";
    return 2;
} catch (const std::exception& error) {
    std::cerr << "web_app: " << error.what() << '\n';
    return 1;
}
