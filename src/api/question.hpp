#pragma once

#include <passage/app.hpp>
#include <passage/error.hpp>
#include <passage/magic_link.hpp>
#include <passage/user.hpp>

#include <string_view>

namespace passage::http {

struct Request;

} // namespace passage::http

namespace passage::api {

class Requests;

/// The error of an answer that names another than the one that was asked for.
Error answer_of_another();

/// What a request asked for: an answer that names its user, app or identifier must name the same.
///
/// Connections on which answers are out of step, behind a server or a proxy, are found by this alone. What the answer
/// does not name is not checked: an empty answer, a list, devices.
class Question
{
public:
    /// `request` must outlive the question.
    Question(const Requests& requests, const http::Request& request) noexcept;

    /// The identifier by which a user was looked for, percent-encoded; empty if none was.
    std::string_view identifier() const noexcept;
    /// Has the user be held against the identifier of an earlier request, too.
    void also(std::string_view identifier) noexcept { earlier_identifier_ = identifier; }

    /// Whether this is the user whose id stands in the request's path; with the earlier identifier if there is one.
    bool is_answered_by(const UserInfo& user) const;
    /// Whether this user has the identifier that was looked for.
    bool is_answered_by(const UserSummary& found) const;
    /// Whether a user has the e-mail address and the phone number of the request's body.
    bool created(const UserInfo& user) const;
    /// Whether this link is for whom the request's body names.
    bool is_answered_by(const MagicLink& link) const;
    /// Whether this is the app of the request's path.
    bool is_answered_by(const AppInfo& app) const;
    /// Whether a body that need not be there could be this request's: it names no user, or the one of the path.
    bool may_have_body(std::string_view body) const;

private:
    const Requests& requests_;
    std::string_view target_;
    std::string_view body_;
    std::string_view earlier_identifier_;
};

} // namespace passage::api
