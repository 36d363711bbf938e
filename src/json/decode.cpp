#include "json/decode.hpp"

#include "json/depth.hpp"
#include "json/tables.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace passage::json {

namespace {

using boost::system::error_code;

/// Takes a parser's events and puts the values where the types say they belong.
class Decoder
{
public:
    static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

    /// The type and the place must outlive the decoder.
    Decoder(const Type& type, void* place) noexcept : document_{"", &type, itself, Presence::required}
    {
        frames_[0] = {nullptr, place, &document_, 0, 0};
        if (&type == &type_of<boost::json::value>)
            take_whole(type, place);
    }

    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    /// The error of a parse that failed.
    Error error(const error_code& reason) const
    {
        if (!problem_.empty())
            return Error{Errc::decode, "at " + pointer() + ": " + problem_};
        return Error{Errc::decode, "invalid JSON near " + pointer() + ": " + reason.message()};
    }

    bool on_document_begin(error_code&) noexcept { return true; }
    bool on_document_end(error_code&) noexcept { return true; }

    bool on_object_begin(error_code& ec)
    {
        if (mode_ != Mode::model)
            return descend();
        const Type& type = next();
        if (type.set_value) {
            take_whole(type, make_place(type));
            return descend();
        }
        return type.fields.empty() ? refuse(type, ec) : push(type);
    }

    bool on_object_end(std::size_t size, error_code& ec)
    {
        if (mode_ == Mode::whole)
            stack_.push_object(size);
        if (mode_ != Mode::model)
            return ascend();
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
        return type.element ? push(type) : refuse(type, ec);
    }

    bool on_array_end(std::size_t size, error_code&)
    {
        if (mode_ == Mode::whole)
            stack_.push_array(size);
        return mode_ == Mode::model ? pop() : ascend();
    }

    bool on_key_part(std::string_view part, std::size_t, error_code&) { return take_part(part); }

    bool on_key(std::string_view last, std::size_t, error_code& ec)
    {
        if (mode_ == Mode::model)
            return enter_field(joined(last), ec);
        if (mode_ == Mode::whole)
            stack_.push_key(last);
        return true;
    }

    bool on_string_part(std::string_view part, std::size_t, error_code&) { return take_part(part); }

    bool on_string(std::string_view last, std::size_t, error_code& ec)
    {
        if (mode_ == Mode::model) {
            const std::string_view text = joined(last);
            if (text.empty() && is_required())
                return fail("must not be empty", ec);
            return set(&Type::set_text, text, ec);
        }
        if (mode_ == Mode::whole)
            stack_.push_string(last);
        return end_value();
    }

    bool on_number_part(std::string_view, error_code&) noexcept { return true; }

    bool on_int64(std::int64_t integer, std::string_view, error_code& ec)
    {
        if (mode_ == Mode::model)
            return set(&Type::set_integer, integer, ec);
        if (mode_ == Mode::whole)
            stack_.push_int64(integer);
        return end_value();
    }

    bool on_uint64(std::uint64_t integer, std::string_view, error_code& ec)
    {
        // The parser has these only for what an int64 can't hold.
        if (mode_ == Mode::model)
            return refuse(next(), ec);
        if (mode_ == Mode::whole)
            stack_.push_uint64(integer);
        return end_value();
    }

    bool on_double(double approximation, std::string_view text, error_code& ec)
    {
        if (mode_ == Mode::skip)
            return end_value();
        const std::optional<double> number = exact(approximation, text);
        if (mode_ == Mode::model) {
            // 3.0 and 1e2 are integers too; beyond 2^53 doubles don't tell them apart.
            constexpr double limit = 9'007'199'254'740'992.0;
            if (!number || std::trunc(*number) != *number || std::fabs(*number) > limit)
                return refuse(next(), ec);
            return set(&Type::set_integer, static_cast<std::int64_t>(*number), ec);
        }
        if (!number)
            return fail("a number is beyond the range of doubles", ec);
        stack_.push_double(*number);
        return end_value();
    }

    bool on_bool(bool flag, error_code& ec)
    {
        if (mode_ == Mode::model)
            return set(&Type::set_flag, flag, ec);
        if (mode_ == Mode::whole)
            stack_.push_bool(flag);
        return end_value();
    }

    bool on_null(error_code& ec)
    {
        if (mode_ == Mode::model) {
            // The place is empty as it is; an element of a list is left out.
            const Type& type = next();
            const bool needed = top().field ? is_required() && !type.element : type.required != 0;
            return !needed || refuse(type, ec);
        }
        if (mode_ == Mode::whole)
            stack_.push_null();
        return end_value();
    }

    bool on_comment_part(std::string_view, error_code&) noexcept { return true; }
    bool on_comment(std::string_view, error_code&) noexcept { return true; }

private:
    enum class Mode {
        model, ///< Values go where the types say.
        skip,  ///< In a value that the model does not have.
        whole, ///< In a value that is taken as it is.
    };

