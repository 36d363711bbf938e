#pragma once

#include "table.hpp"

#include <passage/app.hpp>
#include <passage/claims.hpp>
#include <passage/magic_link.hpp>
#include <passage/user.hpp>

#include <iosfwd>
#include <vector>

namespace passage::ctl {

// What people see of the things that the API returns. Scripts use JSON.

/// Writes users as rows of a table.
class UserTable
{
public:
    explicit UserTable(std::ostream& stream);

    void add(const UserSummary& user);
    void flush() { table_.flush(); }

private:
    Table table_;
};

void write_devices(std::ostream& stream, const std::vector<WebAuthnDevice>& devices);

void write_details(std::ostream& stream, const UserInfo& user);
void write_details(std::ostream& stream, const MagicLink& link);
void write_details(std::ostream& stream, const AppInfo& app);
void write_details(std::ostream& stream, const Claims& claims);

} // namespace passage::ctl
