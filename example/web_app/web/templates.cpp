#include "templates.hpp"

#include "files.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace web {
namespace {

namespace json = boost::json;

const json::value* look_up(const std::vector<const json::object*>& scopes, std::string_view name)
{
    for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope)
        if (const json::value* const value = (*scope)->if_contains(name))
            return value;
    return nullptr;
}

bool is_there(const json::value* value)
{
    return value && !value->is_null() && *value != false && !(value->is_string() && value->as_string().empty()) &&
           !(value->is_array() && value->as_array().empty());
}

std::string to_text(const json::value& value)
{
    return value.is_string() ? std::string{value.as_string()} : json::serialize(value);
}

} // namespace

std::string escape_html(std::string_view text)
{
    std::string escaped;
    for (const char c : text) {
        switch (c) {
        case '&':
            escaped += "&amp;";
            break;
        case '<':
            escaped += "&lt;";
            break;
        case '>':
            escaped += "&gt;";
            break;
        case '"':
            escaped += "&quot;";
            break;
        case '\'':
            escaped += "&#39;";
            break;
        default:
            escaped += c;
        }
    }
    return escaped;
}

Templates::Templates(const std::map<std::string, std::string>& sources)
{
    for (const auto& [name, source] : sources) {
        std::string_view rest = source;
        try {
            templates_[name] = parse(rest, {});
        } catch (const std::runtime_error& error) {
            throw std::runtime_error{"template " + name + ": " + error.what()};
        }
    }
}

Templates Templates::from_folder(const std::filesystem::path& folder)
{
    std::map<std::string, std::string> sources;
    for (const auto& entry : std::filesystem::directory_iterator{folder})
        if (entry.path().extension() == ".html")
            sources[entry.path().stem().string()] = read_file(entry.path());
    return Templates{sources};
}

/// Parses to the end of the section that `rest` is in, or to the end of the text if it is in none.
Templates::Nodes Templates::parse(std::string_view& rest, std::string_view section)
{
    using Mark = std::pair<char, Node::Kind>;
    static constexpr std::array<Mark, 4> marks{
        {{'#', Node::Kind::each}, {'?', Node::Kind::present}, {'^', Node::Kind::absent}, {'>', Node::Kind::partial}}};
    Nodes nodes;
    for (;;) {
        const std::size_t open = rest.find("{{");
        if (const std::string_view text = rest.substr(0, open); !text.empty())
            nodes.push_back({Node::Kind::text, std::string{text}, {}});
        const std::size_t close = rest.find("}}", std::min(open, rest.size()));
        if (open != std::string_view::npos && close == std::string_view::npos)
            throw std::runtime_error{"{{ is never closed"};
        if (open == std::string_view::npos) {
            if (!section.empty())
                throw std::runtime_error{"the section " + std::string{section} + " is never closed"};
            return nodes;
        }
        std::string_view name = rest.substr(open + 2, close - open - 2);
        rest.remove_prefix(close + 2);

        const auto mark = name.empty() ? marks.end() : std::ranges::find(marks, name.front(), &Mark::first);
        const bool is_end = name.starts_with('/');
        if (mark != marks.end() || is_end)
            name.remove_prefix(1);
        if (name.empty())
            throw std::runtime_error{"{{}} names nothing"};
        if (is_end) {
            if (name != section)
                throw std::runtime_error{"{{/" + std::string{name} + "}} closes nothing"};
            return nodes;
        }
        const Node::Kind kind = mark == marks.end() ? Node::Kind::value : mark->second;
        const bool has_end = kind != Node::Kind::value && kind != Node::Kind::partial;
        nodes.push_back({kind, std::string{name}, has_end ? parse(rest, name) : Nodes{}});
    }
}

const Templates::Nodes& Templates::find(std::string_view name) const
{
    const auto found = templates_.find(name);
    if (found == templates_.end())
        throw std::runtime_error{"there is no template " + std::string{name}};
    return found->second;
}

std::string Templates::render(std::string_view name, const json::object& values) const
{
    Scopes scopes{&values};
    std::string page;
    render(find(name), scopes, page);
    return page;
}

void Templates::render(const Nodes& nodes, Scopes& scopes, std::string& page) const
{
    const auto render_in = [&](const json::value& scope, const Nodes& children) {
        scopes.push_back(&scope.as_object());
        render(children, scopes, page);
        scopes.pop_back();
    };
    for (const auto& [kind, text, children] : nodes) {
        const json::value* const value = kind == Node::Kind::text ? nullptr : look_up(scopes, text);
        switch (kind) {
        case Node::Kind::text:
            page += text;
            break;
        case Node::Kind::partial:
            render(find(text), scopes, page);
            break;
        case Node::Kind::value:
            if (!value)
                throw std::runtime_error{"there is no value " + text};
            page += escape_html(to_text(*value));
            break;
        case Node::Kind::present:
            if (is_there(value))
                render(children, scopes, page);
            break;
        case Node::Kind::absent:
            if (!is_there(value))
                render(children, scopes, page);
            break;
        case Node::Kind::each:
            if (is_there(value) && value->is_array())
                for (const json::value& item : value->as_array())
                    render_in(item, children);
            else if (is_there(value))
                render_in(*value, children);
        }
    }
}

} // namespace web
