#include <passage/secret.hpp>

#include <string.h> // explicit_bzero: a wipe that is not optimised away

namespace passage {
namespace {

void wipe(std::string& text) noexcept
{
    text.resize(text.capacity()); // within the capacity: allocates nothing
    explicit_bzero(text.data(), text.size());
    text.clear();
}

} // namespace

Secret::Secret(std::string&& text) : text_{text}
{
    wipe(text);
}

Secret::Secret(Secret&& other) noexcept
{
    text_.swap(other.text_);
    wipe(other.text_); // a short text lies within the object, and swapping copies it
}

Secret::~Secret()
{
    wipe(text_);
}

} // namespace passage
