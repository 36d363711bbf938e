#include "api/requests.hpp"

#include "http/url.hpp"

namespace passage::api {

Requests::Requests(std::string_view base_path, std::string_view app_id, std::size_t max_body)
    : app_path_{std::string{base_path}.append("/apps/").append(http::percent_encode(app_id))}, max_body_{max_body}
{}

expected<http::Request> Requests::on_path(const Operation& operation, std::span<const Id> ids) const
{
    std::size_t size = app_path_.size() + operation.path.literal_size();
    const PathTemplate::Placeholder* placeholder = operation.path.placeholders().data();
    for (const Id id : ids) {
        if (auto good = check_id(placeholder++->name, id); !good)
            return unexpected{std::move(good.error())};
        size += id.size();
    }
    http::Request request;
    request.method = operation.method;
    request.path_template = operation.path.text();
    request.target.reserve(size);
    request.target.append(app_path_);
    placeholder = operation.path.placeholders().data();
    for (const Id id : ids) {
        request.target.append(placeholder++->before);
        http::append_percent_encoded(request.target, id);
    }
    request.target.append(operation.path.rest());
    return request;
}

expected<http::Request> Requests::with(expected<http::Request> request, expected<Query> query) const
{
    if (!request)
        return request;
    if (!query)
        return unexpected{std::move(query.error())};
    request->target.append(query->text);
    return request;
}

expected<http::Request> Requests::with(expected<http::Request> request, expected<Body> body) const
{
    if (!request)
        return request;
    if (!body)
        return unexpected{std::move(body.error())};
    if (body->json.size() > max_body_)
        return unexpected{Error{Errc::too_large, "the request's body exceeds " + std::to_string(max_body_) + " bytes"}};
    request->body = std::move(body->json);
    request->has_body = true;
    return request;
}

} // namespace passage::api
