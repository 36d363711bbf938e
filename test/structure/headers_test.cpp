#include "compiler.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <regex>
#include <string>

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

BOOST_AUTO_TEST_CASE(all_headers_together_cost_little_more_than_what_every_program_on_them_needs)
{
    // Other load only adds time, so the shortest runs are compared.
    constexpr int runs = 5;
    auto all = std::chrono::microseconds::max();
    auto base = std::chrono::microseconds::max();
    for (int run = 0; run < runs; ++run) {
        // <chrono> is expensive with g++ 13 or newer, and programs that set a deadline include it anyway.
        base = std::min(base, structure::time_to_compile("#include <boost/asio/awaitable.hpp>\n"
                                                         "#include <boost/json/object.hpp>\n"
                                                         "#include <chrono>\n"));
        all = std::min(all, structure::time_to_compile("#include <passage/passage.hpp>\n"));
    }
    const double ratio = std::chrono::duration<double>{all} / base;
    std::cout << "<passage/passage.hpp>: " << all.count() << " us, " << ratio << " times the base\n";
    BOOST_TEST(ratio <= 1.5);
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

BOOST_AUTO_TEST_CASE(older_standard_is_refused_with_a_sentence)
{
    for (const std::string& header : public_headers()) {
        if (header == "passage/emulator.hpp") // it is not the client library's
            continue;
        const Compiled compiled = structure::compile("#include <" + header + ">\n", "-std=c++17");
        BOOST_TEST(!compiled.accepted);
        BOOST_TEST(compiled.messages.find("passage needs C++20") != std::string::npos, compiled.messages);
        BOOST_TEST(std::ranges::count(compiled.messages, '\n') < 40, compiled.messages);
    }
}

BOOST_AUTO_TEST_CASE(copy_with_std_expected_is_refused_where_there_is_none_with_a_sentence)
{
    std::ifstream file{PASSAGE_SOURCE_DIR "/cmake/build.hpp.in"};
    std::string header{std::istreambuf_iterator<char>{file}, {}};
    const std::string setting = "#cmakedefine01 PASSAGE_STD_EXPECTED";
    BOOST_TEST_REQUIRE(header.find(setting) != std::string::npos);
    header.replace(header.find(setting), setting.size(), "#define PASSAGE_STD_EXPECTED 1");
    const auto refuse = [](const std::string& source, const std::string& option, const std::string& sentence) {
        const Compiled compiled = structure::compile(source, option);
        BOOST_TEST(!compiled.accepted);
        BOOST_TEST(compiled.messages.find(sentence) != std::string::npos, compiled.messages);
        BOOST_TEST(std::ranges::count(compiled.messages, '\n') < 40, compiled.messages);
    };
    refuse(header, "-std=c++20", "passage needs C++23");
    // As with a compiler for which the standard library leaves it out.
    refuse("#include <version>\n#undef __cpp_lib_expected\n" + header, "-std=c++2b", "passage uses std::expected");
}

BOOST_AUTO_TEST_CASE(another_version_of_boost_is_refused_with_a_sentence)
{
    const Compiled compiled = structure::compile("#include <boost/version.hpp>\n"
                                                 "#undef BOOST_VERSION\n"
                                                 "#define BOOST_VERSION 199900\n"
                                                 "#include <passage/error.hpp>\n");
    BOOST_TEST(!compiled.accepted);
    BOOST_TEST(compiled.messages.find("passage was built with Boost") != std::string::npos, compiled.messages);
    BOOST_TEST(std::ranges::count(compiled.messages, '\n') < 40, compiled.messages);
}

BOOST_AUTO_TEST_CASE(function_of_the_wrong_shape_is_refused_by_the_name_of_what_it_has_to_be)
{
    const auto messages = [](const std::string& operation, const std::string& deliver) {
        const Compiled compiled =
            structure::compile("#include <passage/batch.hpp>\n"
                               "using namespace passage;\n"
                               "boost::asio::awaitable<BatchSummary> run(Client& psg, std::vector<std::string> ids) {\n"
                               "    return for_each(std::move(ids), " +
                               operation + ", " + deliver +
                               ");\n"
                               "}\n");
        return compiled.accepted ? "" : compiled.messages;
    };
    const std::string operation =
        "[&](std::string& id, const CallOptions& options) { return psg.get_user(id, options); }";
    const std::string deliver = "[](std::size_t, expected<UserInfo>&&) {}";
    const std::regex error_inside{R"(batch_run\.hpp:[0-9:]+ error:)"}; // a note may name it (clang 19)
    BOOST_TEST(messages(operation, deliver) == "");
    for (const char* wrong : {"[&](std::string& id) { return psg.get_user(id); }",
                              "[&](int, const CallOptions&) { return psg.get_user({}); }",
                              "[](std::string&, const CallOptions&) { return expected<UserInfo>{}; }", "0"}) {
        const std::string said = messages(wrong, deliver);
        BOOST_TEST(said.find("begins_call_for") != std::string::npos, said);
        BOOST_TEST(!std::regex_search(said, error_inside), said);
    }
    for (const char* wrong : {"[](expected<UserInfo>&&) {}", "[](std::size_t, expected<void>&&) {}", "0"}) {
        const std::string said = messages(operation, wrong);
        BOOST_TEST(said.find("delivers") != std::string::npos, said);
        BOOST_TEST(!std::regex_search(said, error_inside), said);
    }
}
