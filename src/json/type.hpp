#pragma once

#include "model/timestamp.hpp"
#include "json/allowance.hpp"

#include <passage/open_enum.hpp>
#include <passage/user.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace passage::json {

struct Field;

/// How one C++ type is read from JSON. A `place` is the address of an object of that type. A JSON value whose kind has
/// no setter here is refused, and so is one for which the setter returns false.
struct Type
{
    /// The expected value, for messages.
    std::string_view expected;
    /// Resets the object to its initial value.
    void (*clear)(void* place);
    /// The address of the value inside the object at `place` (an `optional`); null if it is `place` itself.
    void* (*inner)(void* place) = nullptr;

    bool (*set_text)(void* place, std::string_view text) = nullptr;
    bool (*set_flag)(void* place, bool flag) = nullptr;
    bool (*set_integer)(void* place, std::int64_t integer) = nullptr;

    /// For an array: the type of its elements, and a function that appends one and returns its address, or null if the
    /// allowance is exhausted.
    const Type* element = nullptr;
    void* (*append)(void* place, Allowance& allowance) = nullptr;

    /// For an object: its fields, and a bit mask of the required ones.
    std::span<const Field> fields{};
    std::uint32_t required = 0;
    /// For an object: whether a repeated name is refused.
    bool strict = false;

    /// For an object without fixed fields: stores the whole JSON value.
    void (*set_value)(void* place, boost::json::value&& value) = nullptr;
};

enum class Presence { optional, required };

/// A field of an object.
struct Field
{
    std::string_view name;
    const Type* type;
    /// The address of the field in the object.
    void* (*place)(void* object);
    /// A required field must be present and, unless it is an array, neither null nor empty.
    Presence presence = Presence::optional;
};

template <class T>
T& at(void* place) noexcept
{
    return *static_cast<T*>(place);
}

template <class T>
void clear(void* place)
{
    at<T>(place) = T{};
}

inline void* itself(void* place) noexcept
{
    return place;
}

/// The type of an object with fixed fields. `fields` must be in static storage.
template <class T, std::size_t Count>
constexpr Type object_type(const std::array<Field, Count>& fields, bool strict = false)
{
    static_assert(Count > 0, "the model has no table of fields");
    static_assert(Count <= 32, "each field has a bit");
    Type type{.expected = "an object", .clear = clear<T>, .fields = fields, .strict = strict};
    for (std::size_t i = 0; i < Count; ++i)
        if (fields[i].presence == Presence::required)
            type.required |= std::uint32_t{1} << i;
    return type;
}

/// The fields of a `T`. Specialised for each model.
template <class T>
inline constexpr std::array<Field, 0> fields_of{};

/// The type of a `T`. The primary template is for models.
template <class T>
inline constexpr Type type_of = object_type<T>(fields_of<T>);

template <>
inline constexpr Type type_of<std::string>{
    .expected = "a string",
    .clear = clear<std::string>,
    .set_text =
        [](void* place, std::string_view text) {
            at<std::string>(place) = text;
            return true;
        },
};

template <class Enum>
inline constexpr Type type_of<OpenEnum<Enum>>{
    .expected = "a string",
    .clear = clear<OpenEnum<Enum>>,
    .set_text =
        [](void* place, std::string_view text) {
            at<OpenEnum<Enum>>(place) = OpenEnum<Enum>::from_text(text);
            return true;
        },
};

template <>
inline constexpr Type type_of<bool>{
    .expected = "a boolean",
    .clear = clear<bool>,
    .set_flag =
        [](void* place, bool flag) {
            at<bool>(place) = flag;
            return true;
        },
};

template <>
inline constexpr Type type_of<std::int64_t>{
    .expected = "a 64-bit integer",
    .clear = clear<std::int64_t>,
    .set_integer =
        [](void* place, std::int64_t integer) {
            at<std::int64_t>(place) = integer;
            return true;
        },
};

template <>
inline constexpr Type type_of<Timestamp>{
    .expected = "an RFC 3339 time",
    .clear = [](void* place) { at<Timestamp>(place) = never; },
    .set_text =
        [](void* place, std::string_view text) {
            const std::optional<Timestamp> time = parse_timestamp(text);
            if (time)
                at<Timestamp>(place) = *time;
            return time.has_value();
        },
};

/// A duration sent by the service, clamped to what nanoseconds can count, so that converting it or comparing it with
/// other durations and times does not overflow.
template <class Duration>
constexpr Duration bounded(std::int64_t units)
{
    constexpr std::int64_t most = std::chrono::duration_cast<Duration>(std::chrono::nanoseconds::max()).count();
    return Duration{std::clamp(units, -most, most)};
}

/// Seconds since 1970.
template <>
inline constexpr Type type_of<std::chrono::sys_seconds>{
    .expected = "a 64-bit integer",
    .clear = clear<std::chrono::sys_seconds>,
    .set_integer =
        [](void* place, std::int64_t integer) {
            at<std::chrono::sys_seconds>(place) = std::chrono::sys_seconds{bounded<std::chrono::seconds>(integer)};
            return true;
        },
};

template <class Period>
inline constexpr Type type_of<std::chrono::duration<std::int64_t, Period>>{
    .expected = "a 64-bit integer",
    .clear = clear<std::chrono::duration<std::int64_t, Period>>,
    .set_integer =
        [](void* place, std::int64_t integer) {
            using Duration = std::chrono::duration<std::int64_t, Period>;
            at<Duration>(place) = bounded<Duration>(integer);
            return true;
        },
};

template <class T>
inline constexpr Type type_of<std::optional<T>> = [] {
    Type type = type_of<T>;
    type.clear = clear<std::optional<T>>;
    type.inner = [](void* place) -> void* { return &at<std::optional<T>>(place).emplace(); };
    return type;
}();

template <class T>
inline constexpr Type type_of<std::vector<T>>{
    .expected = "an array",
    .clear = clear<std::vector<T>>,
    .element = &type_of<T>,
    .append = [](void* place, Allowance& allowance) -> void* {
        std::vector<T>& list = at<std::vector<T>>(place);
        return allowance.grow(list, list.size() + 1) ? &list.emplace_back() : nullptr;
    },
};

template <>
inline constexpr Type type_of<boost::json::object>{
    .expected = "an object",
    .clear = clear<boost::json::object>,
    .set_value = [](void* place,
                    boost::json::value&& value) { at<boost::json::object>(place) = std::move(value.get_object()); },
};

template <>
inline constexpr Type type_of<boost::json::value>{
    .expected = "a value",
    .clear = clear<boost::json::value>,
    .set_value = [](void* place, boost::json::value&& value) { at<boost::json::value>(place) = std::move(value); },
};

/// The field that has `name` on the wire and is stored in `Member`, a member of `Model` or of its base.
template <class Model, auto Member,
          const Type& ValueType = type_of<std::remove_cvref_t<decltype(std::declval<Model&>().*Member)>>>
constexpr Field field(std::string_view name, Presence presence = Presence::optional)
{
    return {name, &ValueType, [](void* model) -> void* { return &(at<Model>(model).*Member); }, presence};
}

/// The only field of an object that has no C++ type of its own: the place of the object is that of the field.
template <class T>
constexpr Field wrapped(std::string_view name, Presence presence = Presence::optional)
{
    return {name, &type_of<T>, itself, presence};
}

} // namespace passage::json
