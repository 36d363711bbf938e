#include "tokens.hpp"

#include "items.hpp"
#include "program.hpp"
#include "terminal.hpp"
#include "write_result.hpp"

#include <unistd.h>

namespace passage::ctl {
namespace {

std::string read_token(Program& program)
{
    if (is_terminal(STDIN_FILENO))
        program.note("reading the token from the terminal; end it with Enter");
    std::string token;
    if (!(std::cin >> token))
        throw Failure{ExitCode::usage, "standard input has no token"};
    return token;
}

} // namespace

ExitCode revoke_tokens(Program& program, const std::vector<std::string>& user_ids)
{
    Client& client = program.client();
    std::vector<std::string> ids = read_items(user_ids);
    program.confirm("Revoke all refresh tokens of " + count_of(ids, "user") + '?');
    const auto revoke = [&](const std::string& id, const CallOptions& options) {
        return client.revoke_user_refresh_tokens(id, options);
    };
    const auto print = [&](const std::string& id) { write_done(program, "user_id", id, "revoked"); };
    return program.run(for_each_item(program, std::move(ids), revoke, print));
}

ExitCode verify_token(Program& program, const AuthOptions& options)
{
    Authenticator authenticator =
        value_or_throw(Authenticator::create(program.context().get_executor(), program.config(), options));
    return program.run(write_result(program, authenticator.authenticate(read_token(program))));
}

} // namespace passage::ctl
