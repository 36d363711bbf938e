#include "commands.hpp"

#include "app.hpp"
#include "choice.hpp"
#include "devices.hpp"
#include "doctor/doctor.hpp"
#include "magic_links.hpp"
#include "metadata.hpp"
#include "program.hpp"
#include "tokens.hpp"
#include "users.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace passage::ctl {
namespace {

CLI::App* add_group(CLI::App& app, const char* name, const char* description)
{
    CLI::App* const group = app.add_subcommand(name, description);
    group->require_subcommand(1);
    return group;
}

/// Adds a command that calls `run(program, values)`, where `values` is what its options were bound to.
template <class Values, class Run>
CLI::App* add_command(CLI::App* group, Program& program, const char* name, const char* description,
                      const std::shared_ptr<Values>& values, Run run)
{
    CLI::App* const command = group->add_subcommand(name, description);
    command->callback(
        [&program, values, run] { program.command = [&program, values, run] { return run(program, *values); }; });
    return command;
}

CLI::Option* add_option(CLI::App* command, const char* name, auto& value, const char* type, const char* help)
{
    return command->add_option(name, value, help)->type_name(type);
}

/// An option that may be given several times, with one value each time.
CLI::Option* add_repeatable(CLI::App* command, const char* name, std::vector<std::string>& values, const char* type,
                            const char* help)
{
    return add_option(command, name, values, type, help)->allow_extra_args(false);
}

/// A required argument.
CLI::Option* add_argument(CLI::App* command, const char* name, auto& value, const char* help)
{
    return command->add_option(name, value, help)->required()->option_text(" ");
}

/// An option whose values are the texts of an enumeration of the API.
template <class Enum>
CLI::Option* add_choice(CLI::App* command, const char* name, Enum& value, const char* help)
{
    std::map<std::string, Enum> choices;
    std::string names;
    for (std::size_t i = 0; i < enum_texts<Enum>.size(); ++i) {
        const std::string text{enum_texts<Enum>[i]};
        choices[text] = static_cast<Enum>(i + 1);
        names += (names.empty() ? "" : "|") + text;
    }
    return command->add_option(name, value, help)->type_name(names)->transform(choice_of(choices));
}

constexpr const char* several_ids = "ids; - reads them from standard input, one a line";

struct UserChange
{
    std::string id;
    UserFields fields;
};

void add_fields(CLI::App* command, UserFields& fields)
{
    add_option(command, "--email", fields.email, "ADDRESS", "e-mail address");
    add_option(command, "--phone", fields.phone, "NUMBER", "phone number, such as +15005550007");
    add_repeatable(command, "--metadata", fields.metadata, "FIELD", metadata_help);
}

} // namespace

