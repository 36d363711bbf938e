#include <passage/list_users.hpp>

#include "model/timestamp.hpp"

namespace passage::user_field {

std::string to_text(std::int64_t value)
{
    return std::to_string(value);
}

std::string to_text(Timestamp value)
{
    return format_timestamp(value);
}

std::string to_text(UserStatus value)
{
    return std::string{OpenEnum<UserStatus>{value}.text()};
}

std::string to_text(std::string_view value)
{
    return std::string{value};
}

} // namespace passage::user_field
