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

/// A condition on a user; made from the names in `passage::user_field`.
struct UserFilter
{
    /// How the field and the value are compared.
    enum class Comparison { equal, not_equal, greater, less, like, not_like };

    /// A condition.
    UserFilter(std::string_view on, Comparison how, std::string to) : field{on}, comparison{how}, value{std::move(to)}
    {}

    std::string_view field; ///< The field's name on the wire; refers to static storage.
    Comparison comparison;  ///< The comparison.
    std::string value;      ///< The value's text on the wire.
};

/// A field to order by, and the direction; made from the names in `passage::user_field`.
struct UserOrder
{
    std::string_view field; ///< The field's name on the wire; refers to static storage.
    bool descending;        ///< Greatest first.
};

/// The fields of a user that lists can be filtered and ordered by.
///
/// `user_field::login_count > 3`, `user_field::status == UserStatus::active`,
/// `user_field::identifier.like("%@example.com")`, `user_field::created_at.descending()`.
namespace user_field {

/// The wire's text of a number.
PASSAGE_EXPORT std::string to_text(std::int64_t value);
/// The wire's text of a time: `2006-01-02T15:04:05.000000Z`.
PASSAGE_EXPORT std::string to_text(Timestamp value);
/// The wire's text of a status.
PASSAGE_EXPORT std::string to_text(UserStatus value);
/// A text is itself.
PASSAGE_EXPORT std::string to_text(std::string_view value);

/// A field that is compared with a `Value`.
template <class Value>
class Field
{
public:
    /// The field of a name on the wire, in static storage.
    constexpr explicit Field(std::string_view name) noexcept : name_{name} {}

    /// Equal to a value.
    friend UserFilter operator==(const Field& field, Value value)
    {
        return {field.name_, UserFilter::Comparison::equal, to_text(value)};
    }
    /// Not equal to a value.
    friend UserFilter operator!=(const Field& field, Value value)
    {
        return {field.name_, UserFilter::Comparison::not_equal, to_text(value)};
    }
    /// Greater than, or later than, a value.
    friend UserFilter operator>(const Field& field, Value value)
    {
        return {field.name_, UserFilter::Comparison::greater, to_text(value)};
    }
    /// Less than, or earlier than, a value.
    friend UserFilter operator<(const Field& field, Value value)
    {
        return {field.name_, UserFilter::Comparison::less, to_text(value)};
    }

protected:
    /// The name on the wire.
    constexpr std::string_view name() const noexcept { return name_; }

private:
    std::string_view name_;
};

/// A field that lists can be ordered by as well.
template <class Base>
class Ordered : public Base
{
public:
    using Base::Base;

    /// Least first.
    constexpr UserOrder ascending() const noexcept { return {this->name(), false}; }
    /// Greatest first.
    constexpr UserOrder descending() const noexcept { return {this->name(), true}; }
};

/// A field that is compared with texts and patterns.
class TextField : public Field<std::string_view>
{
public:
    using Field::Field;

    /// Like a pattern, in which `%` stands for any text.
    UserFilter like(std::string_view pattern) const
    {
        return {name(), UserFilter::Comparison::like, std::string{pattern}};
    }
    /// Not like a pattern.
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
/// How often the user signed in.
inline constexpr Ordered<Field<std::int64_t>> login_count{"login_count"};
/// When the user was created.
inline constexpr Ordered<Field<Timestamp>> created_at{"created_at"};
/// When the user last changed.
inline constexpr Ordered<Field<Timestamp>> updated_at{"updated_at"};
/// When the user last signed in.
inline constexpr Ordered<Field<Timestamp>> last_login_at{"last_login_at"};

} // namespace user_field

/// Which users are listed, in what order, and which page of them.
class ListUsersRequest
{
public:
    ListUsersRequest() = default;

    /// The page, from 1. The service's default: 1.
    ListUsersRequest& page(std::int64_t number)
    {
        page_ = number;
        return *this;
    }
    /// The most users on a page, 1 to 500. Without it the service's own default holds.
    ListUsersRequest& limit(std::int64_t users)
    {
        limit_ = users;
        return *this;
    }
    /// Only users created before this time. Fixes the set while it is paged through.
    ListUsersRequest& created_before(std::chrono::sys_seconds time)
    {
        created_before_ = time;
        return *this;
    }
    /// Only users that fulfil a condition; conditions add up.
    ListUsersRequest& where(UserFilter filter)
    {
        filters_.push_back(std::move(filter));
        return *this;
    }
    /// The order; a second one decides between equals of the first.
    ListUsersRequest& order_by(UserOrder order)
    {
        orders_.push_back(order);
        return *this;
    }

    /// The page, if set.
    std::optional<std::int64_t> page() const noexcept { return page_; }
    /// The most users on a page, if set.
    std::optional<std::int64_t> limit() const noexcept { return limit_; }
    /// The time before which users were created, if set.
    std::optional<std::chrono::sys_seconds> created_before() const noexcept { return created_before_; }
    /// The conditions.
    const std::vector<UserFilter>& filters() const noexcept { return filters_; }
    /// The orders.
    const std::vector<UserOrder>& orders() const noexcept { return orders_; }

private:
    std::optional<std::int64_t> page_;
    std::optional<std::int64_t> limit_;
    std::optional<std::chrono::sys_seconds> created_before_;
    std::vector<UserFilter> filters_;
    std::vector<UserOrder> orders_;
};

} // namespace passage
