#pragma once

#include "api/arguments.hpp"
#include "api/row.hpp"
#include "http/request.hpp"

#include <passage/expected.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace passage::api {

/// Builds the requests for one app. Fails as the functions of api/arguments.hpp do.
class Requests
{
public:
    /// `base_path` is the path of the base URL. `app_id` must pass `check_id`.
    Requests(std::string_view base_path, std::string_view app_id, std::size_t max_body);

    /// The first request of an operation.
    template <class T, class... Args>
    expected<http::Request> build(const Row<T(Args...)>& operation, const std::type_identity_t<Args>&... args) const
    {
        return build_with(operation, std::tie(args...), std::make_index_sequence<Row<T(Args...)>::ids>{});
    }

    /// The prefix of the paths of all operations.
    std::string_view app_path() const noexcept { return app_path_; }

private:
    template <class... Args, std::size_t... Ids>
    expected<http::Request> build_with(const Operation& operation, const std::tuple<const Args&...>& args,
                                       std::index_sequence<Ids...>) const
    {
        const std::array<Id, sizeof...(Ids)> ids{std::get<Ids>(args)...};
        if constexpr (sizeof...(Ids) == sizeof...(Args))
            return on_path(operation, ids);
        else
            return with(on_path(operation, ids), encode(std::get<sizeof...(Ids)>(args)));
    }

    expected<http::Request> on_path(const Operation& operation, std::span<const Id> ids) const;
    expected<http::Request> with(expected<http::Request> request, expected<Query> query) const;
    expected<http::Request> with(expected<http::Request> request, expected<Body> body) const;

    std::string app_path_;
    std::size_t max_body_;
};

} // namespace passage::api
