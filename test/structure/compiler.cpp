#include "compiler.hpp"

#include <sys/resource.h>
#include <sys/time.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>

namespace structure {

namespace {

class TemporaryFolder
{
public:
    TemporaryFolder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "passage-XXXXXX").string();
        if (!::mkdtemp(name.data()))
            throw std::runtime_error{"no temporary folder: " + name};
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

std::string read(const std::filesystem::path& path)
{
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

std::chrono::microseconds user_time_of_children()
{
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    return std::chrono::seconds{usage.ru_utime.tv_sec} + std::chrono::microseconds{usage.ru_utime.tv_usec};
}

} // namespace

Compiled compile(const std::string& source, const std::string& options)
{
    const TemporaryFolder folder;
    const std::string unit = (folder.path() / "unit.cpp").string();
    const std::string headers = (folder.path() / "unit.d").string();
    const std::string messages = (folder.path() / "messages").string();
    std::ofstream{unit} << source;

    const std::string command =
        PASSAGE_COMPILE " -fsyntax-only -MD -MF " + headers + ' ' + options + ' ' + unit + " >" + messages + " 2>&1";
    const int status = std::system(command.c_str());
    return {status == 0, read(messages), read(headers)};
}

std::chrono::microseconds time_to_compile(const std::string& source)
{
    const TemporaryFolder folder;
    const std::string unit = (folder.path() / "unit.cpp").string();
    std::ofstream{unit} << source;

    const std::chrono::microseconds before = user_time_of_children();
    const std::string command = PASSAGE_COMPILE " -O0 -c -o " + (folder.path() / "unit.o").string() + ' ' + unit;
    if (std::system(command.c_str()) != 0)
        throw std::runtime_error{"not accepted: " + source};
    return user_time_of_children() - before;
}

std::vector<std::string> hidden_headers(const Compiled& compiled)
{
    static const std::regex hidden{R"(\S*/(boost/beast|boost/asio/ssl|openssl|sqlite3|SQLiteCpp)[/.]\S*)"};
    std::vector<std::string> found;
    for (std::sregex_iterator match{compiled.headers.begin(), compiled.headers.end(), hidden}, end; match != end;
         ++match)
        found.push_back(match->str());
    return found;
}

} // namespace structure
