#include "import_pages.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace app {
namespace {

constexpr std::size_t max_lines_shown = 500;

json::object to_json(const Import::Progress& now)
{
    return {{"total", now.total},
            {"done", now.done},
            {"failed", now.failed},
            {"created", now.done - now.failed},
            {"untried", now.untried},
            {"is_running", now.is_running},
            {"is_cancelled", now.is_cancelled}};
}

} // namespace

void ImportPages::add_to(web::Site& site, const Access& access)
{
    const auto page = [&](asio::awaitable<web::Response> (ImportPages::*answer)(const web::Request&, const Visitor&)) {
        return access.for_administrators([this, answer](const web::Request& request, const Visitor& visitor) {
            return (this->*answer)(request, visitor);
        });
    };
    site.get("/admin/import", page(&ImportPages::show));
    site.post("/admin/import", page(&ImportPages::start), web::Site::max_body);
    site.post("/admin/import/cancel", page(&ImportPages::cancel));
    site.get("/admin/import/progress", page(&ImportPages::progress));
}

void ImportPages::stop()
{
    const std::lock_guard lock{mutex_};
    stopped_ = true;
    for (const auto& [owner, import] : imports_)
        import->cancel();
}

std::shared_ptr<Import> ImportPages::find(const Visitor& visitor) const
{
    const std::lock_guard lock{mutex_};
    const auto found = imports_.find(visitor.user.id);
    return found == imports_.end() ? nullptr : found->second;
}

bool ImportPages::replace(const Visitor& visitor, const std::shared_ptr<Import>& import)
{
    const std::lock_guard lock{mutex_};
    std::shared_ptr<Import>& current = imports_[visitor.user.id];
    if (stopped_ || (current && current->progress().is_running))
        return false;
    current = import;
    import->start();
    return true;
}

web::Response ImportPages::form(http::status status, const web::Request& request, const Visitor& visitor,
                                json::object values) const
{
    return view_.page(status, "import", "Import users", request, &visitor, std::move(values));
}

asio::awaitable<web::Response> ImportPages::show(const web::Request& request, const Visitor& visitor)
{
    const auto import = find(visitor);
    if (!import)
        co_return form(http::status::ok, request, visitor, {});
    const Import::Progress now = import->progress();
    if (now.is_running) {
        json::object values = to_json(now);
        values["refresh"] = 1; // seconds; for browsers without the script that shows the progress
        co_return view_.page(http::status::ok, "importing", "Importing users", request, &visitor, std::move(values));
    }

    const std::vector<FailedLine> failed = import->failed_lines();
    json::array lines;
    for (const FailedLine& line : std::span{failed}.first(std::min(failed.size(), max_lines_shown)))
        lines.push_back({{"line", line.line}, {"who", line.who}, {"reason", line.reason}});
    json::object result = to_json(now);
    result["lines"] = std::move(lines);
    result["stopped"] = now.untried > 0;
    result["hidden"] = failed.size() > max_lines_shown ? json::value(failed.size() - max_lines_shown) : nullptr;
    co_return form(http::status::ok, request, visitor, {{"result", std::move(result)}});
}

asio::awaitable<web::Response> ImportPages::start(const web::Request& request, const Visitor& visitor)
{
    auto plan = plan_import(read_csv(request.form["file"]));
    if (const auto* const reason = std::get_if<std::string>(&plan))
        co_return form(http::status::unprocessable_entity, request, visitor, {{"error", *reason}});
    const auto import = std::make_shared<Import>(executor_, client_, std::get<ImportPlan>(std::move(plan)));
    if (!replace(visitor, import))
        co_return view_.failure(request, &visitor, http::status::conflict,
                                "Your last import is still running. Wait for its end, or cancel it.");
    co_return web::redirect("/admin/import");
}

asio::awaitable<web::Response> ImportPages::cancel(const web::Request&, const Visitor& visitor)
{
    if (const auto import = find(visitor))
        import->cancel();
    co_return web::redirect("/admin/import");
}

asio::awaitable<web::Response> ImportPages::progress(const web::Request& request, const Visitor& visitor)
{
    const auto import = find(visitor);
    if (!import)
        co_return view_.failure(request, &visitor, http::status::not_found, "There is no import.");
    co_return web::respond(http::status::ok, "application/json", json::serialize(to_json(import->progress())));
}

} // namespace app
