#pragma once

#include "exit_code.hpp"

#include <passage/magic_link.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace passage::ctl {

class Program;

struct MagicLinkOptions
{
    std::optional<std::string> email;
    std::optional<std::string> phone;
    std::optional<std::string> user_id;
    MagicLinkChannel channel = MagicLinkChannel::unknown;
    bool send = false;
    MagicLinkType type = MagicLinkType::unknown;
    MagicLinkLanguage language = MagicLinkLanguage::unknown;
    std::optional<std::int64_t> ttl; ///< Minutes.
    std::optional<std::string> path;
    std::optional<std::string> redirect;
};

ExitCode create_magic_link(Program& program, const MagicLinkOptions& options);

} // namespace passage::ctl
