// Where the API key is in memory, and how much of that a core dump would show.

#include "driver.hpp"

#if PASSAGE_HTTP2
#include "support/frame_server.hpp"

#include <nghttp2/nghttp2.h>
#endif

#include <boost/asio/co_spawn.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <random>
#include <sstream>
#include <string.h> // explicit_bzero
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace passage;
using namespace passage::test;

namespace {

/// A server in a process of its own, as one in this process would have the key in its memory. Started before there are
/// threads, which a child would not have.
struct ServerProcess
{
    /// `start` has a server in the child serve properly.
    template <class Start>
    explicit ServerProcess(Start start)
    {
        std::array<int, 2> told{}, asked{};
        if (pipe2(told.data(), O_CLOEXEC) != 0 || pipe2(asked.data(), O_CLOEXEC) != 0)
            throw std::runtime_error{"no pipe"};
        child = fork();
        if (child == 0) {
            close(asked[1]);
            {
                ScriptServer server;
                [[maybe_unused]] const auto serving = start(server);
                const std::string about = server.url() + '\n' + server.ca_pem();
                if (write(told[1], about.data(), about.size()) != static_cast<ssize_t>(about.size()))
                    _exit(1);
                close(told[1]);
                char end = 0;
                if (read(asked[0], &end, 1) != 0)
                    _exit(1);
            }
            _exit(0);
        }
        close(told[1]);
        close(asked[0]);
        lifeline = asked[1];
        std::string about;
        std::array<char, 4096> buffer;
        for (ssize_t size = 0; (size = read(told[0], buffer.data(), buffer.size())) > 0;)
            about.append(buffer.data(), static_cast<std::size_t>(size));
        close(told[0]);
        url = about.substr(0, about.find('\n'));
        ca_pem = about.substr(about.find('\n') + 1);
    }

    ~ServerProcess()
    {
        close(lifeline);
        int status = 0;
        waitpid(child, &status, 0);
    }

