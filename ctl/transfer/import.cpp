#include "import.hpp"

#include "../json_lines.hpp"
#include "../program.hpp"
#include "../text.hpp"
#include "check.hpp"
#include "import_run.hpp"
#include "input_file.hpp"
#include "journal.hpp"
#include "progress.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace passage::ctl {
namespace {

/// Prints what is wrong with records, up to a number.
class Complaints
{
public:
    Complaints(Program& program, std::string name) : program_{program}, name_{std::move(name)} {}

    /// Lines are printed above this bar from now on; null if there is none.
    void print_above(Progress* progress) { progress_ = progress; }

    void add(std::uint64_t line, const std::string& text)
    {
        constexpr std::uint64_t most = 20;
        ++count_;
        if (count_ <= most)
            print(name_ + ", line " + std::to_string(line) + ": " + text);
        else if (count_ == most + 1)
            print("further failures are only counted");
    }

private:
    void print(const std::string& text)
    {
        if (progress_)
            progress_->print("passagectl: " + printable(text));
        else
            program_.note(text);
    }

    Program& program_;
    std::string name_;
    Progress* progress_ = nullptr;
    std::uint64_t count_ = 0;
};

std::string joined(const std::set<std::string>& texts)
{
    std::string all;
    for (const std::string& text : texts)
        all += (all.empty() ? "" : ", ") + text;
    return all;
}

/// "users.csv" is "users.failed.csv".
std::string failures_beside(const std::string& path, std::string_view extension)
{
    const std::string base = path.ends_with(extension) ? path.substr(0, path.size() - extension.size()) : path;
    return base + ".failed" + std::string{extension};
}

std::string rate_text(std::uint64_t count, std::chrono::duration<double> time)
{
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << time.count() << " s";
    if (time.count() > 0)
        text << ", " << with_commas(static_cast<std::uint64_t>(static_cast<double>(count) / time.count()))
             << " a second";
    return text.str();
}

std::string changed_text(const InputFile& input)
{
    return input.name() + " has changed since it was checked";
}

bool is_same_file(const std::string& one, const std::string& other)
{
    namespace fs = std::filesystem;
    std::error_code ignored; // one of them may not exist
    return fs::equivalent(one, other, ignored) ||
           fs::weakly_canonical(one, ignored) == fs::weakly_canonical(other, ignored);
}

std::string quoted_for_shell(const std::string& word)
{
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@+%";
    if (word.find_first_not_of(plain) == std::string::npos)
        return word;
    std::string result = "'";
    for (const char c : word)
        result += c == '\'' ? "'\\''" : std::string(1, c);
    return result + '\'';
}

/// The options that say what is created of a record, as words for a shell; "default" if there are none. They are one
/// line: no name of a column depends on its blanks.
std::string decisive_options(const ImportOptions& options)
{
    std::string all;
    const auto add = [&all](const char* name, const std::string& value) {
        all += std::string{all.empty() ? "" : " "} + name + ' ' + quoted_for_shell(value);
    };
    const InputOptions& input = options.input;
    if (input.format != InputOptions::Format::automatic)
        add("--format", input.format == InputOptions::Format::csv ? "csv" : "jsonl");
    if (input.delimiter != ',')
        add("--delimiter", input.delimiter == '\t' ? "tab" : std::string(1, input.delimiter));
    for (const std::string& map : input.maps)
        add("--map", map);
    if (input.unknown != Unknown::refuse)
        add("--unknown", input.unknown == Unknown::metadata ? "metadata" : "skip");
    if (options.existing != Existing::skip)
        add("--existing", options.existing == Existing::update ? "update" : "fail");
    std::ranges::replace(all, '\n', ' ');
    return all.empty() ? "default" : all;
}

bool has_failed(RecordState state)
{
    return state == RecordState::bad || state == RecordState::refused;
}

class Import
{
public:
    Import(Program& program, const ImportOptions& options)
        : program_{program},
          options_{options},
          journal_path_{!options.journal.empty() ? options.journal
                        : options.file == "-"    ? "passagectl-import.journal"
                                                 : options.file + ".journal"},
          input_{options.file, options.is_dry_run ? "" : journal_path_ + ".input"},
          complaints_{program, input_.name()}
    {}

