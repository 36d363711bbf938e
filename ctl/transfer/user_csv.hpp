#pragma once

#include <passage/user.hpp>

#include <string>

namespace passage::ctl {

/// The names of the columns of `csv_row`.
std::string csv_header();

/// Returns a user as a record of CSV (RFC 4180), with the CR LF that ends it. What is absent, or never happened, is
/// empty.
///
/// A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula. If the record is for spreadsheets,
/// such a cell gets an apostrophe in front, so that it cannot be imported any more as it was.
std::string csv_row(const UserSummary& user, bool is_for_spreadsheets);

} // namespace passage::ctl
