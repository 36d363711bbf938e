#pragma once

#include "times.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace passage::emulator {

/// An error of SQLite.
class SqlError : public std::runtime_error
{
public:
    enum class Kind {
        busy,       ///< another process holds the file
        full,       ///< no space left
        unusable,   ///< cannot be read or written: I/O, permission
        constraint, ///< unique value taken
        corrupt,    ///< not a database, or damaged
        other
    };

    SqlError(int extended_code, const std::string& text);

    Kind kind() const;

private:
    int code_;
};

/// One run of a prepared statement: bind in order, step, read columns. The destructor resets the statement. Two runs of
/// a statement must not overlap.
class Query
{
public:
    Query(Query&& other) noexcept;
    Query& operator=(Query&&) = delete;
    ~Query();

    Query& bind(std::string_view text);
    Query& bind(const char* text) { return bind(std::string_view{text}); }
    Query& bind(const std::string& text) { return bind(std::string_view{text}); }
    Query& bind(std::int64_t number);
    Query& bind(bool flag) { return bind(std::int64_t{flag}); }
    Query& bind(Time time) { return bind(std::int64_t{time.time_since_epoch().count()}); }
    Query& bind(std::span<const unsigned char> blob);
    Query& bind(std::nullopt_t);
    template <class T>
    Query& bind(const std::optional<T>& value)
    {
        return value ? bind(*value) : bind(std::nullopt);
    }

    /// Moves to the next row. Returns false after the last.
    bool step();
    /// Runs the statement to its end.
    void run();

    /// Each column must be read once, from left to right.
    std::string text();
    std::optional<std::string> optional_text();
    std::int64_t number();
    bool flag() { return number() != 0; }
    Time time() { return Time{std::chrono::microseconds{number()}}; }
    std::optional<Time> optional_time();
    /// Valid until the next step.
    std::span<const unsigned char> blob();
    std::vector<unsigned char> bytes();

private:
    friend class Database;
    Query(sqlite3* database, sqlite3_stmt* statement, bool owned);

    bool next_is_null();
    void check(int result) const;

    sqlite3* database_;
    sqlite3_stmt* statement_;
    bool owned_;
    int parameter_ = 0;
    int column_ = 0;
};

/// A connection to an SQLite database. Not thread-safe.
class Database
{
public:
    /// Opens the file, or creates it with access for its owner only. An empty name means a database in memory.
    explicit Database(const std::filesystem::path& file);

    /// Prepares the statement at its first use, and keeps it.
    template <class... Values>
    Query query(std::string_view sql, const Values&... values)
    {
        Query query = prepare(sql);
        (query.bind(values), ...);
        return query;
    }

    /// Runs several statements without parameters.
    void execute(const char* script);

    std::int64_t pragma(const std::string& name);
    std::int64_t last_row() const;
    bool is_read_only() const;
    /// Sets whether closing keeps the write-ahead log instead of merging it into the file.
    void keep_log_on_close(bool keep);

private:
    struct Close
    {
        void operator()(sqlite3* database) const;
    };
    struct Finalize
    {
        void operator()(sqlite3_stmt* statement) const;
    };
    struct Hash : std::hash<std::string_view>
    {
        using is_transparent = void;
    };

    Query prepare(std::string_view sql);

    std::unique_ptr<sqlite3, Close> database_;
    std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>, Hash, std::equal_to<>> statements_;
};

/// A transaction. The constructor takes the write lock; the destructor rolls back unless it was committed.
class Transaction
{
public:
    explicit Transaction(Database& database);
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    ~Transaction();

    void commit();

private:
    Database& database_;
    bool open_ = true;
};

} // namespace passage::emulator
