#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// The emulator of the Passage management API, for use inside a test program.

namespace passage {

namespace emulator {
class FaultPlan;
}

/// The faults that an `Emulator` injects, to test how a program handles them. By default there are none. Faults can be
/// combined.
///
/// A rate is the share of requests, from 0 to 1, that a fault affects at random. The random numbers come from a
/// generator with a fixed seed, in the order in which requests arrive. A program that makes its calls one after another
/// therefore gets the same faults in each run.
///
/// Faults affect all requests, or those of one route: see `for_route`.
///
/// Requests to `/admin/`, and the functions of `Emulator` that add data, are not affected.
///
/// \par Errors
/// All setters throw `std::invalid_argument` if a value is out of range.
/// \par Thread safety
/// Distinct objects: safe. Shared objects: unsafe.
class Faults
{
public:
    Faults();

    /// Delays each request before it is processed: by `time`, and at random by up to `jitter` more. At most a day each.
    /// Over HTTP/2 the requests of a connection are delayed side by side.
    Faults& latency(std::chrono::milliseconds time, std::chrono::milliseconds jitter = std::chrono::milliseconds{0});
    /// Responds with this status, 400 to 599, and does not carry out the request. May be called for several statuses;
    /// if several affect one request, the first applies.
    Faults& error(unsigned status, double rate = 1);
    /// Closes each connection after the response to its request number `count`, 1 or more, without announcing it. Over
    /// HTTP/2 there is no GOAWAY, and other requests in flight get no response.
    Faults& close_after(std::uint64_t count);
    /// Resets the connection (RST) instead of sending the response; a connection over a Unix domain socket is closed
    /// instead. The request has been carried out. Over HTTP/2 this ends all requests of the connection.
    Faults& reset(double rate = 1);
    /// Cuts off the response after this number of bytes, header included, and closes the connection without a TLS
    /// `close_notify`. The request has been carried out. A response that is not longer is sent unchanged. Over HTTP/2
    /// the bytes of its HEADERS and DATA frames count, and all requests of the connection end.
    Faults& cut_after(std::size_t bytes, double rate = 1);
    /// Responds with 429 and `Retry-After` to requests that exceed this number per second, over all connections.
    /// `retry_after` is at most a day. The requests of one second, and at least one, may arrive at once.
    Faults& throttle(double requests_per_second, std::chrono::seconds retry_after = std::chrono::seconds{1});
    /// Refuses the stream of a request (RST_STREAM with REFUSED_STREAM). The request is not carried out.
    ///
    /// This function, `goaway_after` and `max_streams` affect HTTP/2 only. They throw `std::invalid_argument` if the
    /// emulator was built without HTTP/2.
    Faults& refuse(double rate = 1);
    /// Ends each HTTP/2 connection with a GOAWAY that names its request number `count`, 1 or more, as the last one.
    /// Requests up to it get their responses; later ones are ignored.
    Faults& goaway_after(std::uint64_t count);
    /// Limits the requests that an HTTP/2 connection may have in flight (SETTINGS_MAX_CONCURRENT_STREAMS), 0 to 1000.
    /// The default is 100. Existing connections keep their limit.
    Faults& max_streams(std::uint32_t count);
    /// Sets the seed of the random numbers. The default is 1.
    Faults& seed(std::uint64_t number);

    /// Injects `faults` into the requests of one route, in addition to the faults that affect all requests.
    ///
    /// `route` is a method and the path of an operation, such as `GET /users/{user_id}`: what comes after
    /// `/apps/{app_id}` in the path, or the whole path. Text in braces stands for any one segment. `GET /apps/{app_id}`
    /// is the app itself, and `GET` includes HEAD.
    ///
    /// A rate is the share of the route's requests, and `throttle` counts only these. `close_after` and `goaway_after`
    /// count the requests of all routes on a connection. They end it at the first request of this route at which the
    /// count has reached `count`. The faults of a route use random numbers of their own, so they do not change those of
    /// other faults. Several calls for one route add up.
    ///
    /// \par Errors
    /// Throws `std::invalid_argument` if there is no such route; the message lists the routes. `max_streams` affects
    /// whole connections, and `seed` all faults, so they cannot be set in `faults`. `for_route` cannot be nested.
    Faults& for_route(std::string_view route, const Faults& faults);

    /// Adds a fault in the syntax of `passage-emulator --fault`:
    ///
    ///     latency=MS[,jitter=MS]   error=STATUS[@RATE]   close=COUNT   reset[@RATE]
    ///     cut=BYTES[@RATE]         throttle=COUNT/s[,retry-after=SECONDS]   seed=NUMBER
    ///     refuse[@RATE]            goaway=COUNT                  streams=COUNT
    ///
    /// Each but `seed` and `streams` may end in `,route=METHOD PATH`: see `for_route`.
    ///
    /// \par Errors
    /// Throws `std::invalid_argument` if `text` has another form.
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
    double refuse_rate_ = 0;
    std::uint64_t goaway_after_ = 0;
    std::optional<std::uint32_t> max_streams_;
    std::optional<std::uint64_t> seed_;
    std::vector<std::pair<std::size_t, Faults>> of_routes_; // by the index of a route
};

/// The options of an `Emulator`.
///
/// The defaults suit a test: data in memory, a free port of the loopback interface, an API key for this run, and a
/// certificate authority of its own.
class EmulatorOptions
{
public:
    EmulatorOptions();

