#include "sqlite.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <limits>
#include <utility>

namespace passage::emulator {
namespace {

/// Listings have many different statements. More than this number are not kept.
constexpr std::size_t max_kept_statements = 128;

} // namespace

SqlError::SqlError(int extended_code, const std::string& text) : std::runtime_error(text), code_(extended_code) {}

SqlError::Kind SqlError::kind() const
{
    switch (code_ & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return Kind::busy;
    case SQLITE_FULL:
        return Kind::full;
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return Kind::unusable;
    case SQLITE_CONSTRAINT:
        return Kind::constraint;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return Kind::corrupt;
    default:
        return Kind::other;
    }
}

Query::Query(sqlite3* database, sqlite3_stmt* statement, bool owned)
    : database_(database), statement_(statement), owned_(owned)
{}

Query::Query(Query&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      owned_(other.owned_),
      parameter_(other.parameter_),
      column_(other.column_)
{}

Query::~Query()
{
    // Both return the error of the last step, which has been thrown there.
    if (owned_) {
        sqlite3_finalize(statement_);
    } else if (statement_ != nullptr) {
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }
}

void Query::check(int result) const
{
    if (result != SQLITE_OK) {
        throw SqlError(sqlite3_extended_errcode(database_), sqlite3_errmsg(database_));
    }
}

Query& Query::bind(std::string_view text)
{
    // An empty view has a null pointer, which SQLite would store as NULL.
    const char* data = text.data() != nullptr ? text.data() : "";
    check(sqlite3_bind_text64(statement_, ++parameter_, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
}

Query& Query::bind(std::int64_t number)
{
    check(sqlite3_bind_int64(statement_, ++parameter_, number));
    return *this;
}

Query& Query::bind(std::span<const unsigned char> blob)
{
    check(sqlite3_bind_blob64(statement_, ++parameter_, blob.data(), blob.size(), SQLITE_TRANSIENT));
    return *this;
}

Query& Query::bind(std::nullopt_t)
{
    check(sqlite3_bind_null(statement_, ++parameter_));
    return *this;
}

bool Query::step()
{
    column_ = 0;
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        check(result);
    }
    return result == SQLITE_ROW;
}

void Query::run()
{
    while (step()) {
    }
}

bool Query::next_is_null()
{
    return sqlite3_column_type(statement_, column_) == SQLITE_NULL;
}

std::string Query::text()
{
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column_));
    const int size = sqlite3_column_bytes(statement_, column_);
    ++column_;
    return data != nullptr ? std::string(data, static_cast<std::size_t>(size)) : std::string{};
}

std::optional<std::string> Query::optional_text()
{
    if (next_is_null()) {
        ++column_;
        return std::nullopt;
    }
    return text();
}

std::int64_t Query::number()
{
    return sqlite3_column_int64(statement_, column_++);
}

std::optional<Time> Query::optional_time()
{
    if (next_is_null()) {
        ++column_;
        return std::nullopt;
    }
    return time();
}

std::span<const unsigned char> Query::blob()
{
    const auto* data = static_cast<const unsigned char*>(sqlite3_column_blob(statement_, column_));
    const int size = sqlite3_column_bytes(statement_, column_);
    ++column_;
    return {data, static_cast<std::size_t>(size)};
}

std::vector<unsigned char> Query::bytes()
{
    const std::span<const unsigned char> data = blob();
    return {data.begin(), data.end()};
}

void Database::Close::operator()(sqlite3* database) const
{
    sqlite3_close_v2(database);
}

void Database::Finalize::operator()(sqlite3_stmt* statement) const
{
    sqlite3_finalize(statement);
}

Database::Database(const std::filesystem::path& file)
{
    // SQLite would create the file with access for others. An existing file is not opened here: closing it would
    // release the locks of another Database of this process. SQLite reports errors later.
    if (const int made = file.empty() ? -1 : ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        made >= 0) {
        ::close(made);
    }
    const std::string name = file.empty() ? ":memory:" : std::filesystem::absolute(file).string();
    sqlite3* opened = nullptr;
    const int result = sqlite3_open_v2(
        name.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
        nullptr);
    database_.reset(opened);
    if (result != SQLITE_OK) {
        throw SqlError(result, sqlite3_errstr(result));
    }
}

Query Database::prepare(std::string_view sql)
{
    if (const auto kept = statements_.find(sql); kept != statements_.end()) {
        return {database_.get(), kept->second.get(), false};
    }
    if (sql.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        throw SqlError(SQLITE_TOOBIG, "statement too long");
    }
    const bool keep = statements_.size() < max_kept_statements;
    sqlite3_stmt* statement = nullptr;
    const int result = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                          keep ? SQLITE_PREPARE_PERSISTENT : 0U, &statement, nullptr);
    if (result != SQLITE_OK) {
        throw SqlError(result, sqlite3_errmsg(database_.get()));
    }
    if (keep) {
        statements_.emplace(sql, statement);
    }
    return {database_.get(), statement, !keep};
}

void Database::execute(const char* script)
{
    const int result = sqlite3_exec(database_.get(), script, nullptr, nullptr, nullptr);
    if (result != SQLITE_OK) {
        throw SqlError(result, sqlite3_errmsg(database_.get()));
    }
}

std::int64_t Database::pragma(const std::string& name)
{
    Query query = this->query("PRAGMA " + name);
    return query.step() ? query.number() : 0;
}

std::int64_t Database::last_row() const
{
    return sqlite3_last_insert_rowid(database_.get());
}

bool Database::is_read_only() const
{
    return sqlite3_db_readonly(database_.get(), "main") == 1;
}

void Database::keep_log_on_close(bool keep)
{
    sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, static_cast<int>(keep), nullptr);
}

Transaction::Transaction(Database& database) : database_(database)
{
    database_.query("BEGIN IMMEDIATE").run();
}

Transaction::~Transaction()
{
    if (!open_) {
        return;
    }
    try {
        database_.query("ROLLBACK").run();
    } catch (const SqlError&) {
        // After some errors SQLite has rolled back by itself.
    }
}

void Transaction::commit()
{
    database_.query("COMMIT").run();
    open_ = false;
}

} // namespace passage::emulator
