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

/// How a response of success becomes a `T`.
template <class T>
class Answer
{
public:
    /// Reads a response within a limit of memory.
    using Decode = expected<T>(const http::Response& response, std::size_t limit);
    /// Holds what was read against what was asked for.
    using Check = bool (Question::*)(const T& value) const;

    /// The answer names nothing that was asked for.
    constexpr Answer(Decode& decode) : decode_{decode} {}
    constexpr Answer(Decode& decode, Check is_answered_by)
        : decode_{decode}, is_answered_by_{is_answered_by}, is_checked_{true}
    {}

    /// `Errc::protocol` if the response names another than the one that was asked for.
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

/// Nothing is read. A body need not be there, but must not be the answer to another request.
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

/// Makes the second request of an operation from the answer to the first, which is read within a limit of memory.
using Follow = expected<http::Request> (*)(const Requests& requests, const http::Response& first, std::size_t limit,
                                           const Question& question);

/// An operation that yields a `T`.
template <class T>
struct OperationFor : Operation
{
    Answer<T> answer;        ///< To the last request.
    Follow follow = nullptr; ///< Null if there is one request.
};

/// A row of the table of operations. `Signature` says what the operation yields, and of which arguments its request is
/// made: the ids of the path first, then at most one that `encode` takes.
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
        // Without arguments, each answer would name the same.
        this->answer_names_subject = read_by.is_checked() && sizeof...(Args) > 0;
    }

    /// An operation of two requests: `read_by` is for the second one's answer.
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
