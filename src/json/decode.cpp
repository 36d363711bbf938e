#include "json/decode.hpp"

#include "json/allowance.hpp"
#include "json/depth.hpp"
#include "json/document_parser.hpp"
#include "json/tables.hpp"
#include "json/text_parts.hpp"

#include <boost/json/value_stack.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

namespace passage::json {

namespace {

using boost::system::error_code;

/// Builds a `boost::json::value`. Each step returns false if the allowance is exhausted.
class ValueBuilder
{
public:
    explicit ValueBuilder(Allowance& allowance) noexcept : allowance_{allowance} {}

    void reset() noexcept
    {
        stack_.reset();
        size_ = chars_ = 0;
    }
    boost::json::value release() noexcept { return stack_.release(); }

    bool push_null() { return push(0) && (stack_.push_null(), true); }
    bool push_bool(bool flag) { return push(0) && (stack_.push_bool(flag), true); }
    bool push_int64(std::int64_t integer) { return push(0) && (stack_.push_int64(integer), true); }
    bool push_uint64(std::uint64_t integer) { return push(0) && (stack_.push_uint64(integer), true); }
    bool push_double(double number) { return push(0) && (stack_.push_double(number), true); }

    bool push_chars(std::string_view part)
    {
        chars_ += part.size();
        if (!reserve(size_ + 1 + chars_ / sizeof(boost::json::value) + 1))
            return false;
        stack_.push_chars(part);
        return true;
    }
    bool push_key(std::string_view last)
    {
        return take_text(chars_ + last.size()) && push(0) && (stack_.push_key(last), true);
    }
    bool push_string(std::string_view last)
    {
        const std::size_t size = chars_ + last.size();
        return (size <= text_in_place || take_text(size)) && push(0) && (stack_.push_string(last), true);
    }
    bool push_array(std::size_t size)
    {
        return push_container(size, size * sizeof(boost::json::value)) && (stack_.push_array(size), true);
    }
    bool push_object(std::size_t size)
    {
        constexpr std::size_t member = sizeof(boost::json::key_value_pair) + sizeof(std::uint32_t);
        return push_container(2 * size, size * member) && (stack_.push_object(size), true);
    }

private:
    /// The size of a `boost::json::string` that needs no heap.
    static constexpr std::size_t text_in_place = 14;
    /// The size of the header of an array, object or string on the heap.
    static constexpr std::size_t head = 16;

    bool take_text(std::size_t size) { return allowance_.take_block(head + size); }

    /// Counts a value that is pushed on the stack and replaces `replaced` others.
    bool push(std::size_t replaced)
    {
        size_ += 1 - replaced;
        chars_ = 0;
        return reserve(size_);
    }

    bool push_container(std::size_t replaced, std::size_t bytes)
    {
        return (replaced == 0 || allowance_.take_block(head + bytes)) && push(replaced);
    }

    /// Takes the memory that the stack needs for a number of values.
    bool reserve(std::size_t size)
    {
        if (size <= room_)
            return true;
        const std::size_t grown = std::bit_ceil(size);
        const std::size_t on_heap = room_ == room_in_place ? 0 : room_;
        room_ = grown;
        return allowance_.replace(on_heap * sizeof(boost::json::value), grown * sizeof(boost::json::value));
    }

    Allowance& allowance_;
    std::size_t size_ = 0;  ///< Values on the stack.
    std::size_t chars_ = 0; ///< Characters on the stack of a string that is not complete.

    static constexpr std::size_t room_in_place = 42; // enough for small metadata
    std::size_t room_ = room_in_place;
    alignas(boost::json::value) std::array<unsigned char, room_in_place * sizeof(boost::json::value)> buffer_;
    boost::json::value_stack stack_{{}, buffer_.data(), buffer_.size()};
};

/// Handles the parser's events and stores the values as a `Type` says.
class Decoder : public DocumentHandler
{
public:
    /// The type, the place and the allowance must outlive the decoder.
    Decoder(const Type& type, void* place, Allowance& allowance) noexcept
        : document_{"", &type, itself, Presence::required}, allowance_{allowance}, whole_{allowance}
    {
        frames_[0] = {nullptr, place, &document_, 0, 0};
        if (&type == &type_of<boost::json::value>)
            take_whole(type, place);
    }

    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    /// The error of a failed parse.
    Error error(const error_code& reason) const
    {
        if (reason == Errc::too_large)
            return Error{Errc::too_large, "at " + pointer() + ": the decoded body exceeds " +
                                              std::to_string(allowance_.limit()) + " bytes"};
        if (!problem_.empty())
            return Error{Errc::decode, "at " + pointer() + ": " + problem_};
        return Error{Errc::decode, "invalid JSON near " + pointer() + ": " + reason.message()};
    }