    /// An object or array being read; the first stands around the document.
    struct Frame
    {
        const Type* type;
        void* place;
        const Field* field; ///< Of an object: the field being read, if the model has it.
        std::uint32_t seen; ///< Of an object: the fields met, by bit.
        std::size_t count;  ///< Of an array: the elements met.
    };

    Frame& top() noexcept { return frames_[top_]; }

    bool is_required() noexcept { return top().field && top().field->presence == Presence::required; }

    bool push(const Type& type)
    {
        void* const place = make_place(type);
        frames_[++top_] = {&type, place, nullptr, 0, 0};
        return true;
    }

    bool pop() noexcept
    {
        --top_;
        return true;
    }

    /// The type of the value that begins.
    const Type& next() noexcept
    {
        Frame& frame = top();
        if (frame.field)
            return *frame.field->type;
        ++frame.count;
        return *frame.type->element;
    }

    /// Where the value that begins goes.
    void* make_place(const Type& type)
    {
        const Frame& frame = top();
        void* const place = frame.field ? frame.field->place(frame.place) : frame.type->append(frame.place);
        return type.inner ? type.inner(place) : place;
    }

    template <class Value>
    bool set(bool (*Type::*setter)(void*, Value), Value value, error_code& ec)
    {
        const Type& type = next();
        if (!(type.*setter) || !(type.*setter)(make_place(type), value))
            return refuse(type, ec);
        return true;
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

    /// The field of a name. Services keep to an order: the field after the last one is tried first.
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
        stack_.reset();
    }

    bool descend() noexcept
    {
        ++depth_;
        return true;
    }

    bool ascend()
    {
        --depth_;
        return end_value();
    }

    /// Ends a value that is skipped or taken whole, or one inside of it.
    bool end_value()
    {
        if (depth_ > 0)
            return true;
        if (mode_ == Mode::whole)
            whole_type_->set_value(whole_place_, stack_.release());
        mode_ = Mode::model;
        return true;
    }

    bool take_part(std::string_view part)
    {
        if (mode_ == Mode::model) {
            if (!in_parts_)
                parts_.clear();
            in_parts_ = true;
            parts_ += part;
        } else if (mode_ == Mode::whole) {
            stack_.push_chars(part);
        }
        return true;
    }

    /// A text whose last part this is. Valid until the next part.
    std::string_view joined(std::string_view last)
    {
        if (!in_parts_)
            return last;
        in_parts_ = false;
        return parts_ += last;
    }

    /// The double nearest to a number's text, which the parser's own need not be; none if it is too
    /// great for any.
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

    bool fail(std::string_view problem, error_code& ec)
    {
        problem_ = problem;
        ec = Errc::decode;
        return false;
    }

    /// The JSON pointer (RFC 6901) of the value being read, as far as the model has it.
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

    const Field document_;
    std::array<Frame, max_depth + 1> frames_; // Only those up to top_ are set.
    std::size_t top_ = 0;

    Mode mode_ = Mode::model;
    std::size_t depth_ = 0; ///< In a value that is skipped or taken whole: objects and arrays open.

    const Type* whole_type_ = nullptr;
    void* whole_place_ = nullptr;
    alignas(boost::json::value) std::array<unsigned char, 1024> buffer_; // Spares small metadata the heap.
    boost::json::value_stack stack_{{}, buffer_.data(), buffer_.size()};

    std::string parts_;
    bool in_parts_ = false;
    std::string problem_;
};

template <class T>
expected<T> decode(std::string_view body, const Type& type = type_of<T>)
{
    boost::json::parse_options options;
    options.max_depth = max_depth;

    expected<T> result;
    boost::json::basic_parser<Decoder> parser{options, type, &*result};
    error_code ec;
    const std::size_t used = parser.write_some(false, body.data(), body.size(), ec);
    if (!ec && used < body.size())
        ec = boost::json::error::extra_data;
    if (ec)
        result = unexpected{parser.handler().error(ec)};
    return result;
}

} // namespace

expected<UserInfo> decode_user(std::string_view body)
{
    return decode<UserInfo>(body, user_body);
}

expected<UserPage> decode_user_page(std::string_view body)
{
    return decode<UserPage>(body);
}

expected<std::vector<WebAuthnDevice>> decode_devices(std::string_view body)
{
    return decode<std::vector<WebAuthnDevice>>(body, devices_body);
}

expected<MagicLink> decode_magic_link(std::string_view body)
{
    return decode<MagicLink>(body, magic_link_body);
}

expected<AppInfo> decode_app(std::string_view body)
{
    return decode<AppInfo>(body, app_body);
}

expected<boost::json::value> decode_value(std::string_view body)
{
    return decode<boost::json::value>(body);
}

expected<Recipient> decode_recipient(std::string_view body)
{
    return decode<Recipient>(body);
}

std::optional<ErrorBody> decode_error(std::string_view body)
{
    expected<ErrorBody> result = decode<ErrorBody>(body);
    if (!result || *result == ErrorBody{})
        return std::nullopt;
    return *std::move(result);
}

} // namespace passage::json
