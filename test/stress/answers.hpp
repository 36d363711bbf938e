#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// How the servers of the stress understand requests, and what they answer.
///
/// Calls have numbers. A request's is the one in its field `X-Call`, else that of the user in its path or body: user 7
/// has the id `u7` and the address `7@example.com`.
namespace passage::stress {

/// What is asked.
enum class Ask { user, create_user, found_user, page, devices, link, app, keys, nothing };

struct Request
{
    Ask ask = Ask::nothing;
    std::optional<std::uint32_t> number;
    std::uint32_t page = 1;
    std::size_t body_size = 0;

    bool has_user() const { return ask == Ask::user || ask == Ask::create_user; }
    /// An answer about somebody else shows by what it says.
    bool shows_lies() const { return has_user() || ask == Ask::found_user || ask == Ask::link || ask == Ask::app; }
};

/// A request by its head, without the empty line.
Request read_head(std::string_view head);

/// The number of a user to be created.
std::optional<std::uint32_t> number_in_body(std::string_view body);

/// The JSON that a request is answered with; `number` is the one that the answer is about.
std::string body_of(const Request& request, std::uint32_t number);

/// A response. Each of the fields ends with CRLF.
std::string response(int status, std::string_view fields, std::string_view body);

/// The response to a request.
std::string answer(const Request& request, std::uint32_t number, std::string_view fields = {});

} // namespace passage::stress
