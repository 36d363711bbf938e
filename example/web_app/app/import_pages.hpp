#pragma once

#include "app/access.hpp"
#include "app/import.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace app {

/// The pages where administrators import users. Each administrator has one import, which is the last one.
class ImportPages
{
public:
    ImportPages(const asio::any_io_executor& executor, passage::Client& client, const View& view)
        : executor_{executor}, client_{client}, view_{view}
    {}

    /// This object must outlive the site.
    void add_to(web::Site& site, const Access& access);

    /// Cancels all imports, so that the context can run out of work. May be called from any thread.
    void stop();

private:
    asio::awaitable<web::Response> show(const web::Request& request, const Visitor& visitor);
    asio::awaitable<web::Response> start(const web::Request& request, const Visitor& visitor);
    asio::awaitable<web::Response> cancel(const web::Request& request, const Visitor& visitor);
    asio::awaitable<web::Response> progress(const web::Request& request, const Visitor& visitor);

    /// Returns the import of an administrator; null if there is none.
    std::shared_ptr<Import> find(const Visitor& visitor) const;
    /// Sets the import of an administrator. Returns false if the last one is still running, or no import may start any
    /// more.
    bool replace(const Visitor& visitor, const std::shared_ptr<Import>& import);
    web::Response form(http::status status, const web::Request& request, const Visitor& visitor,
                       json::object values) const;

    asio::any_io_executor executor_;
    passage::Client& client_;
    const View& view_;

    mutable std::mutex mutex_; // Guards the members below.
    std::map<std::string, std::shared_ptr<Import>> imports_;
    bool stopped_ = false;
};

} // namespace app
