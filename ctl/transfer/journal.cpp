#include "journal.hpp"

#include "../exit_code.hpp"
#include "pieces.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

namespace passage::ctl {
namespace {

constexpr std::string_view first_line = "passagectl import journal 1";
/// As many records are announced at once, to wait for the disk once for all of them.
constexpr std::uint64_t block = 512;

std::string system_error()
{
    return std::generic_category().message(errno);
}

/// Removes the first word of a text and returns it.
std::string_view take_word(std::string_view& text)
{
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

bool read_number(std::string_view text, std::uint64_t& number)
{
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

/// A new entry of a folder is on the disk only when the folder is.
void sync_folder_of(const std::string& path)
{
    const auto folder = std::filesystem::absolute(path).parent_path();
    const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor); // some file systems can't, and need not
        close(descriptor);
    }
}

} // namespace

Journal::Journal(std::string path, const ImportIdentity& identity, std::vector<RecordState>& states)
    : path_{std::move(path)},
      identity_{identity},
      file_{open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)}
{
    if (file_ < 0)
        throw Failure{ExitCode::usage,
                      "journal " + path_ + " cannot be opened: " + system_error() + "; --journal names another file"};
    try {
        if (flock(file_, LOCK_EX | LOCK_NB) != 0)
            throw Failure{ExitCode::usage, "journal " + path_ + ": another import uses it"};
        read(states);
    } catch (...) {
        close(file_);
        throw;
    }
}

Journal::~Journal()
{
    if (is_empty_)
        unlink(path_.c_str());
    close(file_);
}

void Journal::read(std::vector<RecordState>& states)
{
    const auto damaged = [&](std::uint64_t number) {
        return Failure{ExitCode::usage, "journal " + path_ + " is damaged at line " + std::to_string(number) +
                                            ": remove it, and the import begins anew; users that exist are skipped"};
    };
    const auto check = [&](std::string_view what, const std::string& expected, std::string_view found,
                           std::string_view otherwise) {
        if (found != expected)
            throw Failure{ExitCode::usage, "journal " + path_ + " is that of another import: " + std::string{what} +
                                               std::string{otherwise} +
                                               ". Name another one with --journal, or remove "
                                               "this one"};
    };
    const std::string not_a_journal = path_ + " is not a journal of an import: name another file with --journal";
    Pieces pieces{file_};
    std::string text;
    std::uint64_t whole = 0; // bytes of whole lines
    std::uint64_t count = 0;
    bool is_begun = false;
    for (std::string_view piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
        text += piece;
        if (!piece.ends_with('\n'))
            continue;
        if (text.find('\0') != std::string::npos)
            break; // a power failure left it; nothing that follows was written
        const std::string whole_line = std::exchange(text, {});
        std::string_view line = whole_line;
        whole = pieces.offset();
        line.remove_suffix(1);
        const std::string_view all = line;
        const std::string_view word = take_word(line);
        std::uint64_t number = 0;
        switch (++count) {
        case 1:
            if (all != first_line)
                throw Failure{ExitCode::usage, not_a_journal};
            continue;
        case 2:
            check("the input", "input " + identity_.input_hash, all, " has changed, or is another one");
            continue;
        case 3:
            check("the server", "server " + identity_.server, all, " is another one, " + std::string{line});
            continue;
        case 4:
            check("the app", "app " + identity_.app, all, " is another one, " + std::string{line});
            continue;
        case 5:
            if (word != "options")
                break; // the first journals did not have them
            check("the options", "options " + identity_.options, all, " were others, " + std::string{line});
            continue;
        default:
            break;
        }
        if (!is_begun) {
            if (word != "begun" || !read_number(line, number))
                throw damaged(count);
            begun_ = std::chrono::sys_seconds{std::chrono::seconds{static_cast<std::int64_t>(number)}};
            is_begun = true;
            continue;
        }
        if (word == "asked") {
            if (!read_number(line, number) || number > states.size())
                throw damaged(count);
            asked_ = std::max(asked_, number);
            continue;
        }
        if (!read_number(word, number) || number >= states.size())
            throw damaged(count);
        const std::string_view result = take_word(line);
        if (result == "refused")
            states[number] = RecordState::refused;
        else if (result == "created" || result == "existed" || result == "updated")
            states[number] = RecordState::done;
        else
            throw damaged(count);
    }
    // The last line may never have been written to its end.
    if (count == 0 && !first_line.starts_with(text))
        throw Failure{ExitCode::usage, not_a_journal};
    if (!is_begun)
        whole = 0;
    if (ftruncate(file_, static_cast<off_t>(whole)) != 0)
        throw Failure{ExitCode::failed, "journal " + path_ + " cannot be written: " + system_error()};
    is_resumed_ = is_begun;
    is_empty_ = !is_begun;
    asked_before_ = asked_;
}

void Journal::append(const std::string& line)
{
    std::string_view rest = line;
    while (!rest.empty()) {
        const ssize_t count = write(file_, rest.data(), rest.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw Failure{ExitCode::failed, "journal " + path_ + " cannot be written: " + system_error()};
        rest.remove_prefix(static_cast<std::size_t>(count));
    }
}

void Journal::begin(std::chrono::sys_seconds now)
{
    begun_ = now;
    append(std::string{first_line} + "\ninput " + identity_.input_hash + "\nserver " + identity_.server + "\napp " +
           identity_.app + "\noptions " + identity_.options + "\nbegun " +
           std::to_string(now.time_since_epoch().count()) + '\n');
    is_empty_ = false;
    sync();
    sync_folder_of(path_);
}

void Journal::ask(std::uint64_t number)
{
    if (number < asked_)
        return;
    asked_ = std::min(number + block, identity_.records);
    append("asked " + std::to_string(asked_) + '\n');
    sync();
}

void Journal::add(std::uint64_t number, std::string_view word, std::string_view details)
{
    std::string line = std::to_string(number) + ' ';
    line.append(word).append(" ").append(details).append("\n");
    append(line);
}

void Journal::sync()
{
    if (fdatasync(file_) != 0)
        throw Failure{ExitCode::failed, "journal " + path_ + " cannot be written: " + system_error()};
}

} // namespace passage::ctl
