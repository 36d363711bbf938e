#include <passage/emulator.hpp>

#include "api_error.hpp"
#include "ascii.hpp"
#include "certificates.hpp"
#include "connection.hpp"
#include "fault_plan.hpp"
#include "http2_connection.hpp"
#include "keys.hpp"
#include "random.hpp"
#include "requests.hpp"
#include "seed.hpp"
#include "server.hpp"
#include "store.hpp"
#include "tokens.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace passage {
namespace {

namespace asio = boost::asio;
using namespace emulator;

std::string checked_app_id(std::string_view id)
{
    const auto allowed = [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; };
    if (id.empty() || id.size() > 64 || !std::ranges::all_of(id, allowed)) {
        throw std::invalid_argument("the app id must be 1 to 64 letters, digits, '-' or '_'");
    }
    return std::string{id};
}

std::string checked_api_key(std::string_view key)
{
    const auto allowed = [](char c) { return c > ' ' && c < 0x7f; };
    if (key.empty() || key.size() > 1024 || !std::ranges::all_of(key, allowed)) {
        throw std::invalid_argument("the API key must be 1 to 1024 visible ASCII characters, without spaces");
    }
    return std::string{key};
}

std::string checked_address(std::string address)
{
    boost::system::error_code error;
    asio::ip::make_address(address, error);
    if (error && address != "localhost") {
        throw std::invalid_argument("the address must be localhost or an IP address");
    }
    return address;
}

/// The named app, or else the first app of the data, or else a new one.
std::string app_id_of(const std::string& named, Store& store)
{
    return named.empty() ? store.first_app().value_or(new_id()) : named;
}

/// The authority of the given files, or else that of the data, or else a new one. An authority of the data that expires
/// soon is replaced.
Identity authority_of(const std::filesystem::path& certificate, const std::filesystem::path& key, Store& store)
{
    if (!certificate.empty()) {
        return read_authority(certificate, key);
    }
    if (const std::optional<KeptIdentity> kept = store.authority()) {
        Identity authority = from_kept(*kept);
        if (is_lasting(*authority.certificate)) {
            return authority;
        }
    }
    Identity authority = make_authority();
    store.put_authority(to_kept(authority));
    return authority;
}

/// Calls a function. Converts ApiError to std::invalid_argument.
template <class Plant>
auto plant(Plant action)
{
    try {
        return action();
    } catch (const ApiError& error) {
        throw std::invalid_argument(error.what());
    }
}

void require_user(bool exists)
{
    if (!exists) {
        throw std::invalid_argument("there is no such user");
    }
}

} // namespace

EmulatorOptions::EmulatorOptions()
    : address_("localhost"),
      idle_timeout_(Patience{}.idle),
      request_timeout_(Patience{}.request),
      response_timeout_(Patience{}.response)
{}

EmulatorOptions& EmulatorOptions::data_file(std::filesystem::path file)
{
    data_file_ = std::move(file);
    return *this;
}

EmulatorOptions& EmulatorOptions::address(std::string address)
{
    address_ = checked_address(std::move(address));
    return *this;
}

EmulatorOptions& EmulatorOptions::port(std::uint16_t port)
{
    port_ = port;
    return *this;
}

EmulatorOptions& EmulatorOptions::app_id(std::string id)
{
    app_id_ = id.empty() ? id : checked_app_id(id);
    return *this;
}

EmulatorOptions& EmulatorOptions::api_key(std::string key)
{
    api_key_ = key.empty() ? key : checked_api_key(key);
    return *this;
}

EmulatorOptions& EmulatorOptions::seed(std::size_t users)
{
    seed_ = users;
    return *this;
}

EmulatorOptions& EmulatorOptions::threads(unsigned count)
{
    threads_ = count;
    return *this;
}

EmulatorOptions& EmulatorOptions::authority(std::filesystem::path certificate, std::filesystem::path key)
{
    ca_certificate_ = std::move(certificate);
    ca_key_ = std::move(key);
    return *this;
}

EmulatorOptions& EmulatorOptions::client_authority(std::filesystem::path certificate)
{
    client_authority_ = std::move(certificate);
    return *this;
}

EmulatorOptions& EmulatorOptions::plain(bool on)
{
    plain_ = on;
    return *this;
}

EmulatorOptions& EmulatorOptions::unix_socket(std::filesystem::path file, std::filesystem::perms mode)
{
    unix_socket_ = std::move(file);
    unix_socket_mode_ = mode;
    return *this;
}

EmulatorOptions& EmulatorOptions::idle_timeout(std::chrono::milliseconds time)
{
    idle_timeout_ = time;
    return *this;
}

EmulatorOptions& EmulatorOptions::request_timeout(std::chrono::milliseconds time)
{
    request_timeout_ = time;
    return *this;
}

EmulatorOptions& EmulatorOptions::response_timeout(std::chrono::milliseconds time)
{
    response_timeout_ = time;
    return *this;
}

EmulatorOptions& EmulatorOptions::faults(Faults faults)
{
    faults_ = std::move(faults);
    return *this;
}

EmulatorOptions& EmulatorOptions::http1(bool alone)
{
    http1_ = alone;
    return *this;
}