    /// Sets the SQLite file that holds the data. The file is created if it does not exist. An empty name, which is the
    /// default, keeps the data in memory.
    ///
    /// The file contains private keys. The emulator removes the permissions of everybody but its owner, even if the
    /// file existed before. While it runs, a file whose name ends in `.lock` keeps other emulators from the data file.
    EmulatorOptions& data_file(std::filesystem::path file);
    /// Sets the IP address to listen on. The default is `localhost`, which means both 127.0.0.1 and ::1.
    /// Throws `std::invalid_argument` if it is neither an IP address nor `localhost`.
    EmulatorOptions& address(std::string address);
    /// Sets the TCP port to listen on. The default is 0, which means a free port.
    EmulatorOptions& port(std::uint16_t port);
    /// Sets the id of the app that exists at the start: 1 to 64 letters, digits, `-` or `_`. The default is the app
    /// that the data file was created with, or a generated id. Throws `std::invalid_argument` if it has another form.
    /// An empty text stands for the default.
    EmulatorOptions& app_id(std::string id);
    /// Sets the API key of that app: visible ASCII characters. By default a key is generated. It replaces the key that
    /// the data file has from an earlier run. Throws `std::invalid_argument` if it has another form. An empty text
    /// stands for the default.
    EmulatorOptions& api_key(std::string key);
    /// Sets the number of users to generate. The same number gives the same users.
    ///
    /// The data file records how many users were generated for its app, and only the remaining ones are added. A
    /// generated user that was changed or deleted is therefore not restored. A generated user whose id, e-mail address
    /// or phone number is already in use is skipped.
    EmulatorOptions& seed(std::size_t users);
    /// Sets the number of threads that serve connections. The default is 1.
    EmulatorOptions& threads(unsigned count);
    /// Sets the PEM files of a certificate authority and of its private key, which must not be encrypted.
    ///
    /// By default the emulator creates an authority at the first start and keeps it in the data file, so clients can
    /// still trust it after a restart. It is valid for 396 days. A start in the last 30 days replaces it.
    EmulatorOptions& authority(std::filesystem::path certificate, std::filesystem::path key);
    /// Sets a PEM file with certificate authorities, and demands from each client a certificate that one of them has
    /// signed. The TLS handshake with any other client fails. By default clients need no certificate.
    EmulatorOptions& client_authority(std::filesystem::path certificate);
    /// Sets whether the emulator serves plain HTTP, without TLS. By default it does not.
    ///
    /// A client may speak HTTP/1.1, or HTTP/2 by prior knowledge (RFC 9113, section 3.3). API keys and users are not
    /// encrypted then, so set `address()` to an address other than loopback only on a network that you trust.
    EmulatorOptions& plain(bool on);
    /// Sets the path of a Unix domain socket to listen on, instead of a TCP port. `mode` specifies the permissions of
    /// the file. Processes that may write to the file may connect.
    ///
    /// A socket file that no process listens on is replaced. The file is removed when the emulator stops. Clients need
    /// `Emulator::base_url()` besides the path.
    EmulatorOptions& unix_socket(std::filesystem::path file,
                                 std::filesystem::perms mode = std::filesystem::perms::owner_read |
                                                               std::filesystem::perms::owner_write);
    /// Sets how long a connection may wait for its next request. The default is 75 s.
    EmulatorOptions& idle_timeout(std::chrono::milliseconds time);
    /// Sets the maximum time from the first byte of a request to its last, and of a TLS handshake. The default is 30 s.
    /// A request that takes longer gets 408; a handshake that takes longer is aborted. Over HTTP/2 the other requests
    /// of the connection continue, unless the incomplete part is a header.
    EmulatorOptions& request_timeout(std::chrono::milliseconds time);
    /// Sets the maximum time that a client may take to accept a response. The default is 30 s. After that the
    /// connection is closed. Over HTTP/2 a response whose window stays closed is cancelled, and the other requests
    /// continue.
    EmulatorOptions& response_timeout(std::chrono::milliseconds time);
    /// Sets whether only HTTP/1.1 is served. By default a client may also choose HTTP/2 (ALPN), if the emulator was
    /// built with it.
    EmulatorOptions& http1(bool alone);
    /// Sets the faults that are injected from the start. By default there are none.
    EmulatorOptions& faults(Faults faults);
    /// Sets whether a line for each request, without its header and body, is logged to `std::clog`.
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
    std::filesystem::path client_authority_;
    bool plain_ = false;
    std::filesystem::path unix_socket_;
    std::filesystem::perms unix_socket_mode_{};
    std::chrono::milliseconds idle_timeout_;
    std::chrono::milliseconds request_timeout_;
    std::chrono::milliseconds response_timeout_;
    bool http1_ = false;
    Faults faults_;
    bool verbose_ = false;
};

/// A server with the Passage management API over HTTPS, or plain HTTP, on its own threads.
///
/// \par Effects
/// The functions that add data take effect before they return, as if the service had created the data.
/// \par Errors
/// The functions that add data throw `std::invalid_argument` if an argument is invalid or there is no such user, and
/// `std::runtime_error` if the data cannot be stored.
/// \par Thread safety
/// Every function may be called from any thread.
class Emulator
{
public:
    /// Starts the server, which listens when the constructor returns.
    ///
    /// \par Errors
    /// Throws `std::runtime_error` if the port or the Unix domain socket is in use, if the data file is not writable,
    /// is damaged, is of a newer version or is in use by another emulator, or if a certificate is unusable. `what()`
    /// says how to correct it.
    explicit Emulator(const EmulatorOptions& options = EmulatorOptions{});
    /// Destructor. Calls `stop()`.
    ~Emulator();

