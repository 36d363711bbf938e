#include "layers.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <ostream>

using structure::Tree;

namespace {

struct Breach
{
    std::string path;
    std::string line;
    std::string reason;

    friend std::ostream& operator<<(std::ostream& stream, const Breach& breach)
    {
        return stream << breach.path << " with " << breach.line;
    }
};

const std::vector<Breach> every_kind_of_breach{
    {"src/json/a.cpp", "#include \"net/a.hpp\"", "json must not see net"},
    {"src/jwt/a.cpp", "#include \"http/a.hpp\"", "jwt must not see http"},
    {"src/jwt/a.cpp", "#include <boost/asio/ssl.hpp>", "jwt is pure"},
    {"src/jwt/a.cpp", "std::chrono::system_clock::now();", "jwt is pure"},
    {"src/pool/a.cpp", "#include \"client/a.hpp\"", "pool must not see client"},
    {"src/http/a.cpp", "#include \"api/a.hpp\"", "http must not see api"},
    {"src/api/a.cpp", "#include \"policy/a.hpp\"", "api must not see policy"},
    {"src/api/a.cpp", "#include \"net/a.hpp\"", "api must not see net"},
    {"src/api/a.cpp", "#  include  \"../emulator/store.hpp\"", "names no file of src/"},
    {"src/client/a.cpp", "#include \"emulator/store.hpp\"", "names no file of src/"},
    {"src/client/a.cpp", "#include <passage/emulator.hpp>", "must not see the emulator"},
    {"src/client/a.cpp", "#include <openssl/ssl.h>", "only jwt and net may see OpenSSL"},
    {"src/client/a.cpp", "#include <boost/asio/ssl.hpp>", "only jwt and net may see OpenSSL"},
    {"src/net/a.cpp", "#include <sqlite3.h>", "must not see SQLite"},
    {"src/client/a.cpp", "#include <opentelemetry/trace/span.h>", "must not see OpenTelemetry"},
    {"include/passage/a.hpp", "#include <opentelemetry/trace/span.h>", "must not see OpenTelemetry"},
    {"opentelemetry/a.cpp", "#include \"client/a.hpp\"", "must not see the inside of the library"},
    {"opentelemetry/a.cpp", "#include <opentelemetry/sdk/trace/tracer.h>", "must not see the SDK"},
    {"src/model/a.hpp", "#include <boost/asio/awaitable.hpp>", "model is pure"},
    {"src/api/a.cpp", "#include <boost/asio.hpp>", "api is pure"},
    {"src/api/a.cpp", "auto t = std::chrono::system_clock::now();", "api is pure"},
    {"src/http/a.cpp", "#include <sys/socket.h>", "http is pure"},
    {"src/pool/a.cpp", "#include <thread>", "pool is pure"},
    {"src/policy/a.cpp", "auto t = std::chrono::steady_clock::now();", "policy is pure"},
    {"src/policy/a.cpp", "std::random_device seed;", "policy is pure"},
    {"src/http/a.cpp", "lower += static_cast<char>(std::tolower(c));", "must not depend on the locale"},
    {"src/client/a.cpp", "return isalnum(c) != 0;", "must not depend on the locale"},
    {"emulator/a.cpp", "return std::tolower(c);", "must not depend on the locale"},
    {"src/helpers/a.cpp", "", "belongs to no layer"},
    {"src/a.cpp", "", "belongs to no layer"},
    {"include/passage/a.hpp", "#include \"model/a.hpp\"", "nothing of src/"},
    {"include/passage/a.hpp", "#include <boost/beast/http.hpp>", "must not show Beast"},
    {"include/passage/a.hpp", "#include <openssl/x509.h>", "must not show Beast, OpenSSL"},
    {"include/passage/a.hpp", "#include <passage/emulator.hpp>", "must not see the emulator"},
    {"include/passage/emulator.hpp", "#include <sqlite3.h>", "must not show Beast, OpenSSL or SQLite"},
    {"ctl/a.cpp", "#include \"model/a.hpp\"", "names no file of ctl/"},
    {"ctl/a.cpp", "#include \"../src/model/a.hpp\"", "names no file of ctl/"},
    {"ctl/a.cpp", "#include <passage/detail/build.hpp>", "public interface"},
    {"ctl/a.cpp", "#include <passage/emulator.hpp>", "public interface"},
    {"emulator/a.cpp", "#include <passage/user.hpp>", "must not see the library"},
    {"emulator/a.cpp", "#include \"model/a.hpp\"", "names no file of emulator/"},
    {"emulator/a.cpp", "#include \"../src/json/a.hpp\"", "names no file of emulator/"},
};

// A file in each layer, so that what a breach includes exists.
Tree sound_tree()
{
    return {
        {"include/passage/user.hpp", "#include <boost/json/object.hpp>\n"},
        {"include/passage/emulator.hpp", "#include <passage/detail/build.hpp>\n"},
        {"src/model/a.hpp", "#include <passage/user.hpp>\n"},
        {"src/json/a.hpp", "#include \"model/a.hpp\"\n#include \"json/b.hpp\"\n"},
        {"src/json/b.hpp", ""},
        {"src/jwt/a.hpp", "#include <openssl/evp.h>\n#include \"json/a.hpp\"\n"},
        {"src/http/a.hpp", "#include <boost/beast/http/parser.hpp>\n"},
        {"src/api/a.hpp", "#include \"http/a.hpp\"\n"},
        {"src/policy/a.hpp",
         "#include \"api/a.hpp\"\n// std::chrono::steady_clock::now() is the caller's.\n#include <chrono>\n"},
        {"src/pool/a.hpp", ""},
        {"src/net/a.hpp", "#include <boost/asio/ssl.hpp>\nauto t = std::chrono::steady_clock::now();\n"},
        {"src/client/a.hpp", "#include \"net/a.hpp\"\n#include <boost/asio/awaitable.hpp>\n"},
        {"ctl/main.cpp", "#include \"doctor/a.hpp\"\n#include <passage/client.hpp>\n"},
        {"ctl/doctor/a.hpp", "#include \"../main.cpp\"\n#include <openssl/ssl.h>\n"},
        {"emulator/store.hpp", "#include <sqlite3.h>\n"},
        {"emulator/main.cpp", "#include \"store.hpp\"\n#include <passage/emulator.hpp>\n"},
    };
}

std::string joined(const std::vector<std::string>& lines)
{
    std::string text;
    for (const std::string& line : lines)
        text += "\n  " + line;
    return text;
}

} // namespace

BOOST_AUTO_TEST_CASE(no_file_sees_what_its_layer_must_not)
{
    const Tree tree = structure::read_tree(PASSAGE_SOURCE_DIR, {"src", "include", "emulator", "opentelemetry", "ctl"});
    BOOST_TEST(tree.contains("include/passage/passage.hpp"));

    const std::vector<std::string> found = structure::breaches(tree);
    BOOST_TEST(found.empty(), "breaches:" << joined(found));
}

BOOST_AUTO_TEST_CASE(sound_layers_are_accepted)
{
    const std::vector<std::string> found = structure::breaches(sound_tree());
    BOOST_TEST(found.empty(), "breaches:" << joined(found));
}

BOOST_DATA_TEST_CASE(each_kind_of_breach_is_found, boost::unit_test::data::make(every_kind_of_breach), breach)
{
    Tree tree = sound_tree();
    tree[breach.path] += breach.line + "\n";

    const std::vector<std::string> found = structure::breaches(tree);
    BOOST_REQUIRE_EQUAL(found.size(), 1U);
    BOOST_TEST(found.front().starts_with(breach.path));
    BOOST_TEST(found.front().find(breach.reason) != std::string::npos, found.front());
}
