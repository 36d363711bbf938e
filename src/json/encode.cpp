#include "json/encode.hpp"

#include "model/hex.hpp"
#include "model/invalid.hpp"
#include "model/text.hpp"
#include "json/depth.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace passage::json {

namespace {

/// Why a value can't be encoded, and the JSON pointer of the part that can't.
struct Flaw
{
    std::string_view reason;
    std::string pointer;
};

using Written = expected<void, Flaw>;

unexpected<Flaw> flaw(std::string_view reason)
{
    return unexpected<Flaw>{Flaw{reason, {}}};
}

/// Prepends a key or an index to the pointer of a flaw.
unexpected<Flaw> inside(std::string_view key, Flaw flaw)
{
    std::string reference = "/";
    for (const char c : key) {
        if (c == '~')
            reference += "~0";
        else if (c == '/')
            reference += "~1";
        else
            reference += c;
    }
    flaw.pointer.insert(0, reference);
    return unexpected<Flaw>{std::move(flaw)};
}

/// The character that follows the backslash in the escape of `c`: `u` for `\uXXXX`, 0 if `c` needs no escape.
constexpr char escape_of(char c) noexcept
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return static_cast<unsigned char>(c) < 0x20 ? 'u' : '\0';
    }
}

Written write(std::string& out, std::string_view text)
{
    if (!is_utf8(text))
        return flaw("not valid UTF-8");
    out += '"';
    for (const char c : text) {
        const char escape = escape_of(c);
        if (escape == 0) {
            out += c;
            continue;
        }
        out += '\\';
        out += escape;
        if (escape == 'u') {
            out.append("00");
            append_hex(out, c);
        }
    }
    out += '"';
    return {};
}

template <class Number>
std::string_view shortest(std::array<char, 32>& buffer, Number number)
{
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
    return {buffer.data(), end};
}

Written write(std::string& out, double number)
{
    if (!std::isfinite(number))
        return flaw("JSON has neither NaN nor infinity");
    std::array<char, 32> buffer;
    const std::string_view text = shortest(buffer, number);
    out += text;
    // Without a fraction or an exponent it would be decoded as an integer.
    if (text.find_first_of(".e") == text.npos)
        out += ".0";
    return {};
}

Written write(std::string& out, const boost::json::value& value, std::size_t depth);

Written write(std::string& out, const boost::json::array& array, std::size_t depth)
{
    if (depth > max_metadata_depth)
        return flaw("nested too deep");
    out += '[';
    for (std::size_t i = 0; i < array.size(); ++i) {
        if (i > 0)
            out += ',';
        if (Written written = write(out, array[i], depth + 1); !written)
            return inside(std::to_string(i), std::move(written.error()));
    }
    out += ']';
    return {};
}

Written write(std::string& out, const boost::json::object& object, std::size_t depth)
{
    if (depth > max_metadata_depth)
        return flaw("nested too deep");
    out += '{';
    for (bool first = true; const auto& [key, value] : object) {
        if (!std::exchange(first, false))
            out += ',';
        if (!write(out, std::string_view{key}))
            return flaw("a key is not valid UTF-8");
        out += ':';
        if (Written written = write(out, value, depth + 1); !written)
            return inside(key, std::move(written.error()));
    }
    out += '}';
    return {};
}

/// `depth` is that of the value; the outermost one has 1.
Written write(std::string& out, const boost::json::value& value, std::size_t depth)
{
    using boost::json::kind;
    std::array<char, 32> buffer;
    switch (value.kind()) {
    case kind::null:
        out += "null";
        break;
    case kind::bool_:
        out += value.get_bool() ? "true" : "false";
        break;
    case kind::int64:
        out += shortest(buffer, value.get_int64());
        break;
    case kind::uint64:
        out += shortest(buffer, value.get_uint64());
        break;
    case kind::double_:
        return write(out, value.get_double());
    case kind::string:
        return write(out, std::string_view{value.get_string()});
    case kind::array:
        return write(out, value.get_array(), depth);
    case kind::object:
        return write(out, value.get_object(), depth);
    }
    return {};
}

/// Builds the JSON object of a request's body.
class Body
{
public:
    Body& field(std::string_view name, const std::string& text)
    {
        return value(name, [&] { return write(out_, std::string_view{text}); });
    }

    Body& field(std::string_view name, bool flag)
    {
        return value(name, [&] {
            out_ += flag ? "true" : "false";
            return Written{};
        });
    }

    Body& field(std::string_view name, std::chrono::minutes duration)
    {
        return value(name, [&] {
            std::array<char, 32> buffer;
            out_ += shortest(buffer, duration.count());
            return Written{};
        });
    }

    template <class Enum>
    requires std::is_enum_v<Enum> Body& field(std::string_view name, Enum one_of)
    {
        return value(name, [&] { return write(out_, OpenEnum<Enum>{one_of}.text()); });
    }

    Body& field(std::string_view name, const boost::json::object& object)
    {
        return value(name, [&] { return write(out_, object, 1); });
    }

    template <class T>
    Body& field(std::string_view name, const std::optional<T>& given)
    {
        return given ? field(name, *given) : *this;
    }

    template <class T>
    Body& field(std::string_view name, const Change<T>& change)
    {
        if (change.kept() || change.value())
            return field(name, change.value());
        return value(name, [&] {
            out_ += "null";
            return Written{};
        });
    }

    expected<std::string> finish()
    {
        if (!written_) {
            const auto& [reason, pointer] = written_.error();
            return invalid("at " + printable(pointer, 256) + ":", reason);
        }
        out_ += '}';
        return std::move(out_);
    }

private:
    template <class Write>
    Body& value(std::string_view name, Write write_value)
    {
        if (!written_)
            return *this;
        if (out_.size() > 1)
            out_ += ',';
        out_.append("\"").append(name).append("\":");
        written_ = write_value();
        if (!written_)
            written_ = inside(name, std::move(written_.error()));
        return *this;
    }

    std::string out_ = "{";
    Written written_;
};

template <class Request>
expected<std::string> encode_user(const Request& request)
{
    return Body{}
        .field("email", request.email())
        .field("phone", request.phone())
        .field("user_metadata", request.metadata())
        .finish();
}

} // namespace

expected<std::string> encode(const CreateUserRequest& request)
{
    return encode_user(request);
}

expected<std::string> encode(const UpdateUserRequest& request)
{
    return encode_user(request);
}

expected<std::string> encode(const CreateMagicLinkRequest& request)
{
    using Recipient = CreateMagicLinkRequest::Recipient;
    const auto name = [&]() -> std::string_view {
        switch (request.recipient_kind()) {
        case Recipient::email:
            return "email";
        case Recipient::phone:
            return "phone";
        case Recipient::user:
            break;
        }
        return "user_id";
    };
    return Body{}
        .field(name(), request.recipient())
        .field("channel", request.channel())
        .field("send", request.sent())
        .field("type", request.type())
        .field("language", request.language())
        .field("ttl", request.ttl())
        .field("magic_link_path", request.path())
        .field("redirect_url", request.redirect())
        .finish();
}

} // namespace passage::json
