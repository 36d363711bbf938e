#include <passage/secret.hpp>

#include <algorithm>
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

// A text is kept on the heap, however short: moving and swapping must not leave copies within objects.

Secret::Secret(std::string_view text)
{
    text_.reserve(std::max(text.size(), std::string{}.capacity() + 1));
    text_ = text;
}

Secret::Secret(std::string&& text)
{
    if (text.capacity() > std::string{}.capacity()) {
        text_.swap(text);
    } else {
        *this = Secret{std::string_view{text}};
        wipe(text);
    }
}

Secret::Secret(Secret&& other) noexcept
{
    text_.swap(other.text_);
}

Secret::~Secret()
{
    wipe(text_);
}

} // namespace passage
