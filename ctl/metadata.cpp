#include "metadata.hpp"

#include "exit_code.hpp"

#include <boost/json/parse.hpp>

namespace passage::ctl {
namespace {

namespace json = boost::json;

json::value parse_json(const std::string& text, const std::string& whole)
{
    boost::system::error_code error;
    json::value value = json::parse(text, error);
    if (error)
        throw Failure{ExitCode::usage, "--metadata: \"" + whole + "\" has invalid JSON (" + error.message() + ")"};
    return value;
}

} // namespace

json::object parse_metadata(const std::vector<std::string>& texts)
{
    json::object metadata;
    for (const std::string& text : texts) {
        if (text.starts_with('{')) {
            const json::value object = parse_json(text, text);
            for (const auto& [key, value] : object.as_object())
                metadata[key] = value;
            continue;
        }
        const std::size_t equals = text.find('=');
        if (equals == text.npos || equals == 0 || text.starts_with(":="))
            throw Failure{ExitCode::usage, "--metadata: \"" + text + "\" must be KEY=TEXT, KEY:=JSON or a JSON object"};
        const std::string value = text.substr(equals + 1);
        if (text[equals - 1] == ':')
            metadata[text.substr(0, equals - 1)] = parse_json(value, text);
        else
            metadata[text.substr(0, equals)] = value; // the client checks it
    }
    return metadata;
}

} // namespace passage::ctl
