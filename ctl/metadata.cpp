#include "metadata.hpp"

#include "exit_code.hpp"
#include "parse_json.hpp"

#include <utility>

namespace passage::ctl {
namespace {

namespace json = boost::json;

json::value value_of(const std::string& text, const std::string& name)
{
    auto value = parse_json(text);
    if (!value)
        throw Failure{ExitCode::usage, "--metadata: \"" + name + "\" " + value.error()};
    return std::move(*value);
}

} // namespace

json::object parse_metadata(const std::vector<std::string>& texts)
{
    json::object metadata;
    for (const std::string& text : texts) {
        if (text.starts_with('{')) {
            const json::value object = value_of(text, text);
            for (const auto& [key, value] : object.as_object())
                metadata[key] = value;
            continue;
        }
        const std::size_t equals = text.find('=');
        if (equals == text.npos || equals == 0 || text.starts_with(":="))
            throw Failure{ExitCode::usage, "--metadata: \"" + text + "\" must be KEY=TEXT, KEY:=JSON or a JSON object"};
        const std::string value = text.substr(equals + 1);
        if (text[equals - 1] == ':')
            metadata[text.substr(0, equals - 1)] = value_of(value, text.substr(0, equals - 1));
        else
            metadata[text.substr(0, equals)] = value; // the client checks it
    }
    return metadata;
}

} // namespace passage::ctl
