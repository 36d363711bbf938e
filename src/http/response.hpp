#pragma once

#include <boost/static_string.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace passage::http {

/// A text that needs no memory of its own, for what is in every response.
template <std::size_t Capacity>
struct ShortText : boost::static_string<Capacity>
{
    /// What goes beyond the capacity is left out.
    ShortText& operator=(std::string_view text)
    {
        this->assign(text.data(), std::min(text.size(), Capacity));
        return *this;
    }
    operator std::string_view() const noexcept { return {this->data(), this->size()}; }
};

/// A final response, with the header fields that the library acts on.
struct Response
{
    int status = 0;
    std::string body;
    ShortText<64> content_type; ///< The beginning of a longer one.
    ShortText<40> date;         ///< Longer ones are none (RFC 9110, section 5.6.7).
    std::string request_id;
    std::string retry_after;    ///< `Retry-After`, as sent; empty if there were several.
    std::string retry_after_ms; ///< `Retry-After-Ms`, as sent; empty if there were several.

    /// Whether the connection may carry a further request, as far as this response says.
    bool keep_alive = false;
    /// `Keep-Alive: timeout=`, if sent.
    std::optional<std::chrono::seconds> keep_alive_timeout;
};

} // namespace passage::http
