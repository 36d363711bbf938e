#include "files.hpp"

#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <stdexcept>

namespace web {

std::string read_file(const std::filesystem::path& file)
{
    std::ifstream input{file, std::ios::binary};
    std::string content{std::istreambuf_iterator<char>{input}, {}};
    if (!input)
        throw std::runtime_error{"file " + file.string() + " can't be read"};
    return content;
}

std::vector<StaticFile> read_static_files(const std::filesystem::path& folder, std::string_view prefix)
{
    static const std::map<std::string, std::string> types{
        {".css", "text/css; charset=utf-8"},
        {".csv", "text/csv; charset=utf-8"},
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".svg", "image/svg+xml"},
    };
    std::vector<StaticFile> files;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        StaticFile file;
        file.path = std::string{prefix} + entry.path().filename().string();
        file.content_type = types.at(entry.path().extension().string());
        file.content = read_file(entry.path());
        file.etag = '"' + std::to_string(std::hash<std::string>{}(file.content)) + '"';
        files.push_back(std::move(file));
    }
    return files;
}

} // namespace web
