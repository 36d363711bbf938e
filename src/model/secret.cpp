#include "model/undumped_memory.hpp"

#include <passage/secret.hpp>

#include <string.h> // explicit_bzero, which is not optimised away

namespace passage {

Secret Secret::join(std::initializer_list<std::string_view> parts)
{
    Secret joined;
    std::size_t size = 0;
    for (const std::string_view part : parts)
        size += part.size();
    if (size == 0)
        return joined;
    joined.text_ = static_cast<char*>(undumped_memory().allocate(size, 1));
    for (const std::string_view part : parts) {
        part.copy(joined.text_ + joined.size_, part.size());
        joined.size_ += part.size();
    }
    return joined;
}

Secret::Secret(std::string&& text) : Secret{std::string_view{text}}
{
    text.resize(text.capacity()); // does not allocate
    explicit_bzero(text.data(), text.size());
    text.clear();
}

Secret::~Secret()
{
    if (text_)
        undumped_memory().deallocate(text_, size_, 1); // which wipes it
}

} // namespace passage
