#include "fuzz.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

// Runs a target on all files of the folders named, and on each of their beginnings, with any compiler.
int main(int argc, char** argv)
{
    std::vector<std::filesystem::path> files;
    for (const char* folder : std::vector<const char*>(argv + 1, argv + argc)) {
        if (!std::filesystem::exists(folder))
            continue; // a target that never crashed
        for (const auto& entry : std::filesystem::directory_iterator{folder})
            files.push_back(entry.path());
    }
    if (files.empty()) {
        std::cerr << "no inputs\n";
        return EXIT_FAILURE;
    }
    std::size_t runs = 0;
    for (const auto& file : files) {
        std::cout << file.filename().string() << std::endl; // seen also if the next line ends the program
        std::ifstream stream{file, std::ios::binary};
        const std::string input{std::istreambuf_iterator<char>{stream}, {}};
        for (std::size_t size = 0; size < input.size(); size += 1 + input.size() / 64, ++runs)
            passage::fuzz::run(std::string_view{input}.substr(0, size));
        passage::fuzz::run(input);
        ++runs;
    }
    std::cout << files.size() << " inputs, " << runs << " runs, " << passage::fuzz::taken << " taken\n";
    return passage::fuzz::taken > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
