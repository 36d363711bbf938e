#include "items.hpp"

#include "json_lines.hpp"
#include "text.hpp"

#include <unordered_set>

namespace passage::ctl {

std::vector<std::string> read_items(const std::vector<std::string>& arguments)
{
    std::vector<std::string> items;
    std::unordered_set<std::string> known;
    const auto add = [&](std::string item) {
        if (known.insert(item).second)
            items.push_back(std::move(item));
    };
    for (const std::string& argument : arguments) {
        if (argument != "-") {
            add(argument);
            continue;
        }
        for (std::string line; std::getline(std::cin, line);) {
            if (line.ends_with('\r'))
                line.pop_back();
            if (!line.empty())
                add(std::move(line));
        }
        if (std::cin.bad())
            throw Failure{ExitCode::usage, "standard input cannot be read"};
    }
    if (items.empty())
        throw Failure{ExitCode::usage, "standard input has no lines, so there is nothing to do"};
    return items;
}

std::string count_of(const std::vector<std::string>& items, const std::string& noun)
{
    return items.size() == 1 ? noun + ' ' + items.front() : std::to_string(items.size()) + ' ' + noun + 's';
}

void write_done(Program& program, const char* kind, const std::string& item, const char* done)
{
    if (program.options.json)
        write_line(program.out, {{kind, json_text(item)}, {done, true}});
    else
        program.out << done << ' ' << printable(item) << '\n';
}

void Tally::failed(std::size_t index, const Error& error)
{
    const ExitCode code = exit_code_of(error);
    code_ = failed_ == 0 || code_ == code ? code : ExitCode::partly_failed;
    ++failed_;
    const std::string& item = items_[index];
    if (program_.options.json) {
        boost::json::object line = to_json(error);
        line["item"] = json_text(item);
        write_line(program_.out, line);
    }
    program_.note(items_.size() == 1 ? to_string(error) : item + ": " + to_string(error));
}

ExitCode Tally::end(const std::optional<Error>& stopped)
{
    const std::size_t skipped = items_.size() - succeeded_ - failed_;
    if (stopped)
        program_.note(std::to_string(skipped) + " of " + std::to_string(items_.size()) +
                      " were not begun: stopped by " + to_string(*stopped));
    if (failed_ == 0 && !stopped)
        return ExitCode::ok;
    if (failed_ == 0)
        return exit_code_of(*stopped);
    return succeeded_ == 0 ? code_ : ExitCode::partly_failed;
}

bool Tally::stops(const Error& error)
{
    return BatchOptions{}.stops(error) || error.code == Errc::dns || error.code == Errc::connect ||
           error.code == Errc::tls;
}

} // namespace passage::ctl
