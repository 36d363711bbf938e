#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace passage::ctl {

/// What becomes of a column of a CSV file, or of a member of a JSON object.
struct Column
{
    enum class Use {
        email,
        phone,
        status,
        metadata,       ///< It is a JSON object: all metadata of the user.
        metadata_field, ///< One field of the metadata: `name`.
        not_carried,    ///< A field of users that the API cannot set: `name`.
        skipped,        ///< The command line says so.
        refused,        ///< The name is unknown.
    };
    Use use;
    std::string name;
};

/// What becomes of columns whose names are unknown.
enum class Unknown { metadata, skip, refuse };

/// Says what becomes of columns, by their names. Case, blanks and punctuation of names are ignored.
class Columns
{
public:
    /// Each item of `maps` is `column=field`, with a field of `email`, `phone`, `status`, `metadata`, `metadata.NAME`
    /// or `skip`. It takes precedence over what the name means otherwise. Throws `Failure` if an item is invalid.
    Columns(const std::vector<std::string>& maps, Unknown unknown);

    Column find(std::string_view name) const;

    /// Returns the mapped columns that are not among the names.
    std::vector<std::string> unmatched(const std::vector<std::string>& names) const;

private:
    struct Mapped
    {
        std::string column; ///< As the command line has it.
        std::string folded;
        Column to;
    };
    std::vector<Mapped> mapped_;
    Unknown unknown_;
};

/// Returns a text with ASCII letters in lower case.
std::string lower(std::string_view text);

} // namespace passage::ctl
