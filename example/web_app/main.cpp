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
#include <iostream>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace po = boost::program_options;
using namespace std::chrono_literals;

namespace {

po::options_description describe_options()
{
    po::options_description options{"web_app: users sign in, administrators see to them. Options"};
    auto add = options.add_options();
    add("help", "print this text");
    add("address", po::value<std::string>()->default_value("127.0.0.1"), "IP address to listen on");
    add("port", po::value<std::uint16_t>()->default_value(0), "port; 0 takes any free one");
    add("threads", po::value<unsigned>()->default_value(2), "threads that serve");
    add("administrator", po::value<std::vector<std::string>>()->composing()->default_value({}, ""),
        "verified e-mail address of an administrator, in any case; may be given several times");
    add("behind-tls", "browsers reach it by a proxy that speaks TLS: their cookies are for TLS alone");
    add("root", po::value<std::string>()->default_value(WEB_APP_ROOT), "folder of templates/ and static/");
    return options;
}

void run(const po::variables_map& given)
{
    const std::filesystem::path root{given["root"].as<std::string>()};
    const app::View view{web::Templates::from_folder(root / "templates")};

    // All that the site needs of the library: a client, and an authenticator for the tokens of visitors.
    passage::Config config = passage::Config::from_environment().value();
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

    const asio::ip::tcp::endpoint endpoint{asio::ip::make_address(given["address"].as<std::string>()),
                                           given["port"].as<std::uint16_t>()};
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
    for (unsigned i = 1; i < given["threads"].as<unsigned>(); ++i)
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
