// libcurl's multi interface over epoll, with a handle for each caller; over HTTP/2 they share connections.

#include "load.hpp"
#include "peers/dom.hpp"
#include "scenario.hpp"
#include "users.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace passage::bench {
namespace {

using Clock = std::chrono::steady_clock;

// libcurl's handles are all of type void.
template <auto Free>
struct FreedBy
{
    template <class Handle>
    void operator()(Handle* handle) const noexcept
    {
        Free(handle);
    }
};
using Easy = std::unique_ptr<CURL, FreedBy<curl_easy_cleanup>>;
using Multi = std::unique_ptr<CURLM, FreedBy<curl_multi_cleanup>>;
using Fields = std::unique_ptr<curl_slist, FreedBy<curl_slist_free_all>>;

void check(CURLMcode code)
{
    if (code != CURLM_OK)
        throw std::runtime_error{curl_multi_strerror(code)};
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value)
{
    if (const CURLcode code = curl_easy_setopt(easy, option, value); code != CURLE_OK)
        throw std::runtime_error{curl_easy_strerror(code)};
}

template <class Value>
void set(CURLM* multi, CURLMoption option, Value value)
{
    check(curl_multi_setopt(multi, option, value));
}

/// The transfers of a multi handle, driven by epoll as libcurl asks for it.
class Transfers
{
public:
    Transfers(HttpVersion version, std::size_t connections)
    {
        if (epoll_ < 0 || !multi_)
            throw std::runtime_error{"libcurl can't be set up"};
        set(multi_.get(), CURLMOPT_SOCKETFUNCTION, &Transfers::watch);
        set(multi_.get(), CURLMOPT_SOCKETDATA, this);
        set(multi_.get(), CURLMOPT_TIMERFUNCTION, &Transfers::set_timer);
        set(multi_.get(), CURLMOPT_TIMERDATA, this);
        set(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(connections));
        set(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(connections));
        if (version == HttpVersion::http2) {
            set(multi_.get(), CURLMOPT_PIPELINING, long{CURLPIPE_MULTIPLEX});
            // The server's limit counts.
            set(multi_.get(), CURLMOPT_MAX_CONCURRENT_STREAMS, static_cast<long>(connections));
        }
    }
    Transfers(const Transfers&) = delete;
    Transfers& operator=(const Transfers&) = delete;
    ~Transfers()
    {
        multi_.reset();
        close(epoll_);
    }

    void add(CURL* easy) { check(curl_multi_add_handle(multi_.get(), easy)); }

    /// Waits and works until something happened; `ended` is called with each transfer that has come to an end.
    template <class Ended>
    void step(Ended ended)
    {
        std::array<epoll_event, 64> events{};
        const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), milliseconds_left());
        if (count < 0 && errno != EINTR)
            throw std::system_error{errno, std::generic_category(), "epoll_wait"};
        int running = 0;
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events[static_cast<std::size_t>(i)];
            const int what = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                             ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                             ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
            check(curl_multi_socket_action(multi_.get(), event.data.fd, what, &running));
        }
        if (timer_ <= Clock::now()) {
            timer_ = Clock::time_point::max();
            check(curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running));
        }
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
            if (message->msg != CURLMSG_DONE)
                continue;
            CURL* const easy = message->easy_handle;
            const CURLcode result = message->data.result;
            check(curl_multi_remove_handle(multi_.get(), easy));
            ended(easy, result);
        }
    }

private:
    static int watch(CURL*, curl_socket_t socket, int what, void* place, void* known)
    {
        const auto self = static_cast<Transfers*>(place);
        epoll_event event{};
        event.data.fd = socket;
        event.events = ((what & CURL_POLL_IN) != 0 ? unsigned{EPOLLIN} : 0U) |
                       ((what & CURL_POLL_OUT) != 0 ? unsigned{EPOLLOUT} : 0U);
        if (what == CURL_POLL_REMOVE) // a socket that is closed already is not watched any more
            return epoll_ctl(self->epoll_, EPOLL_CTL_DEL, socket, nullptr) == 0 || errno == EBADF ? 0 : -1;
        // What libcurl keeps with the socket says that it is watched.
        if (known == nullptr)
            check(curl_multi_assign(self->multi_.get(), socket, self));
        return epoll_ctl(self->epoll_, known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &event);
    }

    static int set_timer(CURLM*, long milliseconds, void* self)
    {
        static_cast<Transfers*>(self)->timer_ =
            milliseconds < 0 ? Clock::time_point::max() : Clock::now() + std::chrono::milliseconds{milliseconds};
        return 0;
    }

    int milliseconds_left() const
    {
        if (timer_ == Clock::time_point::max())
            return -1;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(timer_ - Clock::now());
        return static_cast<int>(std::max(left, std::chrono::milliseconds{0}).count());
    }

    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    Clock::time_point timer_ = Clock::time_point::max();
    Multi multi_{curl_multi_init()};
};

