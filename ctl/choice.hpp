#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <string>
#include <type_traits>

namespace passage::ctl {

/// Returns what `CLI::Option::transform` takes for an option whose values are the texts of an enumeration.
template <class Enum>
CLI::Validator choice_of(const std::map<std::string, Enum>& choices)
{
    const auto to_number = [choices](std::string& text) -> std::string {
        const auto found = choices.find(text);
        if (found == choices.end()) {
            std::string known;
            for (const auto& [name, value] : choices)
                known.append(known.empty() ? "" : ", ").append(name);
            return text + " is none of: " + known;
        }
        text = std::to_string(static_cast<std::underlying_type_t<Enum>>(found->second));
        return {};
    };
    return CLI::Validator{to_number, ""};
}

} // namespace passage::ctl
