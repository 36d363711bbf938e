#pragma once

#include "journal.hpp"
#include "records.hpp"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace passage::ctl {

/// What the check of an input has found.
struct Survey
{
    std::string hash;                  ///< SHA-256 of the input, hexadecimal.
    std::vector<RecordState> states;   ///< Of each record: open or bad.
    std::uint64_t bad = 0;             ///< The number of bad records.
    std::uint64_t with_status = 0;     ///< The number of records that say a status other than pending.
    std::set<std::string> not_carried; ///< Fields with values that the API cannot set.
};

/// Reads a whole input, and checks each record: whether it can be read, and whether its identifiers are its own.
/// `problem(line, text)` is called for each bad record.
///
/// Throws `Failure` if the input as a whole cannot be imported.
Survey check_input(int file, const InputOptions& options,
                   const std::function<void(std::uint64_t line, const std::string& text)>& problem);

} // namespace passage::ctl
