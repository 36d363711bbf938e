#include "compiler.hpp"
#include "snippets.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>

using structure::Compiled;
using structure::Snippet;

namespace structure {

std::ostream& operator<<(std::ostream& stream, const Snippet& snippet)
{
    return stream << snippet.file << ':' << snippet.line;
}

} // namespace structure

namespace {

std::vector<Snippet> documented_snippets()
{
    const std::filesystem::path root{PASSAGE_SOURCE_DIR};
    std::vector<std::filesystem::path> texts{root / "README.md"};
    for (const auto& entry : std::filesystem::recursive_directory_iterator{root / "doc"})
        if (entry.path().extension() == ".md")
            texts.push_back(entry.path());

    std::vector<Snippet> snippets;
    for (const auto& path : texts) {
        std::ifstream file{path};
        const std::string markdown{std::istreambuf_iterator<char>{file}, {}};
        for (const Snippet& snippet : structure::find_snippets(path.lexically_relative(root), markdown))
            snippets.push_back(snippet);
    }
    return snippets;
}

// A snippet may leave unused what it shows how to get.
Compiled compile(const Snippet& snippet)
{
    return structure::compile(structure::translation_unit(snippet), "-Wno-unused");
}

} // namespace

BOOST_DATA_TEST_CASE(documented_snippet_compiles, boost::unit_test::data::make(documented_snippets()), snippet)
{
    const Compiled compiled = compile(snippet);
    BOOST_TEST(compiled.accepted, compiled.messages);
}

BOOST_AUTO_TEST_CASE(readme_shows_code)
{
    const std::vector<Snippet> snippets = documented_snippets();
    BOOST_REQUIRE(!snippets.empty());
    BOOST_TEST(snippets.front().file == "README.md");
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
