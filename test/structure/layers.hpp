#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace structure {

/// Sources by their path inside the repository ("src/json/reader.cpp").
using Tree = std::map<std::string, std::string>;

/// Reads all .hpp, .cpp and .ipp files of the given folders of a repository.
Tree read_tree(const std::filesystem::path& root, const std::vector<std::string>& folders);

/// Every place where a file sees what its layer must not: "src/json/a.cpp:3: json must not see net: ...".
std::vector<std::string> breaches(const Tree& tree);

} // namespace structure
