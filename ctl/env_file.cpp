#include "env_file.hpp"

#include "exit_code.hpp"

#include <algorithm>
#include <cstddef>

namespace passage::ctl {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::string_view name_characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
/// What a shell would act on outside of quotes.
constexpr std::string_view active_characters = "$`&|;<>()*?[]{}~!";

/// One line. The functions take text from its front.
class Line
{
public:
    Line(std::string_view text, const std::string& place) : text_{text}, place_{place} {}

    bool is_empty() const { return text_.empty() || text_.front() == '#'; }

    void skip_blanks() { text_.remove_prefix(std::min(text_.find_first_not_of(blanks), text_.size())); }

    void skip_word(std::string_view word)
    {
        if (text_.starts_with(word) && text_.find_first_of(blanks, word.size()) == word.size()) {
            text_.remove_prefix(word.size());
            skip_blanks();
        }
    }

    std::string take_name()
    {
        const std::size_t end = std::min(text_.find_first_not_of(name_characters), text_.size());
        if (end == 0 || end == text_.size() || text_[end] != '=' || (text_[0] >= '0' && text_[0] <= '9'))
            refuse("is not NAME=VALUE");
        std::string name{text_.substr(0, end)};
        text_.remove_prefix(end + 1);
        return name;
    }

    std::string take_value()
    {
        std::string value;
        while (!text_.empty() && blanks.find(text_.front()) == blanks.npos) {
            const char c = take();
            if (c == '\'')
                take_single_quoted(value);
            else if (c == '"')
                take_double_quoted(value);
            else if (c == '\\')
                value += take_escaped();
            else if (active_characters.find(c) != active_characters.npos)
                refuse("has a character that a shell would act on: put the value in single quotes");
            else
                value += c;
        }
        return value;
    }

    [[noreturn]] void refuse(const char* reason) const { throw Failure{ExitCode::usage, place_ + ' ' + reason}; }

private:
    char take()
    {
        const char c = text_.front();
        text_.remove_prefix(1);
        return c;
    }

    char take_escaped()
    {
        if (text_.empty())
            refuse("ends with a backslash");
        return take();
    }

    void take_single_quoted(std::string& value)
    {
        const std::size_t end = text_.find('\'');
        if (end == text_.npos)
            refuse("has a quote that is not closed");
        value += text_.substr(0, end);
        text_.remove_prefix(end + 1);
    }

    void take_double_quoted(std::string& value)
    {
        for (;;) {
            if (text_.empty())
                refuse("has a quote that is not closed");
            const char c = take();
            if (c == '"')
                return;
            if (c == '$' || c == '`')
                refuse("has a character that a shell would act on: put the value in single quotes");
            if (c != '\\') {
                value += c;
                continue;
            }
            const char escaped = take_escaped();
            if (std::string_view{"$`\"\\"}.find(escaped) == std::string_view::npos)
                value += '\\';
            value += escaped;
        }
    }

    std::string_view text_;
    const std::string& place_;
};

} // namespace

std::vector<std::pair<std::string, std::string>> parse_env_file(std::string_view text, const std::string& file)
{
    std::vector<std::pair<std::string, std::string>> variables;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view content = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (content.ends_with('\r'))
            content.remove_suffix(1);

        const std::string place = file + ": line " + std::to_string(number);
        Line line{content, place};
        line.skip_blanks();
        if (line.is_empty())
            continue;
        line.skip_word("export");
        std::string name = line.take_name();
        std::string value = line.take_value();
        line.skip_blanks();
        if (!line.is_empty())
            line.refuse("has more than one value: put the value in single quotes");
        variables.emplace_back(std::move(name), std::move(value));
    }
    return variables;
}

} // namespace passage::ctl
