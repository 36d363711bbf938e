#include "model/invalid.hpp"

namespace passage {

unexpected<Error> invalid(std::string_view name, std::string_view what_is_wrong)
{
    return unexpected{Error{Errc::invalid_argument, std::string{name}.append(" ").append(what_is_wrong)}};
}

} // namespace passage