    ExitCode run()
    {
        survey_ = check_input(input_.descriptor(), options_.input,
                              [this](std::uint64_t line, const std::string& text) { complaints_.add(line, text); });
        note_what_is_not_carried();
        if (survey_.bad > 0 && !options_.skips_bad) {
            program_.note(counted(survey_.bad, "record") + " of " + with_commas(survey_.states.size()) +
                          " cannot be imported, so nothing was sent; --skip-bad imports the others");
            return ExitCode::usage;
        }
        if (options_.is_dry_run) {
            write_check();
            return ExitCode::ok;
        }
        return send();
    }

private:
    static std::string counted(std::uint64_t count, const std::string& noun)
    {
        return with_commas(count) + ' ' + noun + (count == 1 ? "" : "s");
    }

    void note_what_is_not_carried()
    {
        if (!survey_.not_carried.empty())
            program_.note("not carried over, because the API cannot set them: " + joined(survey_.not_carried) +
                          "; --map COLUMN=metadata.NAME keeps one as metadata");
    }

    void write_check()
    {
        const std::uint64_t good = survey_.states.size() - survey_.bad;
        if (program_.options.json)
            write_line(program_.out, {{"records", survey_.states.size()}, {"good", good}, {"bad", survey_.bad}});
        else
            program_.out << counted(survey_.states.size(), "record") << ", " << with_commas(good)
                         << " can be imported\n";
    }

    ExitCode send()
    {
        prepare_failures();
        const Config& config = program_.config();
        const ImportIdentity identity{survey_.hash, decisive_options(options_), survey_.states.size(), config.base_url,
                                      config.app_id};
        Journal journal{journal_path_, identity, survey_.states};
        survey_.bad = count(RecordState::bad);
        const std::uint64_t open = count(RecordState::open);
        const std::uint64_t done = survey_.states.size() - survey_.bad - open;
        if (journal.is_resumed())
            program_.note(journal.path() + " says that " + counted(done, "record") + (done == 1 ? " was" : " were") +
                          " done before");

        const auto start = std::chrono::steady_clock::now();
        const ExitCode ended = open > 0 ? import_open(journal) : ExitCode::ok;
        const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
        if (open > 0)
            journal.sync();
        write_summary(open, time);
        return end(ended);
    }

    /// Finds the file for records that fail, and refuses one that could not be written at the end.
    void prepare_failures()
    {
        failures_ = options_.failures;
        if (failures_.empty())
            failures_ = failures_beside(input_.path(), read_records(input_.descriptor(), options_.input)->extension());
        const auto refuse = [this](const std::string& why) {
            throw Failure{ExitCode::usage, failures_ + ' ' + why + "; --failures names a file for records that fail"};
        };
        std::error_code ignored;
        const auto status = std::filesystem::status(failures_, ignored);
        if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
            refuse("is not a regular file");
        if (is_same_file(failures_, input_.path()))
            refuse("is the input");
        if (is_same_file(failures_, journal_path_))
            refuse("is the journal");
        const NewFile probe{failures_, ExitCode::usage};
    }

    /// Writes the records that failed to a file, which can be imported again. Returns whether there are any.
    bool write_failures()
    {
        if (std::ranges::none_of(survey_.states, has_failed))
            return false;
        const auto records = read_records(input_.descriptor(), options_.input);
        NewFile file{failures_};
        ExtractWriter writer{input_.descriptor(), file};
        writer.add({0, records->header_size()});
        for (Record record; records->next(record) && record.number < survey_.states.size();)
            if (has_failed(survey_.states[record.number]))
                writer.add({record.offset, record.length});
        if (input_.has_changed())
            throw Failure{ExitCode::failed,
                          changed_text(input_) + ", so the records that failed were not copied to " + failures_};
        file.publish();
        return true;
    }