void add_users(CLI::App& app, Program& program)
{
    CLI::App* const users = add_group(app, "users", "Users of the app");

    const auto listing = std::make_shared<ListOptions>();
    CLI::App* const list = add_command(users, program, "list", "List users", listing, &list_users);
    add_repeatable(list, "--filter", listing->selection.filters, "CONDITION", filter_help);
    add_repeatable(list, "--order-by", listing->selection.orders, "FIELDS", order_help);
    add_option(list, "--created-before", listing->selection.created_before, "TIME",
               "only users created before it: 2024-01-31 or 2024-01-31T12:00:00Z");
    add_option(list, "--limit", listing->limit, "NUMBER", "users on a page, 1 to 500; 50 by default")
        ->check(CLI::Range(1, 500).description(""));
    CLI::Option* const page = add_option(list, "--page", listing->page, "NUMBER", "page, from 1")
                                  ->check(CLI::Range(1, 1'000'000'000).description(""));
    list->add_flag("--all", listing->all, "all pages")->excludes(page)->option_text(" ");
    page->option_text("NUMBER");

    const auto add_for_ids = [&](const char* name, const char* description, auto run) {
        const auto ids = std::make_shared<Words>();
        add_argument(add_command(users, program, name, description, ids, run), "ID", *ids, several_ids);
    };
    add_for_ids("get", "Show users by their ids", &get_users);

    const auto identifiers = std::make_shared<Words>();
    add_argument(
        add_command(users, program, "find", "Show users by e-mail address or phone number", identifiers, &find_users),
        "IDENTIFIER", *identifiers, "addresses or numbers; - reads them from standard input, one a line");

    const auto fields = std::make_shared<UserFields>();
    CLI::App* const create = add_command(users, program, "create", "Create a user", fields, &create_user);
    add_fields(create, *fields);

    const auto change = std::make_shared<UserChange>();
    CLI::App* const update = add_command(
        users, program, "update", "Change the given fields of a user", change,
        [](Program& with, const UserChange& wanted) { return update_user(with, wanted.id, wanted.fields); });
    add_argument(update, "ID", change->id, "id of the user");
    add_fields(update, change->fields);
    const auto add_clearing = [&](const char* name, bool& value, const char* help, const char* excluded) {
        update->add_flag(name, value, help)->excludes(update->get_option(excluded))->option_text(" ");
        update->get_option(excluded)->option_text(update->get_option(excluded)->get_type_name());
    };
    add_clearing("--clear-email", change->fields.clear_email, "remove the e-mail address", "--email");
    add_clearing("--clear-phone", change->fields.clear_phone, "remove the phone number", "--phone");
    add_clearing("--clear-metadata", change->fields.clear_metadata, "remove the metadata", "--metadata");

    add_for_ids("activate", "Let users sign in", &activate_users);
    add_for_ids("deactivate", "Prevent users from signing in", &deactivate_users);
    add_for_ids("delete", "Delete users", &delete_users);
}

void add_devices(CLI::App& app, Program& program)
{
    CLI::App* const devices = add_group(app, "devices", "Passkeys and security keys of a user");

    const auto owner = std::make_shared<std::string>();
    add_argument(add_command(devices, program, "list", "List the devices of a user", owner, &list_devices), "USER_ID",
                 *owner, "id of the user");

    const auto ids = std::make_shared<std::pair<std::string, Words>>();
    CLI::App* const remove = add_command(devices, program, "delete", "Delete devices of a user", ids,
                                         [](Program& with, const std::pair<std::string, Words>& wanted) {
                                             return delete_devices(with, wanted.first, wanted.second);
                                         });
    add_argument(remove, "USER_ID", ids->first, "id of the user");
    add_argument(remove, "DEVICE_ID", ids->second, several_ids);
}

void add_tokens(CLI::App& app, Program& program)
{
    CLI::App* const tokens = add_group(app, "tokens", "Tokens with which users sign in");

    const auto ids = std::make_shared<Words>();
    add_argument(add_command(tokens, program, "revoke", "Revoke all refresh tokens of users", ids, &revoke_tokens),
                 "USER_ID", *ids, several_ids);

    struct Check
    {
        AuthOptions options;
        std::int64_t leeway = 5;
    };
    const auto check = std::make_shared<Check>();
    CLI::App* const verify = add_command(tokens, program, "verify", "Check a token, which is read from standard input",
                                         check, [](Program& with, const Check& wanted) {
                                             AuthOptions options = wanted.options;
                                             options.leeway = std::chrono::seconds{wanted.leeway};
                                             return verify_token(with, options);
                                         });
    add_repeatable(verify, "--auth-origin", check->options.auth_origins, "URL",
                   "audience to accept besides the app's id; repeatable");
    add_option(verify, "--issuer", check->options.issuer, "TEXT", "issuer that the token must have");
    add_option(verify, "--leeway", check->leeway, "SECONDS", "permitted difference of clocks; 5 by default")
        ->check(CLI::Range(0, 300).description(""));
}

void add_magic_links(CLI::App& app, Program& program)
{
    CLI::App* const links = add_group(app, "magic-link", "Links that sign users in");

    const auto options = std::make_shared<MagicLinkOptions>();
    CLI::App* const create =
        add_command(links, program, "create", "Create a magic link, for one of --email, --phone and --user", options,
                    &create_magic_link);
    add_option(create, "--email", options->email, "ADDRESS", "for an e-mail address");
    add_option(create, "--phone", options->phone, "NUMBER", "for a phone number");
    add_option(create, "--user", options->user_id, "ID", "for a user; needs --channel");
    add_choice(create, "--channel", options->channel, "address of the user that the link is for");
    create->add_flag("--send", options->send, "have the service send the link");
    add_choice(create, "--type", options->type, "purpose of the link");
    add_choice(create, "--language", options->language, "language of the message");
    add_option(create, "--ttl", options->ttl, "MINUTES", "how long the link is valid")
        ->check(CLI::Range(1, 525'600).description(""));
    add_option(create, "--path", options->path, "PATH", "path of the app that the link leads to");
    add_option(create, "--redirect", options->redirect, "URL", "where the user is redirected after opening the link");
}

void add_app(CLI::App& app, Program& program)
{
    add_command(&app, program, "app", "Show the configuration of the app", std::make_shared<std::byte>(),
                [](Program& with, std::byte) { return show_app(with); });
}

void add_doctor(CLI::App& app, Program& program)
{
    add_command(&app, program, "doctor", "Check a setup step by step, and say what is wrong",
                std::make_shared<std::byte>(), [](Program& with, std::byte) { return diagnose(with); });
}

} // namespace passage::ctl
