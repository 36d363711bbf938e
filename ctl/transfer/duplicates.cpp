#include "duplicates.hpp"

#include "../exit_code.hpp"
#include "sha256.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <compare>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <queue>
#include <string>
#include <system_error>
#include <utility>

namespace passage::ctl {
namespace {

constexpr std::size_t run_size = 100'000; // 3 MiB
constexpr std::size_t read_ahead = 512;

[[noreturn]] void fail()
{
    throw Failure{ExitCode::failed, "a temporary file cannot be used, for the search for duplicates: " +
                                        std::generic_category().message(errno) + "; TMPDIR names its folder"};
}

/// Opens a file in TMPDIR that is gone when it is closed.
std::FILE* temporary_file()
{
    std::error_code error;
    std::string path = std::filesystem::temp_directory_path(error).string() + "/passagectl-XXXXXX";
    const int descriptor = error ? -1 : mkstemp(path.data());
    if (descriptor < 0)
        fail();
    unlink(path.c_str());
    std::FILE* const file = fdopen(descriptor, "w+b");
    if (!file)
        fail();
    return file;
}

} // namespace

struct Duplicates::Entry
{
    std::array<std::uint64_t, 2> hash;
    std::uint64_t number;
    std::uint64_t line;

    auto operator<=>(const Entry&) const = default;
};

Duplicates::Duplicates() : file_{nullptr, &std::fclose} {}
Duplicates::~Duplicates() = default;

void Duplicates::add(std::string_view identifier, Place place)
{
    if (entries_.capacity() == 0)
        entries_.reserve(run_size);
    entries_.push_back({fingerprint(identifier), place.number, place.line});
    if (entries_.size() == run_size)
        spill();
}

void Duplicates::spill()
{
    std::ranges::sort(entries_);
    if (!file_)
        file_.reset(temporary_file());
    if (std::fwrite(entries_.data(), sizeof(Entry), entries_.size(), file_.get()) != entries_.size())
        fail();
    runs_.push_back(entries_.size());
    entries_.clear();
}

void Duplicates::find(const std::function<void(Place, Place)>& found)
{
    std::optional<Entry> first;
    const auto take = [&](const Entry& entry) {
        if (first && first->hash == entry.hash)
            found({first->number, first->line}, {entry.number, entry.line});
        else
            first = entry;
    };
    if (runs_.empty()) {
        std::ranges::sort(entries_);
        std::ranges::for_each(entries_, take);
        return;
    }
    if (!entries_.empty())
        spill();
    entries_.shrink_to_fit();
    if (std::fflush(file_.get()) != 0)
        fail();

    // Merges the runs.
    struct Run
    {
        std::size_t next; ///< In the file.
        std::size_t end;
        std::vector<Entry> buffer{};
        std::size_t at = 0; ///< In the buffer.
    };
    std::vector<Run> runs;
    std::size_t position = 0;
    for (const std::size_t size : runs_) {
        runs.push_back({position, position + size});
        position += size;
    }
    const auto pull = [&](Run& run) -> std::optional<Entry> {
        if (run.at == run.buffer.size()) {
            run.buffer.resize(std::min(read_ahead, run.end - run.next));
            run.at = 0;
            if (run.buffer.empty())
                return std::nullopt;
            if (std::fseek(file_.get(), static_cast<long>(run.next * sizeof(Entry)), SEEK_SET) != 0 ||
                std::fread(run.buffer.data(), sizeof(Entry), run.buffer.size(), file_.get()) != run.buffer.size())
                fail();
            run.next += run.buffer.size();
        }
        return run.buffer[run.at++];
    };
    using Head = std::pair<Entry, std::size_t>; // the least entry of a run that is left
    std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
    for (std::size_t i = 0; i < runs.size(); ++i)
        heads.emplace(*pull(runs[i]), i);
    while (!heads.empty()) {
        const auto [entry, run] = heads.top();
        heads.pop();
        take(entry);
        if (const auto next = pull(runs[run]))
            heads.emplace(*next, run);
    }
}

} // namespace passage::ctl