    bool on_object_begin(error_code& ec)
    {
        if (mode_ != Mode::model)
            return descend();
        const Type& type = next();
        if (!type.set_value && type.fields.empty())
            return refuse(type, ec);
        void* const place = make_place(type);
        if (!place)
            return exceed(ec);
        if (type.set_value) {
            take_whole(type, place);
            return descend();
        }
        return push(type, place);
    }

    bool on_object_end(std::size_t size, error_code& ec)
    {
        if (mode_ == Mode::whole && !whole_.push_object(size))
            return exceed(ec);
        if (mode_ != Mode::model)
            return ascend(ec);
        const Type& type = *top().type;
        if (const std::uint32_t missing = type.required & ~top().seen) {
            top().field = &type.fields[static_cast<std::size_t>(std::countr_zero(missing))];
            return fail("missing", ec);
        }
        return pop();
    }

    bool on_array_begin(error_code& ec)
    {
        if (mode_ != Mode::model)
            return descend();
        const Type& type = next();
        if (!type.element)
            return refuse(type, ec);
        void* const place = make_place(type);
        return place ? push(type, place) : exceed(ec);
    }

    bool on_array_end(std::size_t size, error_code& ec)
    {
        if (mode_ == Mode::whole && !whole_.push_array(size))
            return exceed(ec);
        return mode_ == Mode::model ? pop() : ascend(ec);
    }

    bool on_key_part(std::string_view part, std::size_t, error_code& ec) { return take_part(part, ec); }

    bool on_key(std::string_view last, std::size_t, error_code& ec)
    {
        if (mode_ == Mode::model && !parts_.is_begun())
            return enter_field(last, ec);
        return end_key(last, ec);
    }

    bool on_string_part(std::string_view part, std::size_t, error_code& ec) { return take_part(part, ec); }

    bool on_string(std::string_view last, std::size_t, error_code& ec)
    {
        if (mode_ == Mode::model) {
            const std::string_view text = parts_.end(last, allowance_);
            if (!text.data() || (text.size() > text_in_place && !allowance_.take_block(text.size())))
                return exceed(ec);
            if (text.empty() && is_required())
                return fail("must not be empty", ec);
            return set(&Type::set_text, text, ec);
        }
        return end_value(mode_ == Mode::skip || whole_.push_string(last), ec);
    }

    bool on_int64(std::int64_t integer, std::string_view, error_code& ec)
    {
        if (mode_ == Mode::model)
            return set(&Type::set_integer, integer, ec);
        return end_value(mode_ == Mode::skip || whole_.push_int64(integer), ec);
    }

    bool on_uint64(std::uint64_t integer, std::string_view, error_code& ec)
    {
        // The parser calls this only for a number that an int64 can't hold.
        if (mode_ == Mode::model)
            return refuse(next(), ec);
        return end_value(mode_ == Mode::skip || whole_.push_uint64(integer), ec);
    }

    bool on_double(double approximation, std::string_view text, error_code& ec)
    {
        if (!check_exponent(text, ec))
            return false;
        if (mode_ == Mode::skip)
            return end_value(true, ec);
        const std::optional<double> number = exact(approximation, text);
        if (mode_ == Mode::model) {
            // 3.0 and 1e2 are integers too. Beyond 2^53 a double may stand for several.
            constexpr double limit = 9'007'199'254'740'992.0;
            if (!number || std::trunc(*number) != *number || std::fabs(*number) > limit)
                return refuse(next(), ec);
            return set(&Type::set_integer, static_cast<std::int64_t>(*number), ec);
        }
        if (!number)
            return fail("a number is beyond the range of doubles", ec);
        return end_value(whole_.push_double(*number), ec);
    }

