#pragma once

#include <span>
#include <string_view>

namespace passage::jwt {

/// A JSON value, as far as tokens and keys need it.
struct Value
{
    enum class Kind { null, flag, number, text, array, object };

    Kind kind = Kind::null;
    bool flag = false;
    double number = 0;
    std::string_view text = {}; ///< Valid while the value is being taken.
};

/// Where a value stands: for each object and array around it, from the outside, which member or element it is in. A
/// member is known by its index in the list of names; others are `other_name`.
using Path = std::span<const int>;
inline constexpr int other_name = -1;
inline constexpr int element = -2;

/// Takes the values of a document, in order. One that is false refuses the document.
class Sink
{
public:
    /// A value; an array or object when it begins.
    virtual bool take(Path path, const Value& value) = 0;
    /// The end of an object.
    virtual bool end_object(Path) { return true; }

protected:
    ~Sink() = default;
};

/// Reads a JSON document that is an object. False unless it is one, in which no object has a name twice (RFC 7515,
/// section 4, and RFC 7519, section 4, leave it to the reader which of two holds; here none does), and the sink takes
/// all of it. Allocates nothing, unless it has texts with many escapes, and no more than a body may take
/// (`json::Allowance`).
bool read_document(std::string_view text, std::span<const std::string_view> names, Sink& sink);

} // namespace passage::jwt
