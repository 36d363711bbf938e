#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace passage::emulator {

/// The decoded query parameters of a request, in order.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// The filters, the order and the page of a listing.
struct Listing
{
    using Value = std::variant<std::int64_t, std::string>;

    std::int64_t page = 1;
    std::int64_t limit = 0;
    std::optional<std::int64_t> created_before; ///< seconds since 1970; if absent, all users count
    std::string condition;                      ///< SQL over the columns of users; values are `?`
    std::vector<Value> values;                  ///< for `condition`, in order
    std::string order;                          ///< SQL; a total order, so that each user is on one page
    bool is_lookup = false;                     ///< by a value that at most one user has

    std::int64_t last_page(std::int64_t total_users) const;
};

/// Reads the parameters of a listing. Unknown names are ignored. If a filter occurs twice, both apply. Throws ApiError.
Listing read_listing(const Parameters& parameters);

/// The URL of another page of a listing: `path` with the same parameters, apart from `page` and `created_before`.
std::string link_to_page(std::string_view path, const Parameters& parameters, const Listing& listing,
                         std::int64_t created_before, std::int64_t page);

} // namespace passage::emulator