    bool on_bool(bool flag, error_code& ec)
    {
        if (mode_ == Mode::model)
            return set(&Type::set_flag, flag, ec);
        return end_value(mode_ == Mode::skip || whole_.push_bool(flag), ec);
    }

    bool on_null(error_code& ec)
    {
        if (mode_ == Mode::model) {
            // A null field stays empty. A null element is left out of its list.
            const Type& type = next();
            const bool needed = top().field ? is_required() && !type.element : type.required != 0;
            return !needed || refuse(type, ec);
        }
        return end_value(mode_ == Mode::skip || whole_.push_null(), ec);
    }

private:
    enum class Mode {
        model, ///< Values are stored as the types say.
        skip,  ///< Inside a value that the model does not have.
        whole, ///< Inside a value that is stored as a `boost::json::value`.
    };

    /// An object or array being read. The first frame is an imaginary one around the document.
    struct Frame
    {
        const Type* type;
        void* place;
        const Field* field; ///< For an object: the field being read; null if the model does not have it.
        std::uint32_t seen; ///< For an object: a bit mask of the fields read.
        std::size_t count;  ///< For an array: the elements read.
    };

    Frame& top() noexcept { return frames_[top_]; }

    bool is_required() noexcept { return top().field && top().field->presence == Presence::required; }

    bool push(const Type& type, void* place) noexcept
    {
        frames_[++top_] = {&type, place, nullptr, 0, 0};
        return true;
    }

    bool pop() noexcept
    {
        --top_;
        return true;
    }

    /// The type of the next value.
    const Type& next() noexcept
    {
        Frame& frame = top();
        if (frame.field)
            return *frame.field->type;
        ++frame.count;
        return *frame.type->element;
    }

    /// The address for the next value; null if the allowance is exhausted. Always inline, as it is called for nearly
    /// every value.
    [[gnu::always_inline]] void* make_place(const Type& type)
    {
        const Frame& frame = top();
        void* const place = frame.field ? frame.field->place(frame.place) : frame.type->append(frame.place, allowance_);
        return type.inner && place ? type.inner(place) : place;
    }

    template <class Value>
    bool set(bool (*Type::*setter)(void*, Value), Value value, error_code& ec)
    {
        const Type& type = next();
        if (!(type.*setter))
            return refuse(type, ec);
        void* const place = make_place(type);
        if (!place)
            return exceed(ec);
        return (type.*setter)(place, value) || refuse(type, ec);
    }

    /// Ends a key that came in parts, or that is not in the model.
    bool end_key(std::string_view last, error_code& ec)
    {
        if (mode_ != Mode::model)
            return mode_ == Mode::skip || whole_.push_key(last) || exceed(ec);
        const std::string_view name = parts_.end(last, allowance_);
        return name.data() ? enter_field(name, ec) : exceed(ec);
    }

    bool enter_field(std::string_view name, error_code& ec)
    {
        Frame& object = top();
        object.field = find(object, name);
        if (!object.field) {
            mode_ = Mode::skip;
            return true;
        }
        const std::uint32_t bit = std::uint32_t{1} << (object.field - object.type->fields.data());
        if (object.seen & bit) {
            if (object.type->strict)
                return fail("given twice", ec);
            object.field->type->clear(object.field->place(object.place));
        }
        object.seen |= bit;
        return true;
    }

    /// The field of a name. Tries the one after the previous field first: servers write fields in a fixed order.
    static const Field* find(const Frame& object, std::string_view name) noexcept
    {
        const Field* const begin = object.type->fields.data();
        const Field* const end = begin + object.type->fields.size();
        const Field* const expected = object.field ? object.field + 1 : begin;
        if (const Field* later = std::ranges::find(expected, end, name, &Field::name); later != end)
            return later;
        const Field* const earlier = std::ranges::find(begin, expected, name, &Field::name);
        return earlier != expected ? earlier : nullptr;
    }

    void take_whole(const Type& type, void* place) noexcept
    {
        mode_ = Mode::whole;
        whole_type_ = &type;
        whole_place_ = place;
        whole_.reset();
    }

    bool descend() noexcept
    {
        ++depth_;
        return true;
    }

    bool ascend(error_code& ec)
    {
        --depth_;
        return end_value(true, ec);
    }