    Emulator(const Emulator&) = delete;
    Emulator& operator=(const Emulator&) = delete;

    /// Stops the server.
    ///
    /// Stops listening, gives requests in flight a few seconds to complete, closes all connections, and returns when
    /// its threads have ended. Afterwards the data is available only in the data file.
    void stop();

    /// Returns the URL of the API: `https://localhost:PORT/v1`; with the address of `EmulatorOptions::address` in place
    /// of `localhost` if `localhost` does not lead to it; with `http` if it is plain, and without a port if it listens
    /// on a Unix domain socket.
    std::string base_url() const;
    /// Returns the URL of the token keys, which is `base_url()`.
    std::string auth_url() const;
    /// Returns the TCP port that the server listens on; 0 if it listens on a Unix domain socket.
    std::uint16_t port() const;
    /// Returns the certificate of the authority that clients must trust, as PEM; empty if the server is plain.
    std::string ca_pem() const;
    /// Returns the id of the first app, which is the app that existed at the start.
    std::string app_id() const;
    /// Returns the API key of the first app.
    std::string api_key() const;

    /// Adds an app, or gives an existing app a new API key. Returns the API key.
    std::string add_app(std::string_view app_id);

    /// Adds a user in any state to the first app. Returns the user's id.
    ///
    /// `json` is a user as the API writes it. It has `email` or `phone`; all other members, such as `id`, `status`,
    /// `login_count`, `created_at`, `webauthn_devices` and `recent_events`, are optional.
    std::string plant_user(std::string_view json);
    /// Adds a device to a user of the first app. Returns the device's id.
    ///
    /// `json` is a device as the API writes it. All members are optional.
    std::string plant_device(std::string_view user_id, std::string_view json = "{}");
    /// Adds an event to a user of the first app. Returns the event's id.
    ///
    /// `json` is an event as the API writes it. All members are optional.
    std::string plant_event(std::string_view user_id, std::string_view json = "{}");
    /// Connects a user of the first app with a provider: `apple`, `github` or `google`.
    ///
    /// `json` is a social connection as the API writes it. All members are optional.
    void plant_social_connection(std::string_view user_id, std::string_view provider, std::string_view json = "{}");

    /// Returns a token with which a user of the first app signs in: a JWT that is signed by RS256.
    ///
    /// `claims` is a JSON object whose members replace the default claims; null omits a claim. For example,
    /// `{"exp":1600000000}` makes a token that has expired, and `{"aud":["other"]}` one for another app. By default,
    /// `aud` is an array of the app's id and its origin `https://localhost`, `iss` is the app's id, and the token
    /// expires after 24 hours.
    std::string issue_token(std::string_view user_id, std::string_view claims = "{}");
    /// Creates a key that signs all further tokens, and adds it to the list of keys. Returns the id of the key, which
    /// is the `kid` of its tokens.
    std::string rotate_key();
    /// Removes a key from the list. Tokens that it signed are no longer valid.
    ///
    /// The newest remaining key signs further tokens, or a new key if none remains.
    /// \par Errors
    /// Throws `std::invalid_argument` if there is no such key.
    void retire_key(std::string_view key_id);

    /// Replaces the injected faults from the next request on, and restarts the random numbers. `Faults{}` injects none.
    void set_faults(const Faults& faults);

    /// Returns the number of connections accepted since the start.
    std::uint64_t connections_accepted() const;
    /// Returns the number of requests served since the start.
    std::uint64_t requests_served() const;
    /// Returns the number of open connections.
    std::uint64_t connections_open() const;
    /// Returns the maximum number of connections that were open at the same time.
    std::uint64_t most_connections() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace passage