/// One that makes call after call.
struct Caller
{
    Caller(const Config& config, curl_slist* fields)
    {
        set(easy.get(), CURLOPT_PRIVATE, this);
        set(easy.get(), CURLOPT_CAINFO, config.tls.ca_file.c_str());
        set(easy.get(), CURLOPT_HTTPHEADER, fields);
        set(easy.get(), CURLOPT_USERAGENT, "curl");
        const bool multiplexes = config.http_version == HttpVersion::http2;
        set(easy.get(), CURLOPT_HTTP_VERSION, long{multiplexes ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1});
        set(easy.get(), CURLOPT_PIPEWAIT, long{multiplexes});
        set(easy.get(), CURLOPT_TIMEOUT_MS, 30'000L);
        set(easy.get(), CURLOPT_NOSIGNAL, 1L);
        set(easy.get(), CURLOPT_WRITEFUNCTION, &Caller::append);
        set(easy.get(), CURLOPT_WRITEDATA, &body);
    }
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;

    static std::size_t append(const char* bytes, std::size_t, std::size_t count, void* body)
    {
        static_cast<std::string*>(body)->append(bytes, count);
        return count;
    }

    std::string body;
    std::size_t number = 0;
    Clock::time_point from;
    Easy easy{curl_easy_init()};
};

std::optional<std::string> wrong_answer(HttpVersion asked, const KnownUser& user, Caller& caller, CURLcode result)
{
    if (result != CURLE_OK)
        return curl_easy_strerror(result);
    long status = 0;
    curl_easy_getinfo(caller.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return "status " + std::to_string(status);
    long version = 0;
    curl_easy_getinfo(caller.easy.get(), CURLINFO_HTTP_VERSION, &version);
    if (version != (asked == HttpVersion::http2 ? CURL_HTTP_VERSION_2_0 : CURL_HTTP_VERSION_1_1))
        return "another version of HTTP was spoken";
    return wrong_user(user, user_from_dom(caller.body));
}

} // namespace

Report curl_get_user(const Settings& settings)
{
    const HttpVersion version = settings.config.http_version;
    const std::vector<KnownUser> users = find_users(settings.config);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        throw std::runtime_error{"libcurl can't be set up"};
    const std::string prefix = settings.config.base_url + "/apps/" + settings.config.app_id + "/users/";
    const Fields fields{curl_slist_append(
        curl_slist_append(nullptr, ("Authorization: Bearer " + std::string{settings.config.api_key.reveal()}).c_str()),
        "Accept: application/json")};
    Transfers transfers{version, settings.connections};
    std::vector<std::unique_ptr<Caller>> callers;
    for (std::size_t i = 0; i < settings.connections; ++i)
        callers.push_back(std::make_unique<Caller>(settings.config, fields.get()));

    const auto user = [&](std::size_t number) -> const KnownUser& { return users[number % users.size()]; };
    const auto run = [&](std::size_t calls) {
        Tally tally;
        const Usage usage = Meter{settings.server}.measure([&] {
            std::size_t begun = 0;
            std::size_t ended = 0;
            const auto begin = [&](Caller& caller) {
                caller.number = begun++;
                caller.body.clear();
                caller.from = Clock::now();
                set(caller.easy.get(), CURLOPT_URL, (prefix + user(caller.number).id).c_str());
                transfers.add(caller.easy.get());
            };
            for (std::size_t i = 0; i < callers.size() && begun < calls; ++i)
                begin(*callers[i]);
            while (ended < calls) {
                transfers.step([&](CURL* easy, CURLcode result) {
                    char* place = nullptr;
                    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &place);
                    Caller& caller = *reinterpret_cast<Caller*>(place);
                    if (std::optional<std::string> what = wrong_answer(version, user(caller.number), caller, result))
                        tally.fail(std::move(*what));
                    tally.latency.add(Clock::now() - caller.from);
                    ++ended;
                    if (begun < calls)
                        begin(caller);
                });
            }
        });
        return Report{calls, tally, usage};
    };
    run(settings.warm_up);
    return run(settings.requests);
}

} // namespace passage::bench