    pid_t child;
    int lifeline;
    std::string url;
    std::string ca_pem;
};

std::optional<ServerProcess> server;
std::optional<ServerProcess> http2_server;
std::optional<ServerProcess> proxy; ///< And the server beyond it.

struct StartServers
{
    StartServers()
    {
        server.emplace([](ScriptServer& scripts) {
            scripts.plan({});
            return nullptr;
        });
#if PASSAGE_HTTP2
        http2_server.emplace([](ScriptServer& scripts) {
            auto frames = std::make_unique<FrameServer>(scripts);
            frames->plan({});
            return frames;
        });
#endif
        proxy.emplace([](ScriptServer& scripts) {
            scripts.serve_by({{steps::open_tunnel(), steps::tls(), steps::serve()}, true});
            scripts.plan({});
            return nullptr;
        });
    }
    ~StartServers()
    {
        // The later child has a copy of the earlier one's lifeline.
        proxy.reset();
        http2_server.reset();
        server.reset();
    }
};

BOOST_TEST_GLOBAL_FIXTURE(StartServers);

/// A range of this process's memory.
struct Mapping
{
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    bool dumped = false;
};

/// What this process may read, and whether the system would put it into a core dump (proc(5), smaps, VmFlags).
std::vector<Mapping> mappings()
{
    std::vector<Mapping> all;
    std::ifstream smaps{"/proc/self/smaps"};
    bool readable = false;
    for (std::string line; std::getline(smaps, line);) {
        const auto dash = line.find('-');
        const auto space = line.find(' ');
        if (line.starts_with("VmFlags:")) {
            const bool excluded = (line + ' ').find(" dd ") != line.npos || (line + ' ').find(" io ") != line.npos;
            all.back().dumped = readable && !excluded;
            if (!readable)
                all.pop_back();
        } else if (dash != line.npos && dash < space) {
            Mapping& mapping = all.emplace_back();
            std::from_chars(line.data(), line.data() + dash, mapping.begin, 16);
            std::from_chars(line.data() + dash + 1, line.data() + space, mapping.end, 16);
            readable = line[space + 1] == 'r' && line.find("[v") == line.npos; // neither [vvar] nor [vsyscall]
        }
    }
    return all;
}

/// How often a text of eight or more bytes shows in the memory of this process, in whole or in part.
struct Shown
{
    std::size_t in_dump = 0;
    std::size_t elsewhere = 0;
};

Shown search(const Secret& sought)
{
    constexpr std::size_t piece = 8;
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    BOOST_REQUIRE(memory >= 0);
    // The copy of what is searched must be in no dump either, nor be searched itself.
    constexpr std::size_t step = 1 << 20;
    const std::size_t size = step + piece;
    constexpr std::uintptr_t longest = 1 << 30; // a sanitizer's own are longer
    char* const window =
        static_cast<char*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    BOOST_REQUIRE(window != MAP_FAILED);
    Shown shown;
    for (const Mapping& mapping : mappings()) {
        const auto own = reinterpret_cast<std::uintptr_t>(window);
        if ((mapping.begin <= own && own < mapping.end) || mapping.end - mapping.begin > longest)
            continue;
        for (std::uintptr_t at = mapping.begin; at < mapping.end; at += step) {
            const ssize_t got =
                pread(memory, window, std::min<std::size_t>(size, mapping.end - at), static_cast<off_t>(at));
            if (got <= 0)
                continue; // such as a file's page beyond its end
            const std::string_view bytes{window, static_cast<std::size_t>(got)};
            for (std::size_t from = 0; from + piece <= sought.reveal().size(); from += piece) {
                const std::string_view part = sought.reveal().substr(from, piece);
                for (auto found = bytes.find(part); found != bytes.npos; found = bytes.find(part, found + 1))
                    ++(mapping.dumped ? shown.in_dump : shown.elsewhere);
            }
        }
    }
    munmap(window, size);
    close(memory);
    return shown;
}

/// A random key, which is not in the program's own data.
Secret random_key()
{
    std::string key;
    key.reserve(64); // at once, as what it would grow out of is not wiped
    key = "psg_";
    std::random_device random;
    for (int i = 0; i < 28; ++i)
        key += static_cast<char>('a' + random() % 26);
    return Secret{std::move(key)};
}

Config config_with(const Secret& key, const ServerProcess& peer)
{
    Config config;
    config.app_id = "app";
    config.api_key = key;
    config.base_url = peer.url;
    config.tls.ca_pem = peer.ca_pem;
    return config;
}

std::string file(const std::string& path)
{
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

} // namespace

BOOST_AUTO_TEST_CASE(a_search_finds_what_a_dump_would_show)
{
    const Secret key = random_key();
    const Shown before = search(key);
    BOOST_TEST(before.in_dump == 0u);
    BOOST_TEST(before.elsewhere > 0u); // the secret itself
    const std::string copy{key.reveal()};
    BOOST_TEST(search(key).in_dump >= key.reveal().size() / 8);
    BOOST_TEST(copy == key.reveal());
}

namespace {

/// Searches for `sought`, a form of the key, while a client makes calls with the key.
void search_beside_calls(const Secret& key, const Secret& sought, const ServerProcess& peer,
                         std::initializer_list<Operation> operations)
{
    const std::size_t alone = search(sought).elsewhere;
    asio::io_context context;
    {
        std::optional<Client> client{std::in_place, context, config_with(key, peer)};
        std::size_t calls = 0;
        const auto call = [&](asio::awaitable<Result> what) {
            asio::co_spawn(context, std::move(what), [&](std::exception_ptr, const Result& result) {
                BOOST_TEST(!result.error);
                ++calls;
            });
        };
        for (const Operation operation : operations)
            call(perform(*client, operation));
        call(create_large(*client, 100'000));
        for (int i = 0; i < 200; ++i) // more than there are connections: some wait
            call(perform(*client, Operation::get));
        // While requests wait, while they are under way, and when all have ended.
        std::size_t most = 0;
        for (const std::size_t ended : {0u, 1u, 20u, 40u, 60u, 80u, 100u, 150u, 204u}) {
            while (calls < ended)
                context.run_one();
            const Shown alive = search(sought);
            BOOST_TEST(alive.in_dump == 0u);
            most = std::max(most, alive.elsewhere);
        }
        BOOST_TEST(most > alone); // not at each moment: what was sent is wiped
    }
    context.restart();
    context.run();
    const Shown gone = search(sought);
    BOOST_TEST(gone.in_dump == 0u);
    BOOST_TEST(gone.elsewhere == alone);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_core_dump_does_not_show_the_key)
{
    count_case();
    count_run();
    const Secret key = random_key();
    search_beside_calls(key, key, *server, {Operation::get, Operation::create, Operation::find});
}

#if PASSAGE_HTTP2
namespace {

/// The bytes of the key in the Huffman code of HPACK (RFC 7541, section 5.2), as they are in a request.
Secret huffman_code(const Secret& key)
{
    const std::unique_ptr<nghttp2_hd_deflater, decltype(&nghttp2_hd_deflate_del)> deflater{
        [] {
            nghttp2_hd_deflater* made = nullptr;
            BOOST_REQUIRE(nghttp2_hd_deflate_new(&made, 4096) == 0);
            return made;
        }(),
        &nghttp2_hd_deflate_del};
    std::string name = "authorization";
    std::string value = "Bearer ";
    const std::size_t prefix = value.size();
    value.reserve(128);
    value += key.reveal();
    nghttp2_nv field{reinterpret_cast<std::uint8_t*>(name.data()), reinterpret_cast<std::uint8_t*>(value.data()),
                     name.size(), value.size(), NGHTTP2_NV_FLAG_NO_INDEX};
    std::array<std::uint8_t, 256> block{};
    const auto size = nghttp2_hd_deflate_hd(deflater.get(), block.data(), block.size(), &field, 1);
    BOOST_REQUIRE(size > static_cast<ssize_t>(prefix + key.reveal().size() / 2));
    // What precedes the key takes less than a byte a character.
    const auto begin = 4 + prefix;
    Secret code{
        std::string_view{reinterpret_cast<const char*>(block.data()) + begin, static_cast<std::size_t>(size) - begin}};
    explicit_bzero(block.data(), block.size());
    value.resize(value.capacity());
    explicit_bzero(value.data(), value.size());
    return code;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_core_dump_does_not_show_the_key_as_http2_has_it)
{
    count_case();
    count_run();
    const Secret key = random_key();
    for (const Secret& sought : {key, huffman_code(key)}) // the frame server answers no list
        search_beside_calls(key, sought, *http2_server, {Operation::get, Operation::create, Operation::get});
}
#endif

BOOST_AUTO_TEST_CASE(a_core_dump_does_not_show_a_proxys_credentials)
{
    count_case();
    count_run();
    const Secret password = random_key();
    const Secret credentials = Secret::join({"u:", password.reveal()});
    std::string text(credentials.reveal().size() * 2, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(credentials.reveal().data()),
                                     static_cast<int>(credentials.reveal().size()));
    text.resize(static_cast<std::size_t>(size));
    const Secret encoded{std::move(text)};

    asio::io_context context;
    Config config = config_with(random_key(), *proxy);
    const std::size_t host = proxy->url.find("//");
    config.proxy.url = "http:" + proxy->url.substr(host, proxy->url.find('/', host + 2) - host);
    config.proxy.credentials = credentials;
    {
        Client client{context, config};
        std::size_t calls = 0;
        for (int i = 0; i < 100; ++i)
            asio::co_spawn(context, perform(client, Operation::get), [&](std::exception_ptr, const Result& result) {
                BOOST_TEST(!result.error);
                ++calls;
            });
        int steps = 0;
        while (calls < 100) {
            context.run_one();
            if (++steps % 50 == 0 && steps <= 200) { // while tunnels are being opened
                BOOST_REQUIRE(search(password).in_dump == 0u);
                BOOST_REQUIRE(search(encoded).in_dump == 0u);
            }
        }
        BOOST_TEST(search(encoded).elsewhere > encoded.reveal().size() / 8);
    }
    context.restart();
    context.run();
    BOOST_TEST(search(password).in_dump == 0u);
    BOOST_TEST(search(encoded).in_dump == 0u);
}

BOOST_AUTO_TEST_CASE(the_key_is_in_no_argument_variable_or_file)
{
    count_case();
    count_run();
    const Secret key = random_key();
    asio::io_context context;
    Client client{context, config_with(key, *server)};
    bool done = false;
    asio::co_spawn(context, perform(client, Operation::create),
                   [&](std::exception_ptr, const Result&) { done = true; });
    while (!done)
        context.run_one();
    for (const char* path : {"/proc/self/cmdline", "/proc/self/environ"}) {
        const std::string text = file(path);
        BOOST_TEST(!text.empty());
        BOOST_TEST(text.find(key.reveal()) == text.npos);
    }
    // Nothing is open but what a client needs: sockets, and the context's own.
    for (const auto& descriptor : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        std::error_code gone; // the iterator's own
        const std::string target = std::filesystem::read_symlink(descriptor, gone).string();
        if (!gone && target.starts_with('/') && std::filesystem::is_regular_file(target, gone))
            BOOST_TEST(file(target).find(key.reveal()) == std::string::npos);
    }
}

namespace {

/// A client's certificate and its key in files, written by a child: this process has not had the key in its memory.
class KeyFiles
{
public:
    explicit KeyFiles(const Secret& passphrase)
    {
        std::string name = (std::filesystem::temp_directory_path() / "passage-secrets-XXXXXX").string();
        BOOST_REQUIRE(mkdtemp(name.data()));
        folder_ = name;
        const pid_t child = fork();
        if (child == 0) {
            const Identity identity = make_identity({.usage = "clientAuth"}, nullptr);
            std::ofstream{path("certificate.pem")} << to_pem(identity);
            std::ofstream{path("key.pem")} << key_to_pem(identity);
            std::ofstream{path("encrypted.pem")} << key_to_pem(identity, std::string{passphrase.reveal()});
            BIGNUM* number = nullptr;
            std::array<unsigned char, 32> bytes;
            if (EVP_PKEY_get_bn_param(identity.key.get(), OSSL_PKEY_PARAM_PRIV_KEY, &number) != 1 ||
                BN_bn2lebinpad(number, bytes.data(), int{bytes.size()}) != int{bytes.size()})
                _exit(1);
            std::ofstream{path("number")}.write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        BOOST_REQUIRE(status == 0);
    }
    KeyFiles(const KeyFiles&) = delete;
    KeyFiles& operator=(const KeyFiles&) = delete;
    ~KeyFiles() { std::filesystem::remove_all(folder_); }

    std::string path(const std::string& name) const { return (folder_ / name).string(); }

    /// A file's contents from `offset` on, of which no copy is left.
    Secret read(const std::string& name, std::size_t offset = 0) const
    {
        std::array<char, 4096> buffer;
        const int descriptor = open(path(name).c_str(), O_RDONLY | O_CLOEXEC);
        const ssize_t size = ::read(descriptor, buffer.data(), buffer.size());
        close(descriptor);
        BOOST_REQUIRE(size > static_cast<ssize_t>(offset));
        Secret secret{std::string_view{buffer.data() + offset, static_cast<std::size_t>(size) - offset}};
        explicit_bzero(buffer.data(), buffer.size());
        return secret;
    }

private:
    std::filesystem::path folder_;
};

} // namespace

BOOST_AUTO_TEST_CASE(a_core_dump_shows_neither_the_text_of_a_clients_key_nor_its_passphrase)
{
    const Secret passphrase = random_key();
    const KeyFiles files{passphrase};
    // The lines of the header, and what all keys of this kind begin with, are in any program.
    constexpr std::size_t common = 28 + 65;
    const Secret text = files.read("key.pem", common);
    const Secret encrypted_text = files.read("encrypted.pem", common);
    const Secret number = files.read("number");
    const auto in_dump = [](const Secret& secret) { return search(secret).in_dump; };
    const auto check = [&] {
        BOOST_TEST(in_dump(passphrase) == 0u);
        BOOST_TEST(in_dump(text.reveal().substr(0, 48)) == 0u);
        BOOST_TEST(in_dump(encrypted_text.reveal().substr(0, 128)) == 0u);
    };
    check();
    BOOST_TEST(in_dump(number) == 0u);
    asio::io_context context;
    for (const bool encrypted : {false, true})
        for (const bool in_file : {false, true})
            BOOST_TEST_CONTEXT((encrypted ? "encrypted" : "plain") << (in_file ? " file" : " text"))
            {
                count_case();
                count_run();
                const std::string name = encrypted ? "encrypted.pem" : "key.pem";
                {
                    Config config = config_with(random_key(), *server);
                    config.tls.certificate_file = files.path("certificate.pem");
                    if (in_file)
                        config.tls.key_file = files.path(name);
                    else
                        config.tls.key_pem = files.read(name);
                    if (encrypted)
                        config.tls.key_passphrase = passphrase;
                    const Client client{context, config};
                    config.tls = {};
                    check();
                    BOOST_TEST(in_dump(number) > 0u); // OpenSSL keeps the key where it is dumped
                }
                context.restart();
                context.run(); // the rest of the client's end
                check();
                BOOST_TEST(in_dump(number) == 0u);
            }
}
