#include "commands.hpp"

#include "../choice.hpp"
#include "../program.hpp"
#include "export.hpp"
#include "import.hpp"

#include <CLI/CLI.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace passage::ctl {
namespace {

constexpr const char* export_notes =
    R"(JSON lines have all fields of a user, with passkeys, events and social connections, which takes
a request for each user; --brief leaves these out. CSV has the columns of the list. A spreadsheet
treats a text that begins with = + - or @ as a formula; --spreadsheet puts an apostrophe before it.

    passagectl export > users.jsonl
    passagectl export --format csv --filter status=active > active.csv

Options of every command: passagectl --help)";

constexpr const char* import_notes =
    R"(The file has JSON objects, one a line, as `passagectl export` writes them, or CSV in UTF-8 with a
header, as the console exported it. Columns are recognized by their names, in any order and case:
email (or e-mail, mail, ...), phone, status, metadata (a JSON object) and metadata.NAME. The API
cannot set ids, times, counts, verified marks, passkeys, events and social connections. They are
left out, unless --map keeps them as metadata:

    passagectl import users.csv --dry-run
    passagectl import users.csv --map 'Customer no=metadata.customer' --map id=metadata.old_id

The whole file is checked before anything is sent. The journal records what was done: after Ctrl-C
or a crash the same command continues, and creates no user twice. Records that the server refuses,
and with --skip-bad bad ones, are written to a file that can be corrected and imported.

Options of every command: passagectl --help)";

CLI::Option* add_option(CLI::App* command, const char* name, auto& value, const char* type, const char* help)
{
    return command->add_option(name, value, help)->type_name(type);
}

/// An option that may be given several times, with one value each time.
CLI::Option* add_repeatable(CLI::App* command, const char* name, std::vector<std::string>& values, const char* type,
                            const char* help)
{
    return add_option(command, name, values, type, help)->allow_extra_args(false);
}

template <class Enum>
void add_choice(CLI::App* command, const char* name, Enum& value, const std::map<std::string, Enum>& choices,
                const char* type, const char* help)
{
    add_option(command, name, value, type, help)->transform(choice_of(choices));
}

void add_window(CLI::App* command, std::size_t& window)
{
    add_option(command, "--window", window, "NUMBER", "requests at a time; 64 by default")
        ->check(CLI::Range(1, 10'000).description(""));
}

/// Reads one character, or "tab".
char parse_delimiter(const std::string& text)
{
    if (text == "tab")
        return '\t';
    if (text.size() != 1 || text == "\"" || text == "\n" || text == "\r")
        throw CLI::ValidationError{"--delimiter", "must be one character, or tab"};
    return text.front();
}

} // namespace

void add_export(CLI::App& app, Program& program)
{
    const auto options = std::make_shared<ExportOptions>();
    CLI::App* const command = app.add_subcommand("export", "Write all users to standard output");
    command->footer(export_notes);
    using Format = ExportOptions::Format;
    const std::map<std::string, Format> formats{{"jsonl", Format::jsonl}, {"csv", Format::csv}};
    add_choice(command, "--format", options->format, formats, "jsonl|csv",
               "JSON objects, one a line, by default; or CSV");
    add_repeatable(command, "--filter", options->selection.filters, "CONDITION", filter_help);
    add_repeatable(command, "--order-by", options->selection.orders, "FIELDS", order_help);
    add_option(command, "--created-before", options->selection.created_before, "TIME",
               "only users created before it: 2024-01-31 or 2024-01-31T12:00:00Z");
    command->add_flag("--brief", options->is_brief, "only the fields that lists have: one request for 500 users");
    command->add_flag("--spreadsheet", options->is_for_spreadsheets,
                      "CSV in which no text is a formula; do not import it");
    add_window(command, options->window);
    command->callback([&program, options] {
        if (options->is_for_spreadsheets && options->format != Format::csv)
            throw CLI::RequiresError{"--spreadsheet", "--format csv"};
        program.command = [&program, options] { return export_users(program, *options); };
    });
}

void add_import(CLI::App& app, Program& program)
{
    const auto options = std::make_shared<ImportOptions>();
    CLI::App* const command = app.add_subcommand("import", "Create users from a file");
    command->footer(import_notes);
    command->add_option("FILE", options->file, "JSON lines or CSV; - is standard input")->required()->option_text(" ");
    using Format = InputOptions::Format;
    const std::map<std::string, Format> formats{{"jsonl", Format::jsonl}, {"csv", Format::csv}};
    add_choice(command, "--format", options->input.format, formats, "jsonl|csv",
               "by default JSON lines if the file begins with {, else CSV");
    const auto set_delimiter = [options](const std::string& text) { options->input.delimiter = parse_delimiter(text); };
    command->add_option_function<std::string>("--delimiter", set_delimiter, "separates columns; a comma by default")
        ->type_name("CHARACTER|tab");
    add_repeatable(command, "--map", options->input.maps, "COLUMN=FIELD",
                   "email, phone, status, metadata, metadata.NAME or skip");
    const std::map<std::string, Unknown> unknown{
        {"metadata", Unknown::metadata}, {"skip", Unknown::skip}, {"refuse", Unknown::refuse}};
    add_choice(command, "--unknown", options->input.unknown, unknown, "metadata|skip|refuse",
               "other columns become metadata, are left out, or are refused (the default)");
    const std::map<std::string, Existing> existing{
        {"skip", Existing::skip}, {"update", Existing::update}, {"fail", Existing::fail}};
    add_choice(command, "--existing", options->existing, existing, "skip|update|fail",
               "existing users are kept (the default), updated, or count as failed");
    command->add_flag("--dry-run", options->is_dry_run, "only check the file; needs no server");
    command->add_flag("--skip-bad", options->skips_bad, "import the other records if some are bad");
    add_option(command, "--journal", options->journal, "FILE", "journal; FILE.journal by default");
    add_option(command, "--failures", options->failures, "FILE",
               "records that fail; users.failed.csv for users.csv by default");
    add_option(command, "--rate", options->rate, "NUMBER", "maximum number of users per second")
        ->check(CLI::Range(0.001, 1e6).description(""));
    add_window(command, options->window);
    command->callback(
        [&program, options] { program.command = [&program, options] { return import_users(program, *options); }; });
}

} // namespace passage::ctl
