#include "complete.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstddef>
#include <ostream>

namespace passage::ctl {
namespace {

/// Returns an option of a command or of the commands above it; null if there is none.
const CLI::Option* find_option(const CLI::App* command, const std::string& name)
{
    for (; command; command = command->get_parent())
        if (const CLI::Option* const option = command->get_option_no_throw(name))
            return option;
    return nullptr;
}

void print_matching(std::ostream& out, const std::string& candidate, const std::string& start)
{
    if (candidate.starts_with(start))
        out << candidate << '\n';
}

void print_options(std::ostream& out, const CLI::App* command, const std::string& start)
{
    for (; command; command = command->get_parent())
        for (const CLI::Option* const option : command->get_options())
            for (const std::string& name : option->get_lnames())
                print_matching(out, "--" + name, start);
}

/// The values of an option whose type is a list of choices, "login|verify_identifier", each behind `prefix`.
void print_choices(std::ostream& out, const std::string& type, const std::string& prefix, const std::string& start)
{
    for (std::size_t at = 0; at < type.size() && type.find('|') != type.npos;) {
        const std::size_t end = std::min(type.find('|', at), type.size());
        print_matching(out, prefix + type.substr(at, end - at), prefix + start);
        at = end + 1;
    }
}

/// The values of the option in a word such as "--type=lo".
void print_assigned(std::ostream& out, const CLI::App* command, const std::string& word)
{
    const std::size_t equals = word.find('=');
    if (const CLI::Option* const option = find_option(command, word.substr(0, equals)))
        print_choices(out, option->get_type_name(), word.substr(0, equals + 1), word.substr(equals + 1));
}

} // namespace

void complete(const CLI::App& app, const std::vector<std::string>& words, std::ostream& out)
{
    if (words.empty())
        return;
    const CLI::App* command = &app;
    const CLI::Option* pending = nullptr; // an option whose value comes next
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const std::string& word = words[i];
        if (pending && word == "=") {
            continue; // bash makes three words of "--type=lo"
        } else if (pending) {
            pending = nullptr;
        } else if (word.starts_with('-')) {
            const CLI::Option* const option = find_option(command, word);
            pending = option && option->get_items_expected_max() > 0 ? option : nullptr;
        } else if (const auto matching =
                       command->get_subcommands([&](const CLI::App* each) { return each->get_name() == word; });
                   !matching.empty()) {
            command = matching.front();
        }
    }
    const std::string& last = words.back();
    if (pending)
        print_choices(out, pending->get_type_name(), "", last == "=" ? "" : last);
    else if (last.starts_with("--") && last.find('=') != last.npos)
        print_assigned(out, command, last);
    else if (last.starts_with('-'))
        print_options(out, command, last);
    else
        for (const CLI::App* const each : command->get_subcommands([](const CLI::App*) { return true; }))
            print_matching(out, each->get_name(), last);
}

} // namespace passage::ctl
