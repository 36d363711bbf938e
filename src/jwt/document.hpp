#pragma once

#include <span>
#include <string_view>

namespace passage::jwt {

/// A JSON value. An array or object carries no content.
struct Value
{
    enum class Kind { null, flag, number, text, array, object };

    Kind kind = Kind::null;
    bool flag = false;
    double number = 0;
    std::string_view text = {}; ///< Valid until `Sink::take` returns.
};

/// The path to a value: one entry for each object or array around it, from the outside in. The entry of an object is
/// the index of the member's name in the list of names, or `other_name`; that of an array is `element`.
using Path = std::span<const int>;
inline constexpr int other_name = -1;
inline constexpr int element = -2;

/// Receives the values of a document in order. A function that returns false refuses the document.
class Sink
{
public:
    /// Called for a value; for an array or object when it begins.
    virtual bool take(Path path, const Value& value) = 0;
    /// Called at the end of an object.
    virtual bool end_object(Path) { return true; }

protected:
    ~Sink() = default;
};

/// Reads a JSON document that is an object. False if it is malformed, if an object repeats a name, or if the sink
/// refuses it. RFC 7515, section 4, and RFC 7519, section 4, let a reader refuse repeated names.
///
/// Allocates only for strings with escapes, within `json::Allowance`.
bool read_document(std::string_view text, std::span<const std::string_view> names, Sink& sink);

} // namespace passage::jwt
