#pragma once

#include <boost/json/object.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace web {

/// Pages of HTML with places for values. Whatever is put in is escaped: there is no way around it.
///
///     {{name}}                   a text or a number; a name that has no value is an error
///     {{#name}} ... {{/name}}    once for each object of an array, or for an object
///     {{?name}} ... {{/name}}    if the value is there, and not false, null or empty
///     {{^name}} ... {{/name}}    if it is not
///     {{>name}}                  another template
///
/// A name is looked up in the object at hand, then in those around it. Immutable, so that any thread may render.
class Templates
{
public:
    /// Takes the templates' texts by their names; throws std::runtime_error for one that is malformed.
    explicit Templates(const std::map<std::string, std::string>& sources);

    /// The templates in the `.html` files of a folder, named without the extension.
    static Templates from_folder(const std::filesystem::path& folder);

    /// Throws std::runtime_error if there is no such template, or no value that it needs.
    std::string render(std::string_view name, const boost::json::object& values) const;

private:
    struct Node
    {
        enum class Kind { text, value, each, present, absent, partial } kind;
        std::string text; ///< Of `text`, itself; else the name.
        std::vector<Node> children;
    };
    using Nodes = std::vector<Node>;
    using Scopes = std::vector<const boost::json::object*>;

    static Nodes parse(std::string_view& rest, std::string_view section);
    void render(const Nodes& nodes, Scopes& scopes, std::string& page) const;
    const Nodes& find(std::string_view name) const;

    std::map<std::string, Nodes, std::less<>> templates_;
};

/// A text that is safe between tags and in quoted attributes.
std::string escape_html(std::string_view text);

} // namespace web
