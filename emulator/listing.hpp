#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace passage::emulator {

/// The parameters behind the `?` of a request, decoded, in order.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Which users are asked for, in what order, and which page of them.
struct Listing
{
    using Value = std::variant<std::int64_t, std::string>;

    std::int64_t page = 1;
    std::int64_t limit = 0;
    std::optional<std::int64_t> created_before; ///< seconds since 1970; unless given, all who are there
    std::string condition;                      ///< SQL over the columns of users, each value a `?`
    std::vector<Value> values;                  ///< for those, in order
    std::string order;                          ///< SQL; total, so that pages neither share nor miss a user
    bool is_lookup = false;                     ///< by a value that one user at most can have

    std::int64_t last_page(std::int64_t total_users) const;
};

/// Reads the parameters of a listing. Names it does not know are ignored; a filter may be given
/// twice, and then both hold. Throws ApiError.
Listing read_listing(const Parameters& parameters);

/// `_links` point at other pages of a listing: `path`, with the same parameters but for the page, and the
/// set of users that `created_before` has fixed.
std::string link_to_page(std::string_view path, const Parameters& parameters, const Listing& listing,
                         std::int64_t created_before, std::int64_t page);

} // namespace passage::emulator
