#pragma once

#include "api/arguments.hpp"
#include "api/operation.hpp"
#include "api/question.hpp"
#include "http/request.hpp"
#include "http/response.hpp"

#include <passage/expected.hpp>

#include <cstddef>
#include <stdexcept>
#include <type_traits>

namespace passage::api {

/// Reads a `T` from a response of success.
template <class T>
class Answer
{
public:
    /// Decodes a response. `limit` is that of json/decode.hpp.
    using Decode = expected<T>(const http::Response& response, std::size_t limit);
    /// Checks that the response belongs to the request.
    using Check = bool (Question::*)(const T& value) const;

    /// For responses that name nothing to check.
    constexpr Answer(Decode& decode) : decode_{decode} {}
    constexpr Answer(Decode& decode, Check is_answered_by)
        : decode_{decode}, is_answered_by_{is_answered_by}, is_checked_{true}
    {}

    /// Fails with `Errc::protocol` if the response belongs to another request.
    expected<T> read(const http::Response& response, std::size_t limit, const Question& question) const
    {
        expected<T> value = decode_(response, limit);
        if (value && is_checked_ && !(question.*is_answered_by_)(*value))
            value = unexpected{answer_of_another()};
        return value;
    }

    constexpr bool is_checked() const noexcept { return is_checked_; }

private:
    Decode& decode_;
    Check is_answered_by_ = nullptr;
    bool is_checked_ = false;
};

/// Decodes nothing. A body is optional, but must not belong to another request.
template <>
struct Answer<void>
{
    expected<void> read(const http::Response& response, std::size_t, const Question& question) const
    {
        if (!question.may_have_body(response.body))
            return unexpected{answer_of_another()};
        return {};
    }

    constexpr bool is_checked() const noexcept { return false; }
};

/// Builds the second request of an operation from the response to the first.
using Follow = expected<http::Request> (*)(const Requests& requests, const http::Response& first, std::size_t limit,
                                           const Question& question);

/// An operation that yields a `T`.
template <class T>
struct OperationFor : Operation
{
    Answer<T> answer;        ///< Reads the response to the last request.
    Follow follow = nullptr; ///< Null if there is only one request.
};

/// A row of the table of operations. `Signature` has the result type and the argument types of the operation: the ids
/// in the path, then at most one argument that `encode` accepts.
template <class Signature>
struct Row;

template <class T, class... Args>
struct Row<T(Args...)> : OperationFor<T>
{
    static constexpr std::size_t ids = (std::size_t{0} + ... + std::size_t{std::is_same_v<Args, Id>});
    static_assert(sizeof...(Args) <= ids + 1);

    constexpr Row(const Operation& operation, Answer<T> read_by = {}) : OperationFor<T>{operation, read_by}
    {
        check_path();
        // Without arguments the responses to all requests name the same app.
        this->answer_names_subject = read_by.is_checked() && sizeof...(Args) > 0;
    }

    /// For an operation of two requests. `read_by` reads the second response.
    constexpr Row(const Operation& operation, Answer<T> read_by, Follow followed_by)
        : OperationFor<T>{operation, read_by, followed_by}
    {
        check_path();
    }

private:
    constexpr void check_path() const
    {
        if (this->path.placeholders().size() != ids)
            throw std::invalid_argument{"each placeholder of the path has one id among the arguments"};
    }
};

} // namespace passage::api
