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

/// The error for a response that names another user, app or identifier than the request.
Error answer_of_another();

/// Checks that a response belongs to a request: a response that names its user, app or identifier must name that of the
/// request.
///
/// This detects a server or proxy that mixes up responses; nothing else does. Can't check responses that name nothing:
/// empty ones, lists, devices.
class Question
{
public:
    /// `request` must outlive this object.
    Question(const Requests& requests, const http::Request& request) noexcept;

    /// The percent-encoded identifier in the query of the request; empty if there is none.
    std::string_view identifier() const noexcept;
    /// Also checks the user for the identifier of an earlier request.
    void also(std::string_view identifier) noexcept { earlier_identifier_ = identifier; }

    /// Whether the user has the id in the request's path and, if given, the earlier identifier.
    bool is_answered_by(const UserInfo& user) const;
    /// Whether the user has the identifier in the request's query.
    bool is_answered_by(const UserSummary& found) const;
    /// Whether the user has the e-mail address and phone number in the request's body.
    bool created(const UserInfo& user) const;
    /// Whether the link is for the recipient in the request's body.
    bool is_answered_by(const MagicLink& link) const;
    /// Whether the app has the id in the request's path.
    bool is_answered_by(const AppInfo& app) const;
    /// Whether the optional body of a response may belong to the request: it names no user, or the user in the path.
    bool may_have_body(std::string_view body) const;

private:
    const Requests& requests_;
    std::string_view target_;
    std::string_view body_;
    std::string_view earlier_identifier_;
};

} // namespace passage::api
