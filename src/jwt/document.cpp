#include "jwt/document.hpp"

#include "json/allowance.hpp"
#include "json/depth.hpp"
#include "json/document_parser.hpp"
#include "json/text_parts.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace passage::jwt {
namespace {

using boost::system::error_code;
using Kind = Value::Kind;

/// Limit on the names in open objects; tokens and key sets have far fewer. Bounds the work that untrusted input causes.
constexpr std::size_t max_names = 256;

/// FNV-1a. Names with equal hashes count as equal: a document made to collide is refused, which harms only its author.
std::uint64_t hash(std::string_view text) noexcept
{
    std::uint64_t result = 0xcbf29ce484222325;
    for (const char c : text)
        result = (result ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return result;
}

/// Handles the parser's events, and passes each value with its path to a sink.
class Handler : public json::DocumentHandler
{
public:
    Handler(std::size_t size, std::span<const std::string_view> names, Sink& sink) noexcept
        : allowance_{size, json::default_limit}, names_{names}, sink_{sink}
    {}

    bool on_object_begin(error_code& ec) { return take({.kind = Kind::object}, ec) && open(other_name); }
    bool on_object_end(std::size_t, error_code& ec)
    {
        close();
        return sink_.end_object(path()) || refuse(ec);
    }
    bool on_array_begin(error_code& ec) { return take({.kind = Kind::array}, ec) && open(element); }
    bool on_array_end(std::size_t, error_code&)
    {
        close();
        return true;
    }

    bool on_key_part(std::string_view part, std::size_t, error_code& ec) { return take_part(part, ec); }
    bool on_key(std::string_view last, std::size_t, error_code& ec)
    {
        const std::string_view name = parts_.end(last, allowance_);
        if (!name.data())
            return refuse(ec);
        const std::uint64_t seen = hash(name);
        const auto begin = seen_.begin() + static_cast<std::ptrdiff_t>(first_name_[depth_ - 1]);
        const auto end = seen_.begin() + static_cast<std::ptrdiff_t>(count_);
        if (end == seen_.end() || std::find(begin, end, seen) != end)
            return refuse(ec);
        seen_[count_++] = seen;

        const auto known = std::find(names_.begin(), names_.end(), name);
        path_[depth_ - 1] = known == names_.end() ? other_name : static_cast<int>(known - names_.begin());
        return true;
    }

    bool on_string_part(std::string_view part, std::size_t, error_code& ec) { return take_part(part, ec); }
    bool on_string(std::string_view last, std::size_t, error_code& ec)
    {
        const std::string_view text = parts_.end(last, allowance_);
        return text.data() ? take({.kind = Kind::text, .text = text}, ec) : refuse(ec);
    }

    bool on_int64(std::int64_t number, std::string_view, error_code& ec)
    {
        return take({.kind = Kind::number, .number = static_cast<double>(number)}, ec);
    }
    bool on_uint64(std::uint64_t number, std::string_view, error_code& ec)
    {
        return take({.kind = Kind::number, .number = static_cast<double>(number)}, ec);
    }
    bool on_double(double number, std::string_view text, error_code& ec)
    {
        return check_exponent(text, ec) && take({.kind = Kind::number, .number = number}, ec);
    }
    bool on_bool(bool flag, error_code& ec) { return take({.kind = Kind::flag, .flag = flag}, ec); }
    bool on_null(error_code& ec) { return take({}, ec); }

private:
    Path path() const noexcept { return Path{path_}.first(depth_); }

    bool take(const Value& value, error_code& ec)
    {
        if (depth_ == 0 && value.kind != Kind::object)
            return refuse(ec);
        return sink_.take(path(), value) || refuse(ec);
    }

    bool open(int inside) noexcept
    {
        path_[depth_] = inside;
        first_name_[depth_] = count_;
        ++depth_;
        return true;
    }

    void close() noexcept { count_ = first_name_[--depth_]; }

    static bool refuse(error_code& ec) noexcept
    {
        ec = boost::json::error::exception;
        return false;
    }

    bool take_part(std::string_view part, error_code& ec) { return parts_.add(part, allowance_) || refuse(ec); }

    json::Allowance allowance_;
    const std::span<const std::string_view> names_;
    Sink& sink_;

    std::array<int, json::max_depth> path_;
    std::array<std::size_t, json::max_depth> first_name_; ///< For each open object, the index in `seen_` of its first.
    std::size_t depth_ = 0;

    std::array<std::uint64_t, max_names> seen_; ///< Hashes of the names in all open objects.
    std::size_t count_ = 0;

    json::TextParts parts_;
};

} // namespace

bool read_document(std::string_view text, std::span<const std::string_view> names, Sink& sink)
{
    json::DocumentParser<Handler> parser{text.size(), names, sink};
    return !parser.read(text);
}

} // namespace passage::jwt
