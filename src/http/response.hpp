#pragma once

#include <boost/static_string.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace passage::http {

/// A text in place, without the heap, for fields that are in every response.
template <std::size_t Capacity>
struct ShortText : boost::static_string<Capacity>
{
    /// Truncates to the capacity.
    ShortText& operator=(std::string_view text)
    {
        this->assign(text.data(), std::min(text.size(), Capacity));
        return *this;
    }
    operator std::string_view() const noexcept { return {this->data(), this->size()}; }

    /// The operators of Boost 1.83 are ambiguous for a derived type.
    friend bool operator==(const ShortText& left, const ShortText& right) noexcept
    {
        return std::string_view{left} == std::string_view{right};
    }
};

/// A final response, with the header fields that the library acts on.
struct Response
{
    int status = 0;
    std::string body;
    ShortText<64> content_type; ///< Truncated.
    ShortText<40> date;         ///< Truncated; valid ones fit (RFC 9110, section 5.6.7).
    std::string request_id;
    std::string retry_after;    ///< `Retry-After`; empty if there is more than one.
    std::string retry_after_ms; ///< `Retry-After-Ms`; empty if there is more than one.

    /// Whether this response allows another request on the connection.
    bool keep_alive = false;
    /// `Keep-Alive: timeout=`, if sent.
    std::optional<std::chrono::seconds> keep_alive_timeout;
};

} // namespace passage::http
