#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// The emulator of the Passage management API, to be run inside a test program.

namespace passage {

namespace emulator {
class FaultPlan;
}

/// What an Emulator is to do wrong, so that a program can be tested against it. Nothing unless
/// asked for; what is asked for adds up.
///
/// A rate is the share of requests, from 0 to 1, that are hit, by chance. The chances are drawn from a
/// generator with a fixed seed, in the order in which requests come: a program that makes its calls one
/// after the other meets the same faults in each run.
///
/// Requests to `/admin/`, and what is planted from inside the program, are spared. The setters throw
/// std::invalid_argument for a value out of its range. A value type; distinct objects may be used from
/// distinct threads.
class Faults
{
public:
    Faults();

    /// Lets each request wait before it is looked at: for `time` and up to `jitter` more, by chance.
    /// In milliseconds, at most a day each.
    Faults& latency(std::chrono::milliseconds time, std::chrono::milliseconds jitter = std::chrono::milliseconds{0});
    /// Answers with this status, 400 to 599, and does nothing that was asked for. May be said for
    /// several statuses; of those that hit one request the first holds.
    Faults& error(unsigned status, double rate = 1);
    /// Ends each connection after the answer to its request number `count`, 1 or more, without having
    /// announced it.
    Faults& close_after(std::uint64_t count);
    /// Resets the connection (RST) where the answer is due. What was asked for has been done.
    Faults& reset(double rate = 1);
    /// Cuts the answer after so many of its bytes, header and body, and ends the connection without the
    /// goodbye of TLS. What was asked for has been done. An answer that is no longer stays as it is.
    Faults& cut_after(std::size_t bytes, double rate = 1);
    /// Answers what exceeds so many requests a second, over all connections, with 429 and
    /// `Retry-After`, in seconds up to a day. A second's worth, or one, may come at once.
    Faults& throttle(double requests_per_second, std::chrono::seconds retry_after = std::chrono::seconds{1});
    /// Draws the chances anew; 1 unless given.
    Faults& seed(std::uint64_t number);

    /// Adds a fault as `passage-emulator --fault` takes it:
    ///
    ///     latency=MS[,jitter=MS]   error=STATUS[@RATE]   close=COUNT   reset[@RATE]
    ///     cut=BYTES[@RATE]         throttle=COUNT/s[,retry-after=SECONDS]   seed=NUMBER
    ///
    /// Throws std::invalid_argument for anything else.
    Faults& add(std::string_view text);

private:
    friend class emulator::FaultPlan;

    bool any() const;

    std::chrono::milliseconds latency_{0};
    std::chrono::milliseconds jitter_{0};
    std::vector<std::pair<unsigned, double>> errors_;
    std::uint64_t close_after_ = 0;
    double reset_rate_ = 0;
    std::size_t cut_after_ = 0;
    double cut_rate_ = 0;
    double requests_per_second_ = 0;
    std::chrono::seconds retry_after_{0};
    std::uint64_t seed_ = 1;
};

/// How an Emulator is to be. Everything has a default that suits a test: data in memory, a free
/// port of the loopback interface, a key made for this run, a certificate authority made for the data.
class EmulatorOptions
{
public:
    EmulatorOptions();

    /// Keeps the data in this SQLite file, made if missing; an empty name keeps it in memory. The file holds
    /// private keys: permissions of others than its owner are taken from it, also if it was there before.
    EmulatorOptions& data_file(std::filesystem::path file);
    /// IP address to listen on; unless given `localhost`, which is 127.0.0.1 and ::1 both.
    EmulatorOptions& address(std::string address);
    /// TCP port to listen on; 0, the default, takes a free one.
    EmulatorOptions& port(std::uint16_t port);
    /// Id of the app that is there at the start: 1 to 64 letters, digits, `-` or `_`. Unless given, the
    /// one that the data file began with, or made up.
    EmulatorOptions& app_id(std::string id);
    /// API key of that app: visible ASCII characters. Made up unless given; one that the data file
    /// knows from an earlier run is replaced.
    EmulatorOptions& api_key(std::string key);
    /// Number of users to invent; the same number gives the same users. The data file remembers how many
    /// its app was given: only the rest is added, so that one that was changed or deleted stays so. An
    /// invented user whose id, e-mail or phone is taken is left out.
    EmulatorOptions& seed(std::size_t users);
    /// Number of threads that serve connections; 1 unless given.
    EmulatorOptions& threads(unsigned count);
    /// PEM files of a certificate authority and its private key. Unless given, one is made at the first start
    /// and kept in the data file, so that clients that trust it do so beyond a restart. It is good for 396 days;
    /// in the last 30 of them a start makes a new one.
    EmulatorOptions& authority(std::filesystem::path certificate, std::filesystem::path key);
    /// How long a connection may wait for its next request; 75 s unless given.
    EmulatorOptions& idle_timeout(std::chrono::milliseconds time);
    /// How long a request may take from its first byte to its last before it is answered 408, and
    /// a TLS handshake before it is cut; 30 s unless given.
    EmulatorOptions& request_timeout(std::chrono::milliseconds time);
    /// How long a client may take to accept an answer before it is cut off; 30 s unless given.
    EmulatorOptions& response_timeout(std::chrono::milliseconds time);
    /// What it does wrong from the start; nothing unless given.
    EmulatorOptions& faults(Faults faults);
    /// Logs a line for each request to std::clog, without its headers and body.
    EmulatorOptions& verbose(bool on);

private:
    friend class Emulator;

