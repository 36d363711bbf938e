#include "model/invalid.hpp"

namespace passage {

unexpected<Error> invalid(std::string_view name, std::string_view what_is_wrong, boost::system::error_code cause)
{
    Error error{Errc::invalid_argument, std::string{name}.append(" ").append(what_is_wrong)};
    error.cause = cause;
    return unexpected{std::move(error)};
}

} // namespace passage