    /// Ends a value that is skipped or stored whole, or a value inside it. `taken` is false if the allowance is
    /// exhausted.
    bool end_value(bool taken, error_code& ec)
    {
        if (!taken)
            return exceed(ec);
        if (depth_ > 0)
            return true;
        if (mode_ == Mode::whole)
            whole_type_->set_value(whole_place_, whole_.release());
        mode_ = Mode::model;
        return true;
    }

    bool take_part(std::string_view part, error_code& ec)
    {
        const bool taken =
            mode_ == Mode::skip || (mode_ == Mode::model ? parts_.add(part, allowance_) : whole_.push_chars(part));
        return taken || exceed(ec);
    }

    /// The double nearest to the number in `text`; the parser's approximation may be another one. Null if the number is
    /// beyond the range of a double.
    static std::optional<double> exact(double approximation, std::string_view text) noexcept
    {
        double number = 0;
        if (std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{})
            return number;
        if (std::fabs(approximation) < 1)
            return std::copysign(0.0, approximation);
        return std::nullopt;
    }

    bool refuse(const Type& type, error_code& ec)
    {
        problem_ = std::string{type.expected} += " is expected";
        ec = Errc::decode;
        return false;
    }

    static bool exceed(error_code& ec)
    {
        ec = Errc::too_large;
        return false;
    }

    bool fail(std::string_view problem, error_code& ec)
    {
        problem_ = problem;
        ec = Errc::decode;
        return false;
    }

    /// The JSON pointer (RFC 6901) of the value being read. Ends where the model does.
    std::string pointer() const
    {
        std::string text;
        for (std::size_t i = 1; i <= top_; ++i) {
            if (const Frame& frame = frames_[i]; frame.field)
                text.append("/").append(frame.field->name);
            else if (frame.count > 0)
                text.append("/").append(std::to_string(frame.count - 1));
        }
        return text.empty() ? "the root" : text;
    }

    /// The size of a `std::string` that needs no heap.
    static constexpr std::size_t text_in_place = 15;

    const Field document_;
    Allowance& allowance_;
    std::array<Frame, max_depth + 1> frames_; // only those up to top_ are initialised
    std::size_t top_ = 0;

    Mode mode_ = Mode::model;
    std::size_t depth_ = 0; ///< Open objects and arrays inside a value that is skipped or stored whole.

    const Type* whole_type_ = nullptr;
    void* whole_place_ = nullptr;
    ValueBuilder whole_;

    TextParts parts_;
    std::string problem_;
};

template <class T>
expected<T> decode(std::string_view body, std::size_t limit, const Type& type = type_of<T>)
{
    expected<T> result;
    Allowance allowance{body.size(), limit};
    DocumentParser<Decoder> parser{type, &*result, allowance};
    if (const error_code ec = parser.read(body))
        result = unexpected{parser.handler().error(ec)};
    return result;
}

} // namespace

expected<UserInfo> decode_user(std::string_view body, std::size_t limit)
{
    return decode<UserInfo>(body, limit, user_body);
}

expected<UserPage> decode_user_page(std::string_view body, std::size_t limit)
{
    return decode<UserPage>(body, limit);
}

expected<std::vector<WebAuthnDevice>> decode_devices(std::string_view body, std::size_t limit)
{
    return decode<std::vector<WebAuthnDevice>>(body, limit, devices_body);
}

expected<MagicLink> decode_magic_link(std::string_view body, std::size_t limit)
{
    return decode<MagicLink>(body, limit, magic_link_body);
}

expected<AppInfo> decode_app(std::string_view body, std::size_t limit)
{
    return decode<AppInfo>(body, limit, app_body);
}

expected<boost::json::value> decode_value(std::string_view body, std::size_t limit)
{
    return decode<boost::json::value>(body, limit);
}

expected<Recipient> decode_recipient(std::string_view body)
{
    return decode<Recipient>(body, default_limit);
}

std::optional<ErrorBody> decode_error(std::string_view body)
{
    expected<ErrorBody> result = decode<ErrorBody>(body, small_limit);
    if (!result || *result == ErrorBody{})
        return std::nullopt;
    return *std::move(result);
}

} // namespace passage::json
