#include "compiler.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <filesystem>

using structure::Compiled;

namespace {

std::vector<std::string> public_headers()
{
    std::vector<std::string> headers;
    const std::filesystem::path root{PASSAGE_SOURCE_DIR "/include"};
    for (const auto& entry : std::filesystem::recursive_directory_iterator{root})
        if (entry.path().extension() == ".hpp")
            headers.push_back(entry.path().lexically_relative(root).generic_string());
    return headers;
}

// Twice, since a program may reach a header by two ways.
Compiled compile_alone(const std::string& header)
{
    const std::string include = "#include <" + header + ">\n";
    return structure::compile(include + include);
}

} // namespace

BOOST_DATA_TEST_CASE(public_header_compiles_alone_and_hides_what_the_library_is_made_of,
                     boost::unit_test::data::make(public_headers()), header)
{
    const Compiled compiled = compile_alone(header);
    BOOST_TEST(compiled.accepted, compiled.messages);
    BOOST_TEST(compiled.headers.find(header) != std::string::npos);
    for (const std::string& hidden : structure::hidden_headers(compiled))
        BOOST_ERROR(header << " brings in " << hidden);
}

BOOST_AUTO_TEST_CASE(header_that_needs_another_one_first_is_refused)
{
    const Compiled compiled = structure::compile("inline std::string text() { return {}; }\n");
    BOOST_TEST(!compiled.accepted);
    BOOST_TEST(compiled.messages.find("string") != std::string::npos, compiled.messages);
}

BOOST_DATA_TEST_CASE(hidden_header_is_found_behind_others,
                     boost::unit_test::data::make(std::vector<std::string>{
                         "boost/beast/core/flat_buffer.hpp", "boost/asio/ssl/error.hpp", "openssl/err.h", "sqlite3.h"}),
                     header)
{
    const Compiled compiled = structure::compile("#include <" + header + ">\n");
    BOOST_REQUIRE_MESSAGE(compiled.accepted, compiled.messages);
    BOOST_TEST(!structure::hidden_headers(compiled).empty());
}
