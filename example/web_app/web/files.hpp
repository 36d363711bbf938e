#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace web {

/// A static file.
struct StaticFile
{
    std::string path; ///< The path on the site, such as `/static/style.css`.
    std::string content_type;
    std::string content;
    std::string etag;
};

/// Returns the content of a file. Throws `std::runtime_error` if it cannot be read.
std::string read_file(const std::filesystem::path& file);

/// Returns the files of a folder, to be served below `prefix`. The files are read here, so that no request can name a
/// file on the disk.
std::vector<StaticFile> read_static_files(const std::filesystem::path& folder, std::string_view prefix);

} // namespace web
