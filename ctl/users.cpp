#include "users.hpp"

#include "items.hpp"
#include "json_lines.hpp"
#include "metadata.hpp"
#include "program.hpp"
#include "views.hpp"

#include <functional>
#include <utility>

namespace passage::ctl {
namespace {

using UserOperation =
    std::function<asio::awaitable<expected<UserInfo>>(const std::string& item, const CallOptions& options)>;

/// Writes users as people or scripts want them.
class UserWriter
{
public:
    explicit UserWriter(Program& program) : program_{program}, table_{program.out} {}

    template <class User>
    void add(const User& user)
    {
        if (program_.options.json)
            write_line(program_.out, to_json(user));
        else
            table_.add(user);
    }
    void flush()
    {
        table_.flush();
        program_.out.flush();
    }

private:
    Program& program_;
    UserTable table_;
};

asio::awaitable<ExitCode> write_page(Program& program, const ListUsersRequest& request)
{
    const UserPage page = value_or_throw(co_await program.client().list_users(request));
    UserWriter writer{program};
    for (const UserSummary& user : page.users)
        writer.add(user);
    writer.flush();
    const auto shown = static_cast<std::int64_t>(page.users.size());
    if (shown < page.total_users)
        program.note("these are " + std::to_string(shown) + " of " + std::to_string(page.total_users) +
                     " users; --page has the others, --all has all");
    else if (shown == 0 && !program.options.json)
        program.note("no users");
    co_return ExitCode::ok;
}

asio::awaitable<ExitCode> write_all(Program& program, const ListUsersRequest& request)
{
    UserRange users = program.client().users(request);
    UserWriter writer{program};
    for (;;) {
        const auto user = co_await users.next();
        if (!user) {
            writer.flush();
            throw Failure{user.error()};
        }
        if (!*user)
            break;
        writer.add(**user);
    }
    writer.flush();
    co_return ExitCode::ok;
}

/// Performs an operation for each of several users, and writes a row for each.
ExitCode change_each(Program& program, const Words& arguments, UserOperation operation)
{
    UserWriter writer{program};
    const ExitCode code =
        program.run(for_each_item(program, read_items(arguments), std::move(operation),
                                  [&](const std::string&, const UserInfo& user) { writer.add(user); }));
    writer.flush();
    return code;
}

/// The same, and writes all fields of each.
ExitCode show_each(Program& program, const Words& arguments, UserOperation operation)
{
    bool is_first = true;
    const auto show = [&](const std::string&, const UserInfo& user) {
        if (program.options.json) {
            write_line(program.out, to_json(user));
            return;
        }
        if (!std::exchange(is_first, false))
            program.out << '\n';
        write_details(program.out, user);
    };
    return program.run(for_each_item(program, read_items(arguments), std::move(operation), show));
}

/// So that people see whom they are asked about.
asio::awaitable<ExitCode> append_identifier(Client& client, const std::string& id, std::string& text)
{
    const UserInfo user = value_or_throw(co_await client.get_user(id));
    text += " (" + (user.email.empty() ? user.phone : user.email) + ')';
    co_return ExitCode::ok;
}

asio::awaitable<ExitCode> write_one(Program& program, asio::awaitable<expected<UserInfo>> operation)
{
    const UserInfo user = value_or_throw(co_await std::move(operation));
    UserWriter writer{program};
    writer.add(user);
    writer.flush();
    co_return ExitCode::ok;
}

} // namespace

ExitCode list_users(Program& program, const ListOptions& options)
{
    ListUsersRequest request;
    select(request, options.selection);
    if (options.page)
        request.page(*options.page);
    if (options.all)
        return program.run(write_all(program, request.limit(500)));
    return program.run(write_page(program, request.limit(options.limit)));
}

ExitCode get_users(Program& program, const Words& ids)
{
    Client& client = program.client();
    return show_each(program, ids,
                     [&](const std::string& id, const CallOptions& options) { return client.get_user(id, options); });
}

ExitCode find_users(Program& program, const Words& identifiers)
{
    Client& client = program.client();
    return show_each(program, identifiers, [&](const std::string& identifier, const CallOptions& options) {
        return client.get_user_by_identifier(identifier, options);
    });
}

ExitCode create_user(Program& program, const UserFields& fields)
{
    CreateUserRequest request;
    if (fields.email)
        request.email(*fields.email);
    if (fields.phone)
        request.phone(*fields.phone);
    if (!fields.metadata.empty())
        request.metadata(parse_metadata(fields.metadata));
    return program.run(write_one(program, program.client().create_user(request)));
}

ExitCode update_user(Program& program, const std::string& id, const UserFields& fields)
{
    UpdateUserRequest request;
    if (fields.email)
        request.email(*fields.email);
    if (fields.clear_email)
        request.clear_email();
    if (fields.phone)
        request.phone(*fields.phone);
    if (fields.clear_phone)
        request.clear_phone();
    if (!fields.metadata.empty())
        request.metadata(parse_metadata(fields.metadata));
    if (fields.clear_metadata)
        request.clear_metadata();
    return program.run(write_one(program, program.client().update_user(id, request)));
}

ExitCode activate_users(Program& program, const Words& ids)
{
    Client& client = program.client();
    return change_each(program, ids, [&](const std::string& id, const CallOptions& options) {
        return client.activate_user(id, options);
    });
}

ExitCode deactivate_users(Program& program, const Words& ids)
{
    Client& client = program.client();
    return change_each(program, ids, [&](const std::string& id, const CallOptions& options) {
        return client.deactivate_user(id, options);
    });
}

ExitCode delete_users(Program& program, const Words& arguments)
{
    Client& client = program.client();
    std::vector<std::string> ids = read_items(arguments);
    std::string named = count_of(ids, "user");
    if (ids.size() == 1 && !program.options.yes)
        program.run(append_identifier(client, ids.front(), named));
    program.confirm("Delete " + named + '?');
    const auto remove = [&](const std::string& id, const CallOptions& options) {
        return client.delete_user(id, options);
    };
    const auto print = [&](const std::string& id) { write_done(program, "user_id", id, "deleted"); };
    return program.run(for_each_item(program, std::move(ids), remove, print));
}

} // namespace passage::ctl
