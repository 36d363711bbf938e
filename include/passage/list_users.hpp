#pragma once

#include <passage/detail/build.hpp>
#include <passage/user.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace passage {

/// A condition on the users of a list. Made from the fields in `passage::user_field`.
struct UserFilter
{
    /// The comparison of the field with the value.
    enum class Comparison { equal, not_equal, greater, less, like, not_like };

    /// Constructs a condition.
    UserFilter(std::string_view on, Comparison how, std::string to) : field{on}, comparison{how}, value{std::move(to)}
    {}

    std::string_view field; ///< The name of the field in the API. Refers to static storage.
    Comparison comparison;  ///< The comparison.
    std::string value;      ///< The value, as the API writes it.
};

/// A field that a list is ordered by, and the direction. Made from the fields in `passage::user_field`.
struct UserOrder
{
    std::string_view field; ///< The name of the field in the API. Refers to static storage.
    bool descending;        ///< True for greatest first, false for least first.
};

/// The fields of a user by which lists can be filtered and ordered.
///
/// Examples: `user_field::login_count > 3`, `user_field::status == UserStatus::active`,
/// `user_field::identifier.like("%@example.com")`, `user_field::created_at.descending()`.
namespace user_field {

/// Returns a number as the API writes it.
PASSAGE_EXPORT std::string to_text(std::int64_t value);
/// Returns a time as the API writes it: `2006-01-02T15:04:05.000000Z`.
PASSAGE_EXPORT std::string to_text(Timestamp value);
/// Returns a status as the API writes it.
PASSAGE_EXPORT std::string to_text(UserStatus value);
/// Returns the string itself.
PASSAGE_EXPORT std::string to_text(std::string_view value);

/// A field that can be compared with a `Value`.
template <class Value>
class Field
{
public:
    /// Constructs a field with this name in the API. `name` must refer to static storage.
    constexpr explicit Field(std::string_view name) noexcept : name_{name} {}

    /// Returns the condition that the field is equal to a value.
    friend UserFilter operator==(const Field& field, Value value)
    {
        return {field.name_, UserFilter::Comparison::equal, to_text(value)};
    }
    /// Returns the condition that the field is not equal to a value.
    friend UserFilter operator!=(const Field& field, Value value)
    {
        return {field.name_, UserFilter::Comparison::not_equal, to_text(value)};
    }
    /// Returns the condition that the field is greater, or later, than a value.
    friend UserFilter operator>(const Field& field, Value value)
    {
        return {field.name_, UserFilter::Comparison::greater, to_text(value)};
    }
    /// Returns the condition that the field is less, or earlier, than a value.
    friend UserFilter operator<(const Field& field, Value value)
    {
        return {field.name_, UserFilter::Comparison::less, to_text(value)};
    }

protected:
    /// Returns the name of the field in the API.
    constexpr std::string_view name() const noexcept { return name_; }

private:
    std::string_view name_;
};

/// A field by which lists can also be ordered.
template <class Base>
class Ordered : public Base
{
public:
    using Base::Base;

    /// Returns the order by this field with the least value first.
    constexpr UserOrder ascending() const noexcept { return {this->name(), false}; }
    /// Returns the order by this field with the greatest value first.
    constexpr UserOrder descending() const noexcept { return {this->name(), true}; }
};

/// A field that can be compared with strings and patterns.
class TextField : public Field<std::string_view>
{
public:
    using Field::Field;

    /// Returns the condition that the field matches a pattern, in which `%` stands for any text.
    UserFilter like(std::string_view pattern) const
    {
        return {name(), UserFilter::Comparison::like, std::string{pattern}};
    }
    /// Returns the condition that the field does not match a pattern, in which `%` stands for any text.
    UserFilter not_like(std::string_view pattern) const
    {
        return {name(), UserFilter::Comparison::not_like, std::string{pattern}};
    }
};

/// The e-mail address or phone number.
inline constexpr TextField identifier{"identifier"};
/// The id.
inline constexpr Ordered<TextField> id{"id"};
/// The status.
inline constexpr Ordered<Field<UserStatus>> status{"status"};
/// The number of times that the user signed in.
inline constexpr Ordered<Field<std::int64_t>> login_count{"login_count"};
/// The time at which the user was created.
inline constexpr Ordered<Field<Timestamp>> created_at{"created_at"};
/// The time at which the user was last changed.
inline constexpr Ordered<Field<Timestamp>> updated_at{"updated_at"};
/// The time at which the user last signed in.
inline constexpr Ordered<Field<Timestamp>> last_login_at{"last_login_at"};

} // namespace user_field

/// The request of `Client::list_users` and `Client::users`: which users are listed, and in which order.
class ListUsersRequest
{
public:
    ListUsersRequest() = default;

    /// Sets the number of the page, from 1. If not set, the service returns page 1.
    ListUsersRequest& page(std::int64_t number)
    {
        page_ = number;
        return *this;
    }
    /// Sets the maximum number of users on a page, 1 to 500. If not set, the default of the service applies.
    ListUsersRequest& limit(std::int64_t users)
    {
        limit_ = users;
        return *this;
    }
    /// Selects only users that were created before this time. Users that are created later then do not shift the pages
    /// while the list is read page by page.
    ListUsersRequest& created_before(std::chrono::sys_seconds time)
    {
        created_before_ = time;
        return *this;
    }
    /// Adds a condition. Only users that fulfil all conditions are selected.
    ListUsersRequest& where(UserFilter filter)
    {
        filters_.push_back(std::move(filter));
        return *this;
    }
    /// Adds a field to order by. Users that are equal by the fields before it are ordered by this field.
    ListUsersRequest& order_by(UserOrder order)
    {
        orders_.push_back(order);
        return *this;
    }

    /// Returns the number of the page, if set.
    std::optional<std::int64_t> page() const noexcept { return page_; }
    /// Returns the maximum number of users on a page, if set.
    std::optional<std::int64_t> limit() const noexcept { return limit_; }
    /// Returns the time before which users must have been created, if set.
    std::optional<std::chrono::sys_seconds> created_before() const noexcept { return created_before_; }
    /// Returns the conditions.
    const std::vector<UserFilter>& filters() const noexcept { return filters_; }
    /// Returns the fields to order by.
    const std::vector<UserOrder>& orders() const noexcept { return orders_; }

private:
    std::optional<std::int64_t> page_;
    std::optional<std::int64_t> limit_;
    std::optional<std::chrono::sys_seconds> created_before_;
    std::vector<UserFilter> filters_;
    std::vector<UserOrder> orders_;
};

} // namespace passage
