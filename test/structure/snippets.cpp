#include "snippets.hpp"

#include <array>
#include <optional>
#include <regex>
#include <sstream>

namespace structure {

namespace {

constexpr std::string_view prologue = R"(
#include <passage/passage.hpp>
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>
namespace asio = boost::asio;
using namespace std::chrono_literals;
)";
/// Headers that a recipe needs and the library does not: they may be absent.
constexpr std::array<std::string_view, 4> optional_headers{"boost/log/", "opentelemetry/", "passage/opentelemetry.hpp",
                                                           "spdlog/"};

/// The condition under which code can be compiled on a machine that may lack optional headers.
std::string condition(const std::string& code)
{
    static const std::regex include{R"(#include <([^>]+)>)"};
    std::string result = "1";
    for (std::sregex_iterator match{code.begin(), code.end(), include}, end; match != end; ++match) {
        const std::string header = (*match)[1];
        for (const std::string_view optional : optional_headers)
            if (header.starts_with(optional))
                result.append(" && __has_include(<").append(header).append(">)");
    }
    return result;
}

std::string located(const Snippet& snippet)
{
    return "#line " + std::to_string(snippet.line) + " \"" + snippet.file + "\"\n" + snippet.code;
}

} // namespace

std::vector<Snippet> find_snippets(const std::string& file, std::string_view markdown)
{
    static const std::regex fence{R"(^\s*(```+|~~~+)\s*(\S*).*$)"};
    static const std::regex cpp{"cpp|c[+][+]|cc|cxx|hpp", std::regex::icase};

    std::vector<Snippet> snippets;
    std::istringstream lines{std::string{markdown}};
    std::string line;
    std::optional<std::string> opened; // the mark of the fence that the line is in
    bool is_cpp = false;
    for (int number = 1; std::getline(lines, line); ++number) {
        std::smatch match;
        const bool is_fence = std::regex_match(line, match, fence);
        if (is_fence && !opened) {
            opened = match[1];
            is_cpp = std::regex_match(match[2].str(), cpp);
            if (is_cpp)
                snippets.push_back({file, number + 1, ""});
        } else if (is_fence && match[1] == *opened && match[2].length() == 0) {
            opened.reset();
        } else if (opened && is_cpp) {
            snippets.back().code += line + '\n';
        }
    }
    return snippets;
}

std::vector<std::string> translation_units(const std::vector<Snippet>& snippets)
{
    std::vector<std::string> units;
    std::vector<Snippet> bodies;
    for (const Snippet& snippet : snippets) {
        if (snippet.code.starts_with("#include"))
            units.push_back("#if " + condition(snippet.code) + "\n" + located(snippet) + "#endif\n");
        else
            bodies.push_back(snippet);
    }
    if (!bodies.empty())
        units.push_back(translation_unit(bodies, "", "passage::Client& psg, std::string id"));
    return units;
}

std::string translation_unit(const std::vector<Snippet>& bodies, const std::string& includes,
                             const std::string& parameters)
{
    std::string unit = includes + std::string{prologue};
    int count = 0;
    for (const Snippet& body : bodies)
        unit += "asio::awaitable<void> snippet_" + std::to_string(++count) + "(" + parameters + ")\n{\n" +
                located(body) + "co_return;\n}\n";
    return unit;
}

} // namespace structure
