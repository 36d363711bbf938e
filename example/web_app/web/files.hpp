#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace web {

/// A file that is served as it is.
struct StaticFile
{
    std::string path; ///< On the site: `/static/style.css`.
    std::string content_type;
    std::string content;
    std::string etag;
};

/// A file's content; throws std::runtime_error if it can't be read.
std::string read_file(const std::filesystem::path& file);

/// The files of a folder, to be served below `prefix`. They are read here and now, so that no request ever names a
/// file of the disk.
std::vector<StaticFile> read_static_files(const std::filesystem::path& folder, std::string_view prefix);

} // namespace web
