#include "answers.hpp"

#include <charconv>

namespace passage::stress {
namespace {

std::optional<std::uint32_t> number_after(std::string_view text, std::string_view mark)
{
    const std::size_t at = text.find(mark);
    if (at == text.npos)
        return std::nullopt;
    std::uint32_t number = 0;
    const char* const begin = text.data() + at + mark.size();
    if (std::from_chars(begin, text.data() + text.size(), number).ptr == begin)
        return std::nullopt;
    return number;
}

std::string user(std::string_view id, std::uint32_t number)
{
    return R"({"id":")" + std::string{id} + R"(","email":")" + std::to_string(number) + R"(@example.com"})";
}

} // namespace

Request read_head(std::string_view head)
{
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const auto has = [&](std::string_view part) { return line.find(part) != line.npos; };
    Request request;
    request.body_size = number_after(head, "Content-Length: ").value_or(0);
    request.page = number_after(line, "page=").value_or(1);
    for (const std::string_view mark : {"X-Call: ", "/users/u", "identifier="}) {
        if (!request.number)
            request.number = number_after(head, mark);
    }
    if (line.starts_with("POST"))
        request.ask = has("/magic-links") ? Ask::link : Ask::create_user;
    else if (line.starts_with("DELETE"))
        request.ask = Ask::nothing;
    else if (has("/jwks.json"))
        request.ask = Ask::keys;
    else if (has("identifier="))
        request.ask = Ask::found_user;
    else if (has("/users?"))
        request.ask = Ask::page;
    else if (has("/devices "))
        request.ask = Ask::devices;
    else
        request.ask = has("/users/") ? Ask::user : Ask::app;
    return request;
}

std::optional<std::uint32_t> number_in_body(std::string_view body)
{
    return number_after(body, R"("email":")");
}

std::string body_of(const Request& request, std::uint32_t number)
{
    const std::string text = std::to_string(number);
    const std::string id = "u" + text;
    switch (request.ask) {
    case Ask::user:
    case Ask::create_user:
        return R"({"user":)" + user(id, number) + "}";
    case Ask::found_user:
        return R"({"users":[)" + user(id, number) + R"(],"page":1,"limit":1,"total_users":1})";
    case Ask::page: {
        const std::string page = std::to_string(request.page);
        return R"({"users":[)" + user(id + "-" + page + "-0", number) + "," + user(id + "-" + page + "-1", number) +
               R"(],"page":)" + page + R"(,"limit":2,"total_users":6})";
    }
    case Ask::devices:
        return R"({"devices":[{"id":")" + id + R"(-d"}]})";
    case Ask::link:
        return R"({"magic_link":{"id":"l)" + text + R"(","identifier":")" + text + R"(@example.com"}})";
    case Ask::app:
        return R"({"app":{"id":"stress","name":")" + id + R"("}})";
    case Ask::keys:
    case Ask::nothing:
        break;
    }
    return {};
}

std::string response(int status, std::string_view fields, std::string_view body)
{
    return "HTTP/1.1 " + std::to_string(status) + " S\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string{fields} + "\r\n" + std::string{body};
}

std::string answer(const Request& request, std::uint32_t number, std::string_view fields)
{
    if (request.ask == Ask::nothing)
        return "HTTP/1.1 204 S\r\n" + std::string{fields} + "\r\n";
    return response(request.ask == Ask::create_user ? 201 : 200, fields, body_of(request, number));
}

} // namespace passage::stress
