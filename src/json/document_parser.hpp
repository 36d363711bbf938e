#pragma once

#include "json/depth.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <cstddef>
#include <limits>
#include <string_view>
#include <utility>

namespace passage::json {

/// Base of handlers for Boost.JSON's parser: the members that the parser requires and no handler here uses.
class DocumentHandler
{
public:
    // No limits: the size of the document limits its parts.
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

    bool on_document_begin(boost::system::error_code&) noexcept { return true; }
    bool on_document_end(boost::system::error_code&) noexcept { return true; }
    bool on_number_part(std::string_view, boost::system::error_code&) noexcept { return true; }
    bool on_comment_part(std::string_view, boost::system::error_code&) noexcept { return true; }
    bool on_comment(std::string_view, boost::system::error_code&) noexcept { return true; }

protected:
    ~DocumentHandler() = default;

    /// Fails if the exponent of a number exceeds nine digits, leading zeros aside. Versions of Boost.JSON differ in
    /// which larger ones they refuse.
    static bool check_exponent(std::string_view number, boost::system::error_code& ec)
    {
        if (number.size() < std::string_view{"1e1000000000"}.size())
            return true;
        const std::size_t e = number.find_first_of("eE");
        const std::size_t digits = e == number.npos ? e : number.find_first_of("123456789", e);
        if (digits == number.npos || number.size() - digits <= 9)
            return true;
        ec = boost::json::error::exponent_overflow;
        return false;
    }
};

/// Parses one document (RFC 8259) that nests no deeper than `max_depth`, and passes its parts to a handler.
template <class Handler>
class DocumentParser
{
public:
    /// The arguments are passed to the handler's constructor.
    template <class... Args>
    explicit DocumentParser(Args&&... args) : parser_{options(), std::forward<Args>(args)...}
    {}

    /// Parses a whole document. May be called once.
    boost::system::error_code read(std::string_view document)
    {
        boost::system::error_code ec;
        const std::size_t used = parser_.write_some(false, document.data(), document.size(), ec);
        if (!ec && used < document.size())
            ec = boost::json::error::extra_data;
        return ec;
    }

    const Handler& handler() const noexcept { return parser_.handler(); }

private:
    static boost::json::parse_options options() noexcept
    {
        boost::json::parse_options result;
        result.max_depth = max_depth;
        return result;
    }

    boost::json::basic_parser<Handler> parser_;
};

} // namespace passage::json
