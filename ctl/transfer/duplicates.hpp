#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace passage::ctl {

/// Finds identifiers that occur more than once, among any number of them and in constant memory: it sorts them in a
/// temporary file.
class Duplicates
{
public:
    /// Where an identifier occurs.
    struct Place
    {
        std::uint64_t number; ///< Of the record.
        std::uint64_t line;
    };

    Duplicates();
    ~Duplicates();

    /// Adds an identifier. Throws `Failure` if the temporary file cannot be written.
    void add(std::string_view identifier, Place place);

    /// Calls a function for each place but the first of an identifier, with the first one. Called once.
    void find(const std::function<void(Place first, Place again)>& found);

private:
    struct Entry;

    /// Appends the entries in memory to the file, sorted.
    void spill();

    std::vector<Entry> entries_;
    std::vector<std::size_t> runs_; ///< The numbers of sorted entries in the file.
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

} // namespace passage::ctl
