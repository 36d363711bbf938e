#include "magic_links.hpp"

#include "program.hpp"
#include "write_result.hpp"

namespace passage::ctl {
namespace {

CreateMagicLinkRequest request_for(const MagicLinkOptions& options)
{
    if (options.email.has_value() + options.phone.has_value() + options.user_id.has_value() != 1)
        throw Failure{ExitCode::usage, "a magic link needs one of --email, --phone and --user"};
    if (!options.user_id && options.channel != MagicLinkChannel::unknown)
        throw Failure{ExitCode::usage, "--channel goes with --user, not with --email or --phone"};
    if (options.email)
        return CreateMagicLinkRequest::for_email(*options.email);
    if (options.phone)
        return CreateMagicLinkRequest::for_phone(*options.phone);
    if (options.channel == MagicLinkChannel::unknown)
        throw Failure{ExitCode::usage, "--user needs --channel, which says to which address the link goes"};
    return CreateMagicLinkRequest::for_user(*options.user_id, options.channel);
}

} // namespace

ExitCode create_magic_link(Program& program, const MagicLinkOptions& options)
{
    CreateMagicLinkRequest request = request_for(options);
    request.send(options.send);
    if (options.type != MagicLinkType::unknown)
        request.type(options.type);
    if (options.language != MagicLinkLanguage::unknown)
        request.language(options.language);
    if (options.ttl)
        request.ttl(std::chrono::minutes{*options.ttl});
    if (options.path)
        request.path(*options.path);
    if (options.redirect)
        request.redirect(*options.redirect);
    return program.run(write_result(program, program.client().create_magic_link(request)));
}

} // namespace passage::ctl