    std::filesystem::path data_file_;
    std::string address_;
    std::uint16_t port_ = 0;
    std::string app_id_;
    std::string api_key_;
    std::size_t seed_ = 0;
    unsigned threads_ = 1;
    std::filesystem::path ca_certificate_;
    std::filesystem::path ca_key_;
    std::chrono::milliseconds idle_timeout_;
    std::chrono::milliseconds request_timeout_;
    std::chrono::milliseconds response_timeout_;
    Faults faults_;
    bool verbose_ = false;
};

/// A service with the Passage management API, over HTTPS, on threads of its own.
///
/// Every function may be called from any thread. Those that plant things do it at once, with the
/// same effect as if the service had brought them about; they throw std::invalid_argument if the
/// text is not what it should be, or there is no such user, and std::runtime_error if it cannot be
/// stored.
class Emulator
{
public:
    /// Listens once this returns. Throws std::runtime_error with a sentence that says what to do:
    /// port taken, data file not writable, damaged or of a newer version, unusable certificate.
    explicit Emulator(const EmulatorOptions& options = EmulatorOptions{});
    /// As stop().
    ~Emulator();

    Emulator(const Emulator&) = delete;
    Emulator& operator=(const Emulator&) = delete;

    /// Stops listening, lets requests that are on their way end within a few seconds, closes all
    /// connections, and returns when no thread runs any more. What was planted or written stays
    /// readable only in the data file.
    void stop();

    /// `https://localhost:PORT/v1`.
    std::string base_url() const;
    /// Where the keys that sign tokens are: as base_url().
    std::string auth_url() const;
    /// The TCP port it listens on.
    std::uint16_t port() const;
    /// Certificate of the authority that clients have to trust, as PEM.
    std::string ca_pem() const;
    /// The app that was there at the start.
    std::string app_id() const;
    /// The API key of that app.
    std::string api_key() const;

    /// Adds an app, or gives it another key; returns the key.
    std::string add_app(std::string_view app_id);

    /// Adds a user to the first app, in any state. `json` is a user as the service shows it
    /// (`email` or `phone`, and what else matters of `id`, `status`, `login_count`, `created_at`,
    /// `webauthn_devices`, `recent_events`, ...). Returns the user's id.
    std::string plant_user(std::string_view json);
    /// Adds a device to a user of the first app; `json` is a device as the service shows it, any
    /// member may be missing. Returns the device's id.
    std::string plant_device(std::string_view user_id, std::string_view json = "{}");
    /// Adds an event, likewise.
    std::string plant_event(std::string_view user_id, std::string_view json = "{}");
    /// Connects a user with `apple`, `github` or `google`, likewise.
    void plant_social_connection(std::string_view user_id, std::string_view provider, std::string_view json = "{}");

    /// Returns a token by which a user of the first app signs in: a JWT, signed by RS256. `claims` is a
    /// JSON object whose members take the place of the usual ones, where null leaves one out:
    /// `{"exp":1600000000}` has expired, `{"aud":["other"]}` is for another app. Unless given, `aud` is an
    /// array of the app and of its auth origin, `https://localhost`, `iss` is the app, and the token is good
    /// for 24 hours from now.
    std::string issue_token(std::string_view user_id, std::string_view claims = "{}");
    /// Has tokens be signed by a new key from now on, and lists it beside those before. Returns its id,
    /// which tokens name as their `kid`.
    std::string rotate_key();
    /// Lists this key no more: tokens that it has signed are good no more. The newest of those that
    /// remain signs, or a new one if there is none. Throws std::invalid_argument if there is no such key.
    void retire_key(std::string_view key_id);

    /// Does these things wrong from the next request on, in place of those before, with chances drawn
    /// from the beginning. `Faults{}` lets all be well again.
    void set_faults(const Faults& faults);

    /// Connections accepted since the start.
    std::uint64_t connections_accepted() const;
    /// Requests answered since the start.
    std::uint64_t requests_served() const;
    /// Connections open now.
    std::uint64_t connections_open() const;
    /// The most connections that were open at one time.
    std::uint64_t most_connections() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace passage