EmulatorOptions& EmulatorOptions::verbose(bool on)
{
    verbose_ = on;
    return *this;
}

class Emulator::Impl
{
public:
    explicit Impl(const EmulatorOptions& options)
        : api_key_(options.api_key_.empty() ? new_api_key() : options.api_key_),
          store_(options.data_file_),
          app_id_(app_id_of(options.app_id_, store_)),
          authority_(options.plain_ ? Identity{} : authority_of(options.ca_certificate_, options.ca_key_, store_)),
          faults_(options.faults_),
          service_{store_,
                   faults_,
                   {options.idle_timeout_, options.request_timeout_, options.response_timeout_},
                   has_http2() && !options.http1_,
                   options.verbose_},
          origin_((options.plain_ ? "http://" : "https://") + url_host(place_of(options))),
          server_(prepared(options), credentials_of(options), place_of(options), options.threads_)
    {}

    const std::string api_key_;
    Store store_;
    const std::string app_id_;
    const Identity authority_; // empty without TLS
    FaultPlan faults_;
    Service service_;
    const std::string origin_; // without the port
    Server server_;            // last member: destroyed before what it uses

private:
    std::optional<Credentials> credentials_of(const EmulatorOptions& options) const
    {
        if (options.plain_) {
            if (!options.client_authority_.empty()) {
                throw std::runtime_error(
                    "clients have certificates over TLS alone: leave out the CA of clients, or plain");
            }
            return std::nullopt;
        }
        return Credentials{make_server_identity(authority_, options.address_), options.client_authority_};
    }

    static Place place_of(const EmulatorOptions& options)
    {
        return {options.address_, options.port_, options.unix_socket_, options.unix_socket_mode_};
    }

    /// Adds the initial data before the server accepts connections.
    Service& prepared(const EmulatorOptions& options)
    {
        store_.put_app(app_id_, hash_key(api_key_), now());
        store_.seed_users(app_id_, invent_users(options.seed_));
        return service_;
    }
};

Emulator::Emulator(const EmulatorOptions& options) : impl_(std::make_unique<Impl>(options)) {}

Emulator::~Emulator() = default;

void Emulator::stop()
{
    impl_->server_.stop();
}

std::string Emulator::base_url() const
{
    return impl_->origin_ + (port() == 0 ? "" : ":" + std::to_string(port())) + "/v1";
}

std::string Emulator::auth_url() const
{
    return base_url();
}

std::uint16_t Emulator::port() const
{
    return impl_->server_.port();
}

std::string Emulator::ca_pem() const
{
    const auto& certificate = impl_->authority_.certificate;
    return certificate ? to_pem(*certificate) : std::string{};
}

std::string Emulator::app_id() const
{
    return impl_->app_id_;
}

std::string Emulator::api_key() const
{
    return impl_->api_key_;
}

std::string Emulator::add_app(std::string_view app_id)
{
    std::string key = new_api_key();
    impl_->store_.put_app(checked_app_id(app_id), hash_key(key), now());
    return key;
}

std::string Emulator::plant_user(std::string_view json)
{
    return plant([&] {
        const Time time = now();
        const User user = read_planted_user(json, time);
        impl_->store_.add_user(impl_->app_id_, user, time);
        return user.record.id;
    });
}

std::string Emulator::plant_device(std::string_view user_id, std::string_view json)
{
    return plant([&] {
        const Device device = read_planted_device(json, now());
        require_user(impl_->store_.add_device(impl_->app_id_, user_id, device));
        return device.id;
    });
}

std::string Emulator::plant_event(std::string_view user_id, std::string_view json)
{
    return plant([&] {
        const Event event = read_planted_event(json, now());
        require_user(impl_->store_.add_event(impl_->app_id_, user_id, event));
        return event.id;
    });
}

void Emulator::plant_social_connection(std::string_view user_id, std::string_view provider, std::string_view json)
{
    plant([&] {
        const SocialConnection connection = read_planted_social_connection(provider, json, now());
        require_user(impl_->store_.put_social_connection(impl_->app_id_, user_id, connection));
    });
}

std::string Emulator::issue_token(std::string_view user_id, std::string_view claims)
{
    return plant([&] { return emulator::issue_token(impl_->store_, impl_->app_id_, user_id, claims, now()); });
}

std::string Emulator::rotate_key()
{
    return emulator::rotate_key(impl_->store_, impl_->app_id_, now());
}

void Emulator::retire_key(std::string_view key_id)
{
    if (!impl_->store_.remove_signing_key(impl_->app_id_, key_id)) {
        throw std::invalid_argument("there is no such key");
    }
}

void Emulator::set_faults(const Faults& faults)
{
    impl_->faults_.set(faults);
}

std::uint64_t Emulator::connections_accepted() const
{
    return impl_->server_.counters().connections_accepted;
}

std::uint64_t Emulator::requests_served() const
{
    return impl_->service_.requests_served;
}

std::uint64_t Emulator::connections_open() const
{
    return impl_->server_.counters().connections_open;
}

std::uint64_t Emulator::most_connections() const
{
    return impl_->server_.counters().most_connections_open;
}

} // namespace passage
