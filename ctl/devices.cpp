#include "devices.hpp"

#include "items.hpp"
#include "json_lines.hpp"
#include "program.hpp"
#include "views.hpp"

namespace passage::ctl {
namespace {

asio::awaitable<ExitCode> write_devices_of(Program& program,
                                           asio::awaitable<expected<std::vector<WebAuthnDevice>>> read)
{
    const auto devices = value_or_throw(co_await std::move(read));
    if (program.options.json)
        for (const WebAuthnDevice& device : devices)
            write_line(program.out, to_json(device));
    else if (devices.empty())
        program.note("the user has no devices");
    else
        write_devices(program.out, devices);
    co_return ExitCode::ok;
}

} // namespace

ExitCode list_devices(Program& program, const std::string& user_id)
{
    return program.run(write_devices_of(program, program.client().list_user_devices(user_id)));
}

ExitCode delete_devices(Program& program, const std::string& user_id, const std::vector<std::string>& device_ids)
{
    Client& client = program.client();
    std::vector<std::string> ids = read_items(device_ids);
    program.confirm("Delete " + count_of(ids, "device") + " of user " + user_id + '?');
    const auto remove = [&](const std::string& id, const CallOptions& options) {
        return client.delete_user_device(user_id, id, options);
    };
    const auto print = [&](const std::string& id) { write_done(program, "device_id", id, "deleted"); };
    return program.run(for_each_item(program, std::move(ids), remove, print));
}

} // namespace passage::ctl
