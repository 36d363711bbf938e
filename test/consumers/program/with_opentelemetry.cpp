// A user's program with an observer that makes spans and metrics.

#include <passage/opentelemetry.hpp>
#include <passage/passage.hpp>

#include <boost/asio/io_context.hpp>

int main()
{
    passage::Config config;
    config.app_id = "my_app";
    config.api_key = "key";
    config.base_url = "https://localhost";
    config.observer = passage::make_opentelemetry_observer();

    boost::asio::io_context context;
    const passage::Client psg{context, config};
    return psg.stats().connections == 0 ? 0 : 1;
}
