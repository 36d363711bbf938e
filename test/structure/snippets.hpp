#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace structure {

/// A fenced block of C++ in a Markdown text.
struct Snippet
{
    std::string file;
    int line = 0; ///< Line of `file` on which the code begins.
    std::string code;
};

/// All fences of a Markdown text whose language is C++ by any of its names.
std::vector<Snippet> find_snippets(const std::string& file, std::string_view markdown);

/// Makes translation units of snippets; the compiler names their lines by those of their files.
///
/// A snippet that begins with `#include` is one already; it is empty where an optional library that it includes is
/// absent. All others are in one together: each is the body of a coroutine that has `passage::Client& psg` and
/// `std::string id`, and sees `passage/passage.hpp`, `boost/asio.hpp`, `<chrono>`, `<iostream>`, `<string>`,
/// `<vector>`, `namespace asio` and `std::chrono_literals`.
std::vector<std::string> translation_units(const std::vector<Snippet>& snippets);

/// A translation unit in which each snippet is the body of a coroutine with these parameters, and sees what
/// `translation_units` says.
std::string translation_unit(const std::vector<Snippet>& bodies, const std::string& includes,
                             const std::string& parameters);

} // namespace structure
