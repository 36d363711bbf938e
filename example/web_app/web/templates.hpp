#pragma once

#include <boost/json/object.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace web {

/// HTML pages with placeholders for values. All values are escaped, without exception.
///
///     {{name}}                   a string or a number; a name that has no value is an error
///     {{#name}} ... {{/name}}    once for each object of an array, or for an object
///     {{?name}} ... {{/name}}    if the value exists, and is not false, null or empty
///     {{^name}} ... {{/name}}    otherwise
///     {{>name}}                  another template
///
/// A name is looked up in the current object, then in the enclosing ones. Templates are immutable, so any thread may
/// render.
class Templates
{
public:
    /// Constructs templates from their texts by name. Throws `std::runtime_error` if one is malformed.
    explicit Templates(const std::map<std::string, std::string>& sources);

    /// Returns the templates in the `.html` files of a folder. Their names are those of the files without the
    /// extension.
    static Templates from_folder(const std::filesystem::path& folder);

    /// Renders a template. Throws `std::runtime_error` if there is no such template, or a value that it needs is
    /// missing.
    std::string render(std::string_view name, const boost::json::object& values) const;

private:
    struct Node
    {
        enum class Kind { text, value, each, present, absent, partial } kind;
        std::string text; ///< The text of a `text` part; otherwise the name.
        std::vector<Node> children;
    };
    using Nodes = std::vector<Node>;
    using Scopes = std::vector<const boost::json::object*>;

    static Nodes parse(std::string_view& rest, std::string_view section);
    void render(const Nodes& nodes, Scopes& scopes, std::string& page) const;
    const Nodes& find(std::string_view name) const;

    std::map<std::string, Nodes, std::less<>> templates_;
};

/// Escapes text so that it is safe between tags and in quoted attributes.
std::string escape_html(std::string_view text);

} // namespace web
