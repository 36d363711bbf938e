#include "layers.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <sstream>
#include <string_view>

namespace structure {

namespace {

// Lowest first: a layer sees itself and those before it.
constexpr std::array<std::string_view, 10> layers{"model", "json",   "jwt",  "http", "http2",
                                                  "api",   "policy", "pool", "net",  "client"};
constexpr std::array<std::string_view, 2> impure_layers{"net", "client"};

std::optional<std::size_t> rank(std::string_view layer)
{
    const auto found = std::find(layers.begin(), layers.end(), layer);
    if (found == layers.end())
        return std::nullopt;
    return static_cast<std::size_t>(found - layers.begin());
}

bool is_pure(std::string_view layer)
{
    return std::find(impure_layers.begin(), impure_layers.end(), layer) == impure_layers.end();
}

struct Include
{
    bool quoted = false;
    std::string path;
};

std::optional<Include> read_include(const std::string& line)
{
    static const std::regex form{R"(^\s*#\s*include\s*(["<])([^">]+)[">])"};
    std::smatch match;
    if (!std::regex_search(line, match, form))
        return std::nullopt;
    return Include{match[1] == "\"", match[2]};
}

bool matches(const std::string& text, const std::regex& form)
{
    return std::regex_search(text, form);
}

const std::regex openssl{R"(^(openssl/|boost/asio/ssl))"};
const std::regex sqlite{R"(^(sqlite3|SQLiteCpp))"};
const std::regex beast{R"(^boost/beast)"};
const std::regex opentelemetry{R"(^opentelemetry/)"};
const std::regex io{
    R"(^(boost/(asio|cobalt|process)[/.]|sys/(socket|epoll|select|poll|un)\.h|netinet/|arpa/|netdb\.h|poll\.h|unistd\.h|thread$|future$))"};
const std::regex now_or_random{
    R"(::now\s*\(|\b(clock_gettime|gettimeofday|localtime|gmtime|std::time|random_device|std::rand|RAND_bytes)\b)"};
const std::regex by_locale{
    R"(\b(std::)?(is(alnum|alpha|blank|cntrl|digit|graph|lower|print|punct|space|upper|xdigit)|to(lower|upper)|strto(d|f|ld)|sto(d|f|ld)|atof)\s*\()"};

// Why a library source must not include this, if it must not.
std::optional<std::string> library_objection(const std::string& layer, const Include& include, const Tree& tree)
{
    if (include.quoted) {
        const auto seen = rank(include.path.substr(0, include.path.find('/')));
        if (!seen || !tree.contains("src/" + include.path))
            return "a quoted include names no file of src/";
        if (*seen > *rank(layer))
            return layer + " must not see " + std::string{layers[*seen]};
        return std::nullopt;
    }
    if (include.path == "passage/emulator.hpp")
        return "the library must not see the emulator";
    if (matches(include.path, sqlite))
        return "the library must not see SQLite";
    if (matches(include.path, opentelemetry))
        return "the library must not see OpenTelemetry";
    if (layer != "net" && layer != "jwt" && matches(include.path, openssl))
        return "only jwt and net may see OpenSSL";
    if (is_pure(layer) && matches(include.path, io))
        return layer + " is pure: no sockets, executors or threads";
    return std::nullopt;
}

std::optional<std::string> public_objection(const std::string& path, const Include& include)
{
    if (include.quoted)
        return "a public header includes with angle brackets, and nothing of src/";
    if (path != "include/passage/emulator.hpp" && include.path == "passage/emulator.hpp")
        return "the library must not see the emulator";
    if (matches(include.path, beast) || matches(include.path, openssl) || matches(include.path, sqlite))
        return "a public header must not show Beast, OpenSSL or SQLite";
    if (matches(include.path, opentelemetry))
        return "the library must not see OpenTelemetry";
    return std::nullopt;
}

std::optional<std::string> opentelemetry_objection(const Include& include)
{
    if (include.quoted)
        return "passage::opentelemetry must not see the inside of the library";
    if (matches(include.path, std::regex{R"(^opentelemetry/(sdk|exporters)/)"}))
        return "passage::opentelemetry must not see the SDK";
    return std::nullopt;
}

std::optional<std::string> emulator_objection(const Include& include, const Tree& tree)
{
    if (include.quoted && !tree.contains("emulator/" + include.path))
        return "a quoted include names no file of emulator/";
    if (!include.quoted && include.path.starts_with("passage/") && include.path != "passage/emulator.hpp" &&
        include.path != "passage/detail/build.hpp")
        return "the emulator must not see the library";
    return std::nullopt;
}

// passagectl is what any program could be.
std::optional<std::string> ctl_objection(const std::string& path, const Include& include, const Tree& tree)
{
    const std::filesystem::path included = std::filesystem::path{path}.parent_path() / include.path;
    if (include.quoted && !(included.lexically_normal().generic_string().starts_with("ctl/") &&
                            tree.contains(included.lexically_normal().generic_string())))
        return "a quoted include names no file of ctl/";
    if (include.path == "passage/emulator.hpp" || include.path.starts_with("passage/detail/"))
        return "passagectl must see the public interface of the library alone";
    return std::nullopt;
}

} // namespace

Tree read_tree(const std::filesystem::path& root, const std::vector<std::string>& folders)
{
    Tree tree;
    for (const std::string& folder : folders)
        for (const auto& entry : std::filesystem::recursive_directory_iterator{root / folder}) {
            const std::string extension = entry.path().extension();
            if (extension != ".hpp" && extension != ".cpp" && extension != ".ipp")
                continue;
            std::ifstream file{entry.path()};
            tree[entry.path().lexically_relative(root).generic_string()] = {std::istreambuf_iterator<char>{file}, {}};
        }
    return tree;
}

std::vector<std::string> breaches(const Tree& tree)
{
    static const std::regex source_path{R"(^src/([^/]+)/)"};
    static const std::regex line_comment{R"(//.*)"};

    std::vector<std::string> found;
    for (const auto& [path, text] : tree) {
        std::smatch match;
        const bool in_library = std::regex_search(path, match, source_path);
        const std::string layer = in_library ? match[1].str() : "";
        if (path.starts_with("src/") && !rank(layer)) {
            found.push_back(path + ": belongs to no layer");
            continue;
        }

        std::istringstream lines{text};
        std::string line;
        for (int number = 1; std::getline(lines, line); ++number) {
            std::optional<std::string> objection;
            if (const auto include = read_include(line)) {
                if (in_library)
                    objection = library_objection(layer, *include, tree);
                else if (path.starts_with("include/"))
                    objection = public_objection(path, *include);
                else if (path.starts_with("opentelemetry/"))
                    objection = opentelemetry_objection(*include);
                else if (path.starts_with("ctl/"))
                    objection = ctl_objection(path, *include, tree);
                else if (path.starts_with("emulator/"))
                    objection = emulator_objection(*include, tree);
            } else if (in_library || path.starts_with("emulator/")) {
                const std::string code = std::regex_replace(line, line_comment, "");
                if (in_library && is_pure(layer) && matches(code, now_or_random))
                    objection = layer + " is pure: now and random come in as arguments";
                else if (matches(code, by_locale))
                    objection = "what a text means must not depend on the locale";
            }
            if (objection)
                found.push_back(path + ":" + std::to_string(number) + ": " + *objection + ": " + line);
        }
    }
    return found;
}

} // namespace structure
