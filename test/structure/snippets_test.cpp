#include "compiler.hpp"
#include "snippets.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

using structure::Compiled;
using structure::Snippet;

namespace {

const std::filesystem::path root{PASSAGE_SOURCE_DIR};

std::string read(const std::filesystem::path& path)
{
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

/// Its snippets are parts of programs that are compiled and run by tests of their own.
const std::filesystem::path tutorial = root / "doc/tutorial.md";

std::vector<Snippet> documented_snippets()
{
    std::vector<std::filesystem::path> texts{root / "README.md"};
    for (const auto& entry : std::filesystem::recursive_directory_iterator{root / "doc"})
        if (entry.path().extension() == ".md" && entry.path() != tutorial)
            texts.push_back(entry.path());

    std::vector<Snippet> snippets;
    for (const auto& path : texts) {
        for (const Snippet& snippet : structure::find_snippets(path.lexically_relative(root), read(path)))
            snippets.push_back(snippet);
    }
    return snippets;
}

// A snippet may leave unused what it shows how to get.
Compiled compile(const std::string& unit)
{
    return structure::compile(unit, "-Wno-unused");
}

Compiled compile(const Snippet& snippet)
{
    return compile(structure::translation_units({snippet}).front());
}

} // namespace

BOOST_AUTO_TEST_CASE(documented_snippets_compile)
{
    for (const std::string& unit : structure::translation_units(documented_snippets())) {
        const Compiled compiled = compile(unit);
        BOOST_TEST(compiled.accepted, compiled.messages);
    }
}

BOOST_AUTO_TEST_CASE(readme_shows_code)
{
    const std::vector<Snippet> snippets = documented_snippets();
    BOOST_REQUIRE(!snippets.empty());
    BOOST_TEST(snippets.front().file == "README.md");
}

// The example is compiled and run by tests of its own.
BOOST_AUTO_TEST_CASE(first_program_of_the_readme_is_the_first_example)
{
    const std::string example = read(root / "example/1_first_call.cpp");
    BOOST_TEST(documented_snippets().front().code == example.substr(example.find("#include")));
}

BOOST_AUTO_TEST_CASE(snippets_of_the_tutorial_are_parts_of_its_programs)
{
    std::map<std::filesystem::path, std::string> programs;
    for (const auto& entry : std::filesystem::directory_iterator{root / "example/tutorial"})
        programs[entry.path().filename()] = read(entry.path());
    const std::vector<Snippet> snippets = structure::find_snippets("doc/tutorial.md", read(tutorial));
    BOOST_TEST(snippets.size() >= 4);
    std::size_t whole = 0;
    for (const Snippet& snippet : snippets) {
        const bool found = std::ranges::any_of(
            programs, [&](const auto& program) { return program.second.find(snippet.code) != std::string::npos; });
        BOOST_TEST(found, "doc/tutorial.md:" << snippet.line);
        whole += static_cast<std::size_t>(
            std::ranges::count_if(programs, [&](const auto& program) { return program.second == snippet.code; }));
    }
    BOOST_TEST(whole == 3);
    BOOST_TEST(read(tutorial).find("```cmake\n" + programs["CMakeLists.txt"] + "```\n") != std::string::npos);
}

// Calls of the official SDKs, beside those of the library. The former are made by test/conformance.
BOOST_AUTO_TEST_CASE(calls_in_the_tables_for_the_migration_compile)
{
    std::vector<Snippet> calls;
    std::ifstream document{root / "doc/migration.md"};
    std::string line;
    for (int number = 1; std::getline(document, line); ++number) {
        for (const std::string_view object : {"psg.", "authenticator."}) {
            if (line.starts_with("| `" + std::string{object}))
                calls.push_back(
                    {"doc/migration.md", number, "co_await " + line.substr(3, line.find('`', 3) - 3) + ";\n"});
        }
    }
    BOOST_TEST(calls.size() > 40U);
    const std::string unit = structure::translation_unit(
        calls, "#include <boost/beast/http.hpp>\n",
        "passage::Client& psg, passage::Authenticator& authenticator, std::string user_id, std::string device_id, "
        "std::string email, std::string phone, std::string token, std::string authorization, std::string cookie, "
        "boost::beast::http::request<boost::beast::http::string_body> request");
    const Compiled compiled = structure::compile(unit, "-Wno-unused");
    BOOST_TEST(compiled.accepted, compiled.messages);
}

BOOST_AUTO_TEST_CASE(fences_of_cpp_are_found_and_others_are_not)
{
    const std::vector<Snippet> snippets = structure::find_snippets("a.md", "text\n"
                                                                           "```cpp\n"
                                                                           "one;\n"
                                                                           "```\n"
                                                                           "```sh\n"
                                                                           "no\n"
                                                                           "```\n"
                                                                           "   ~~~ C++\n"
                                                                           "two;\n"
                                                                           "```\n"
                                                                           "~~~\n");
    BOOST_REQUIRE_EQUAL(snippets.size(), 2U);
    BOOST_TEST(snippets[0].code == "one;\n");
    BOOST_TEST(snippets[0].line == 3);
    BOOST_TEST(snippets[1].code == "two;\n```\n");
    BOOST_TEST(snippets[1].line == 9);
}

BOOST_AUTO_TEST_CASE(parts_of_functions_are_compiled_together_and_programs_by_themselves)
{
    const std::vector<std::string> units =
        structure::translation_units({{"a.md", 1, "one;\n"}, {"a.md", 5, "#include <two>\n"}, {"b.md", 1, "three;\n"}});
    BOOST_REQUIRE_EQUAL(units.size(), 2U);
    BOOST_TEST(units[0] == "#if 1\n#line 5 \"a.md\"\n#include <two>\n#endif\n");
    BOOST_TEST(units[1].find("#line 1 \"a.md\"\none;\n") != std::string::npos);
    BOOST_TEST(units[1].find("#line 1 \"b.md\"\nthree;\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(snippet_for_an_absent_optional_library_is_left_out_and_for_any_other_is_refused)
{
    BOOST_TEST(compile({"a.md", 1, "#include <spdlog/no_such_header.h>\nno code;\n"}).accepted);
    BOOST_TEST(!compile({"a.md", 1, "#include <string>\nno code;\n"}).accepted);
    BOOST_TEST(!compile({"a.md", 1, "#include <passage/no_such_header.hpp>\n"}).accepted);
}

BOOST_AUTO_TEST_CASE(wrong_statement_is_refused_at_its_line)
{
    const Compiled compiled = compile({"README.md", 41, "\npsg.no_such_operation(id);\n"});
    BOOST_TEST(!compiled.accepted);
    BOOST_TEST(compiled.messages.find("README.md:42") != std::string::npos, compiled.messages);
}

BOOST_AUTO_TEST_CASE(wrong_program_is_refused_at_its_line)
{
    const Compiled compiled =
        compile({"README.md", 7, "#include <passage/passage.hpp>\nint main() { passage::NoSuchType x; }\n"});
    BOOST_TEST(!compiled.accepted);
    BOOST_TEST(compiled.messages.find("README.md:8") != std::string::npos, compiled.messages);
}