    /// Imports the open records.
    ExitCode import_open(Journal& journal)
    {
        const auto records = read_records(input_.descriptor(), options_.input);
        const std::uint64_t good = survey_.states.size() - survey_.bad;
        Progress progress{program_.err, good, good - count(RecordState::open)};
        complaints_.print_above(&progress);
        ImportRun run{
            program_.client(), input_,
            *records,          survey_.states,
            journal,           options_,
            progress,          [this](std::uint64_t line, const std::string& text) { complaints_.add(line, text); }};
        const ExitCode ended = program_.run(begin_and_run(journal, run));
        complaints_.print_above(nullptr);
        counts_ = run.counts();
        input_has_changed_ = run.found_change();
        return ended;
    }

    asio::awaitable<ExitCode> begin_and_run(Journal& journal, ImportRun& run)
    {
        // Also shows whether the server can be reached and takes the key.
        const auto page = co_await program_.client().list_users(ListUsersRequest{}.limit(1));
        if (!page)
            throw Failure{page.error()};
        if (!journal.is_resumed()) {
            using std::chrono::seconds;
            const bool says_time = page->created_before != std::chrono::sys_seconds{};
            journal.begin(says_time ? page->created_before
                                    : std::chrono::floor<seconds>(std::chrono::system_clock::now()));
        }
        input_.keep();
        stopped_ = co_await run.run();
        co_return ExitCode::ok;
    }

    std::uint64_t count(RecordState state) const
    {
        return static_cast<std::uint64_t>(std::ranges::count(survey_.states, state));
    }

    void write_summary(std::uint64_t open, std::chrono::duration<double> time)
    {
        const std::uint64_t left = count(RecordState::open);
        if (program_.options.json) {
            write_line(program_.out, {{"records", survey_.states.size()},
                                      {"created", counts_.created},
                                      {"existed", counts_.existed},
                                      {"updated", counts_.updated},
                                      {"refused", counts_.refused},
                                      {"bad", survey_.bad},
                                      {"left", left},
                                      {"seconds", time.count()}});
            return;
        }
        std::ostream& out = program_.out;
        out << counted(counts_.created, "user") << " created";
        const auto add = [&](std::uint64_t number, const char* what) {
            if (number > 0)
                out << ", " << with_commas(number) << ' ' << what;
        };
        add(counts_.existed, "existed already");
        add(counts_.updated, "existed and were updated");
        add(counts_.refused, "refused");
        add(survey_.bad, "could not be read");
        add(left, "left");
        out << " (" << rate_text(open - left, time) << ")\n";
    }

    /// Says what is left to do. Returns how the program ends.
    ExitCode end(ExitCode ended)
    {
        const std::uint64_t left = count(RecordState::open);
        const std::string again = input_.path() == options_.file
                                      ? "run the same command again to continue"
                                      : "run `passagectl import " + input_.path() + " --journal " + journal_path_ +
                                            "` with the same other options to continue";
        if (input_has_changed_)
            throw Failure{ExitCode::failed, changed_text(input_) + ": import it again, with another --journal"};
        if (ended != ExitCode::ok) {
            program_.note("interrupted, " + with_commas(left) + " left; " + again);
            return ended;
        }
        if (stopped_) {
            program_.note("stopped by " + to_string(*stopped_) + "; " + again);
            return exit_code_of(*stopped_);
        }
        if (counts_.status_not_set > 0)
            program_.note(counted(counts_.status_not_set, "user") +
                          " should be pending and are not: the API has no way to set this");
        const bool has_failures = write_failures();
        if (has_failures)
            program_.note(failures_ + " has the records that failed, to be corrected and imported; " + journal_path_ +
                          " has the server's reasons");
        if (left > 0)
            program_.note(counted(left, "record") + " got no answer; " + again);
        else
            input_.discard();
        return has_failures || left > 0 ? ExitCode::partly_failed : ExitCode::ok;
    }

    Program& program_;
    const ImportOptions& options_;
    std::string journal_path_;
    InputFile input_;
    std::string failures_; ///< The file for records that fail.
    Complaints complaints_;
    Survey survey_;
    ImportCounts counts_;
    std::optional<Error> stopped_;
    bool input_has_changed_ = false;
};

} // namespace

ExitCode import_users(Program& program, const ImportOptions& options)
{
    return Import{program, options}.run();
}

} // namespace passage::ctl
