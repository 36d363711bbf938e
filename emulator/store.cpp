#include "store.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace passage::emulator {
namespace {

/// Marks files of the emulator ("PSGE").
constexpr std::int64_t application_id = 0x50534745;
constexpr std::int64_t max_recent_events = 10;

// Step n migrates a file from version n to n + 1.
constexpr std::array schema_steps{
    R"sql(
BEGIN IMMEDIATE;
CREATE TABLE apps (
    id TEXT PRIMARY KEY,
    key_hash BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE users (
    pk INTEGER PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    id TEXT NOT NULL,
    email TEXT COLLATE NOCASE,
    email_verified INTEGER NOT NULL,
    phone TEXT,
    phone_verified INTEGER NOT NULL,
    external_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_login_at INTEGER NOT NULL,
    login_count INTEGER NOT NULL,
    user_metadata TEXT,
    UNIQUE (app_id, id),
    UNIQUE (app_id, email),
    UNIQUE (app_id, phone),
    CHECK (email IS NOT NULL OR phone IS NOT NULL)
) STRICT;
CREATE TABLE devices (
    pk INTEGER PRIMARY KEY,
    user_pk INTEGER NOT NULL REFERENCES users (pk) ON DELETE CASCADE,
    id TEXT NOT NULL,
    cred_id TEXT NOT NULL,
    friendly_name TEXT NOT NULL,
    type TEXT NOT NULL,
    usage_count INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_login_at INTEGER NOT NULL,
    icon_light TEXT,
    icon_dark TEXT,
    UNIQUE (user_pk, id)
) STRICT;
CREATE TABLE events (
    pk INTEGER PRIMARY KEY,
    user_pk INTEGER NOT NULL REFERENCES users (pk) ON DELETE CASCADE,
    id TEXT NOT NULL,
    type TEXT NOT NULL,
    action TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    completed_at INTEGER,
    ip_addr TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    user_agent_display TEXT NOT NULL,
    social_login_type TEXT
) STRICT;
CREATE INDEX events_of_user ON events (user_pk, created_at);
CREATE TABLE social_connections (
    user_pk INTEGER NOT NULL REFERENCES users (pk) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    provider_identifier TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_login_at INTEGER NOT NULL,
    PRIMARY KEY (user_pk, provider)
) STRICT, WITHOUT ROWID;
PRAGMA application_id = 0x50534745;
PRAGMA user_version = 1;
COMMIT;
)sql",
    R"sql(
BEGIN IMMEDIATE;
CREATE TABLE signing_keys (
    pk INTEGER PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    id TEXT NOT NULL,
    private_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (app_id, id)
) STRICT;
PRAGMA user_version = 2;
COMMIT;
)sql",
    R"sql(
BEGIN IMMEDIATE;
ALTER TABLE users ADD COLUMN listed_at INTEGER NOT NULL DEFAULT 0;
UPDATE users SET listed_at = created_at;
ALTER TABLE apps ADD COLUMN seeded_users INTEGER NOT NULL DEFAULT 0;
CREATE TABLE authority (
    pk INTEGER PRIMARY KEY CHECK (pk = 1),
    private_key BLOB NOT NULL,
    certificate BLOB NOT NULL
) STRICT;
PRAGMA user_version = 3;
COMMIT;
)sql"};
constexpr std::size_t schema_version = schema_steps.size();

// In the order of read_record().
const std::string user_columns = "id, email, email_verified, phone, phone_verified, external_id, status, created_at, "
                                 "updated_at, last_login_at, login_count, user_metadata";
const std::string select_user = "SELECT " + user_columns + ", pk FROM users WHERE app_id = ? AND id = ?";
const std::string insert_into_users =
    "INSERT INTO users (app_id, " + user_columns + ", listed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

UserRecord read_record(Query& row)
{
    UserRecord user;
    user.id = row.text();
    user.email = row.optional_text();
    user.email_verified = row.flag();
    user.phone = row.optional_text();
    user.phone_verified = row.flag();
    user.external_id = row.text();
    user.status = row.text();
    user.created_at = row.time();
    user.updated_at = row.time();
    user.last_login_at = row.time();
    user.login_count = row.number();
    user.user_metadata = row.optional_text();
    return user;
}

/// Runs a write that may violate uniqueness. `taken_field` then returns the name of the field.
template <class TakenField>
void run_unique(Query query, TakenField taken_field)
{
    try {
        query.run();
    } catch (const SqlError& error) {
        if (error.kind() == SqlError::Kind::constraint) {
            throw AlreadyTaken(taken_field());
        }
        throw;
    }
}

std::size_t version_of(Database& database)
{
    return static_cast<std::size_t>(database.pragma("user_version"));
}

/// Throws if the file must not be written. Writes nothing.
void check_file(Database& database)
{
    const bool is_empty = database.pragma("schema_version") == 0;
    const std::int64_t owner = database.pragma("application_id");
    const std::size_t version = version_of(database);
    if (!is_empty && owner != application_id) {
        throw std::runtime_error("it is a database of another program: name another file");
    }
    if (version > schema_version) {
        throw std::runtime_error("it was written by a newer version of passage-emulator (schema " +
                                 std::to_string(version) + ", this one knows " + std::to_string(schema_version) +
                                 "): use that version, or name another file");
    }
    if (database.is_read_only()) {
        throw std::runtime_error("it cannot be written: check its permissions and its owner, or "
                                 "name another file");
    }
    Query check = database.query("PRAGMA integrity_check(1)");
    if (!check.step() || check.text() != "ok") {
        throw std::runtime_error("it is damaged: restore it from a copy, or name another file");
    }
}

void prepare_file(Database& database)
{
    // Don't merge a remaining log into the file before check_file().
    database.execute("PRAGMA busy_timeout = 2000; PRAGMA cache_size = -65536;"
                     "PRAGMA foreign_keys = ON;");
    database.keep_log_on_close(true);
    check_file(database);
    database.keep_log_on_close(false);
    // An acknowledged write must survive a crash of the machine, not only of the process.
    database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    for (std::size_t version = version_of(database); version < schema_version; ++version) {
        database.execute(schema_steps[version]);
    }
}

std::string advice(SqlError::Kind kind)
{
    switch (kind) {
    case SqlError::Kind::busy:
        return "another program holds it: end that one, or name another file";
    case SqlError::Kind::full:
        return "the disk is full: make room, or name a file on another one";
    case SqlError::Kind::unusable:
        return "it cannot be opened for writing: check that its folder exists and that both may "
               "be written";
    case SqlError::Kind::corrupt:
        return "it is not a database, or a damaged one: restore it from a copy, or name another file";
    case SqlError::Kind::constraint:
    case SqlError::Kind::other:
        break;
    }
    return "it cannot be used";
}

/// Removes the permissions of others from the file and the files of SQLite besides it: they contain private keys. An
/// earlier version or the user may have created them.
void close_to_others(const std::filesystem::path& file)
{
    namespace fs = std::filesystem;
    for (const char* part : {"", "-wal", "-shm"}) {
        std::error_code ignored; // the file may have another owner, or the file system no permissions
        fs::permissions(file.string() + part, fs::perms::group_all | fs::perms::others_all, fs::perm_options::remove,
                        ignored);
    }
}

Database open_database(const std::filesystem::path& file)
{
    try {
        Database database(file);
        prepare_file(database);
        if (!file.empty()) {
            close_to_others(file);
        }
        return database;
    } catch (const SqlError& error) {
        throw std::runtime_error("data file " + file.string() + ": " + advice(error.kind()) + " (" + error.what() +
                                 ")");
    } catch (const std::runtime_error& error) {
        throw std::runtime_error("data file " + file.string() + ": " + error.what());
    }
}

} // namespace

Store::Store(const std::filesystem::path& file) : lock_(file), database_(open_database(file))
{
    // Sets are not stored, so assume one that ends after the last user. A user planted with a time in the future is not
    // listed before that time.
    Query last = database_.query("SELECT max(listed_at) FROM users WHERE created_at <= ?", now());
    last.step();
    if (const std::optional<Time> time = last.optional_time()) {
        last_listed_at_ = *time;
        last_set_end_ = std::chrono::floor<std::chrono::seconds>(*time) + std::chrono::seconds{1};
    }
}

void Store::put_app(std::string_view app_id, const KeyHash& key_hash, Time now)
{
    const std::scoped_lock lock(mutex_);
    database_
        .query("INSERT INTO apps (id, key_hash, created_at) VALUES (?, ?, ?) "
               "ON CONFLICT (id) DO UPDATE SET key_hash = excluded.key_hash",
               app_id, std::span<const unsigned char>{key_hash}, now)
        .run();
}

std::optional<App> Store::find_app(std::string_view app_id)
{
    const std::scoped_lock lock(mutex_);
    Query row = database_.query("SELECT key_hash, created_at FROM apps WHERE id = ?", app_id);
    if (!row.step()) {
        return std::nullopt;
    }
    App app{};
    const auto hash = row.blob();
    std::copy_n(hash.begin(), std::min(hash.size(), app.key_hash.size()), app.key_hash.begin());
    app.created_at = row.time();
    return app;
}

std::optional<std::string> Store::first_app()
{
    const std::scoped_lock lock(mutex_);
    Query row = database_.query("SELECT id FROM apps ORDER BY created_at LIMIT 1");
    return row.step() ? std::optional{row.text()} : std::nullopt;
}

std::optional<KeptIdentity> Store::authority()
{
    const std::scoped_lock lock(mutex_);
    Query row = database_.query("SELECT private_key, certificate FROM authority");
    if (!row.step()) {
        return std::nullopt;
    }
    const std::vector<unsigned char> key = row.bytes();
    return KeptIdentity{key, row.bytes()};
}

void Store::put_authority(const KeptIdentity& authority)
{
    const std::scoped_lock lock(mutex_);
    database_
        .query("INSERT OR REPLACE INTO authority (pk, private_key, certificate) VALUES (1, ?, ?)",
               std::span<const unsigned char>{authority.key}, std::span<const unsigned char>{authority.certificate})
        .run();
}

void Store::add_signing_key(std::string_view app_id, const SigningKey& key, Time now)
{
    const std::scoped_lock lock(mutex_);
    database_
        .query("INSERT INTO signing_keys (app_id, id, private_key, created_at) VALUES (?, ?, ?, ?)", app_id, key.id,
               std::span<const unsigned char>{key.private_key}, now)
        .run();
}

std::vector<SigningKey> Store::signing_keys(std::string_view app_id)
{
    const std::scoped_lock lock(mutex_);
    Query rows = database_.query("SELECT id, private_key FROM signing_keys WHERE app_id = ? ORDER BY pk", app_id);
    std::vector<SigningKey> keys;
    while (rows.step()) {
        SigningKey& key = keys.emplace_back();
        key.id = rows.text();
        key.private_key = rows.bytes();
    }
    return keys;
}

bool Store::remove_signing_key(std::string_view app_id, std::string_view key_id)
{
    const std::scoped_lock lock(mutex_);
    Query removed =
        database_.query("DELETE FROM signing_keys WHERE app_id = ? AND id = ? RETURNING pk", app_id, key_id);
    const bool found = removed.step();
    removed.run();
    return found;
}

void Store::add_user(std::string_view app_id, const User& user, Time now)
{
    const std::scoped_lock lock(mutex_);
    const Time created_at = user.record.created_at;
    const Time listed_at = created_at < now ? created_at : std::max(created_at, last_set_end_);
    Transaction transaction(database_);
    insert_user(app_id, user, listed_at);
    transaction.commit();
    if (created_at <= now) {
        last_listed_at_ = std::max(last_listed_at_, listed_at);
    }
}

void Store::seed_users(std::string_view app_id, const std::vector<User>& users)
{
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    Query row = database_.query("SELECT seeded_users FROM apps WHERE id = ?", app_id);
    auto seeded = row.step() ? static_cast<std::size_t>(row.number()) : 0;
    for (; seeded < users.size(); ++seeded) {
        try {
            insert_user(app_id, users[seeded], users[seeded].record.created_at);
        } catch (const AlreadyTaken&) {
            // The existing user keeps it.
        }
    }
    database_.query("UPDATE apps SET seeded_users = ? WHERE id = ?", static_cast<std::int64_t>(seeded), app_id).run();
    transaction.commit();
}

std::optional<User> Store::find_user(std::string_view app_id, std::string_view user_id)
{
    const std::scoped_lock lock(mutex_);
    return read_user(app_id, user_id);
}

std::optional<User> Store::find_user_by_identifier(std::string_view app_id, std::string_view identifier)
{
    const std::scoped_lock lock(mutex_);
    Query row = database_.query("SELECT id FROM users WHERE app_id = ? AND (email = ? OR phone = ?)", app_id,
                                identifier, identifier);
    return row.step() ? read_user(app_id, row.text()) : std::nullopt;
}

UserPage Store::list_users(std::string_view app_id, const Listing& listing, Time now)
{
    const std::scoped_lock lock(mutex_);
    using std::chrono::seconds;
    std::chrono::sys_seconds end{seconds{listing.created_before.value_or(0)}};
    if (!listing.created_before) {
        // The first whole second after all current users.
        end = std::max(std::chrono::floor<seconds>(now), std::chrono::floor<seconds>(last_listed_at_) + seconds{1});
        if (!listing.is_lookup) {
            last_set_end_ = std::max<Time>(last_set_end_, end);
        }
    }
    const std::string chosen = " FROM users WHERE app_id = ? AND listed_at < ?" + listing.condition;
    const auto query_chosen = [&](const std::string& sql) {
        Query query = database_.query(sql, app_id, Time{end});
        for (const Listing::Value& value : listing.values) {
            std::visit([&](const auto& alternative) { query.bind(alternative); }, value);
        }
        return query;
    };

    UserPage page;
    page.created_before = end.time_since_epoch().count();
    Query count = query_chosen("SELECT count(*)" + chosen);
    count.step();
    page.total_users = count.number();
    Query rows = query_chosen("SELECT " + user_columns + chosen + " ORDER BY " + listing.order + " LIMIT ? OFFSET ?");
    rows.bind(listing.limit).bind((listing.page - 1) * listing.limit);
    while (rows.step()) {
        page.users.push_back(read_record(rows));
    }
    return page;
}

std::optional<User> Store::update_user(std::string_view app_id, std::string_view user_id, const UserChanges& changes,
                                       Time now)
{
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    std::optional<User> user = read_user(app_id, user_id);
    if (!user) {
        return std::nullopt;
    }
    UserRecord& record = user->record;
    if (changes.email) {
        // Without regard to case, as the table compares e-mail addresses.
        const bool is_same = boost::beast::iequals(record.email.value_or(""), changes.email->value_or(""));
        record.email_verified = record.email_verified && is_same;
        record.email = *changes.email;
    }
    if (changes.phone) {
        record.phone_verified = record.phone_verified && record.phone == *changes.phone;
        record.phone = *changes.phone;
    }
    if (changes.user_metadata) {
        record.user_metadata = *changes.user_metadata;
    }
    if (!record.email && !record.phone) {
        throw invalid_request("A user must keep an email or a phone.");
    }
    record.updated_at = now;
    run_unique(database_.query("UPDATE users SET email = ?, email_verified = ?, phone = ?, phone_verified = ?, "
                               "user_metadata = ?, updated_at = ? WHERE app_id = ? AND id = ?",
                               record.email, record.email_verified, record.phone, record.phone_verified,
                               record.user_metadata, record.updated_at, app_id, user_id),
               [&] { return taken_field(app_id, record); });
    transaction.commit();
    return user;
}

std::optional<User> Store::set_status(std::string_view app_id, std::string_view user_id, std::string_view status,
                                      Time now)
{
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    database_
        .query("UPDATE users SET status = ?, updated_at = ? WHERE app_id = ? AND id = ?", status, now, app_id, user_id)
        .run();
    std::optional<User> user = read_user(app_id, user_id);
    transaction.commit();
    return user;
}

bool Store::remove_user(std::string_view app_id, std::string_view user_id)
{
    const std::scoped_lock lock(mutex_);
    Query removed = database_.query("DELETE FROM users WHERE app_id = ? AND id = ? RETURNING pk", app_id, user_id);
    const bool found = removed.step();
    removed.run();
    return found;
}

bool Store::has_user(std::string_view app_id, std::string_view user_id)
{
    const std::scoped_lock lock(mutex_);
    return row_of(app_id, user_id).has_value();
}

template <class Insert>
bool Store::add_to_user(std::string_view app_id, std::string_view user_id, Insert insert)
{
    const std::scoped_lock lock(mutex_);
    Transaction transaction(database_);
    const std::optional<Row> user = row_of(app_id, user_id);
    if (user) {
        insert(*user);
        transaction.commit();
    }
    return user.has_value();
}

bool Store::add_device(std::string_view app_id, std::string_view user_id, const Device& device)
{
    return add_to_user(app_id, user_id, [&](Row user) { insert_device(user, device); });
}

bool Store::add_event(std::string_view app_id, std::string_view user_id, const Event& event)
{
    return add_to_user(app_id, user_id, [&](Row user) { insert_event(user, event); });
}

bool Store::put_social_connection(std::string_view app_id, std::string_view user_id, const SocialConnection& connection)
{
    return add_to_user(app_id, user_id, [&](Row user) { insert_social_connection(user, connection); });
}

bool Store::remove_device(std::string_view app_id, std::string_view user_id, std::string_view device_id)
{
    const std::scoped_lock lock(mutex_);
    Query removed = database_.query("DELETE FROM devices WHERE id = ? AND user_pk = (SELECT pk "
                                    "FROM users WHERE app_id = ? AND id = ?) RETURNING pk",
                                    device_id, app_id, user_id);
    const bool found = removed.step();
    removed.run();
    return found;
}

std::optional<Store::Row> Store::row_of(std::string_view app_id, std::string_view user_id)
{
    Query row = database_.query("SELECT pk FROM users WHERE app_id = ? AND id = ?", app_id, user_id);
    return row.step() ? std::optional{row.number()} : std::nullopt;
}

std::optional<User> Store::read_user(std::string_view app_id, std::string_view user_id)
{
    Query found = database_.query(select_user, app_id, user_id);
    if (!found.step()) {
        return std::nullopt;
    }
    User user;
    user.record = read_record(found);
    const Row pk = found.number();

    Query devices = database_.query("SELECT id, cred_id, friendly_name, type, usage_count, created_at, updated_at, "
                                    "last_login_at, icon_light, icon_dark FROM devices WHERE user_pk = ? ORDER BY pk",
                                    pk);
    while (devices.step()) {
        Device& device = user.devices.emplace_back();
        device.id = devices.text();
        device.cred_id = devices.text();
        device.friendly_name = devices.text();
        device.type = devices.text();
        device.usage_count = devices.number();
        device.created_at = devices.time();
        device.updated_at = devices.time();
        device.last_login_at = devices.time();
        device.icon_light = devices.optional_text();
        device.icon_dark = devices.optional_text();
    }

    Query events = database_.query("SELECT id, type, action, status, created_at, completed_at, ip_addr, user_agent, "
                                   "user_agent_display, social_login_type FROM events WHERE user_pk = ? "
                                   "ORDER BY created_at DESC, pk DESC LIMIT ?",
                                   pk, max_recent_events);
    while (events.step()) {
        Event& event = user.recent_events.emplace_back();
        event.id = events.text();
        event.type = events.text();
        event.action = events.text();
        event.status = events.text();
        event.created_at = events.time();
        event.completed_at = events.optional_time();
        event.ip_addr = events.text();
        event.user_agent = events.text();
        event.user_agent_display = events.text();
        event.social_login_type = events.optional_text();
    }

    Query connections = database_.query("SELECT provider, provider_id, provider_identifier, "
                                        "created_at, last_login_at FROM social_connections "
                                        "WHERE user_pk = ? ORDER BY provider",
                                        pk);
    while (connections.step()) {
        SocialConnection& connection = user.social_connections.emplace_back();
        connection.provider = connections.text();
        connection.provider_id = connections.text();
        connection.provider_identifier = connections.text();
        connection.created_at = connections.time();
        connection.last_login_at = connections.time();
    }
    return user;
}

std::string_view Store::taken_field(std::string_view app_id, const UserRecord& user)
{
    const auto another_has = [&](std::string_view column, const std::optional<std::string>& value) {
        const std::string sql = "SELECT pk FROM users WHERE app_id = ? AND " + std::string{column} + " = ? AND id <> ?";
        return database_.query(sql, app_id, value, user.id).step();
    };
    return another_has("email", user.email) ? "email" : another_has("phone", user.phone) ? "phone" : "id";
}

void Store::insert_user(std::string_view app_id, const User& user, Time listed_at)
{
    const UserRecord& record = user.record;
    run_unique(database_.query(insert_into_users, app_id, record.id, record.email, record.email_verified, record.phone,
                               record.phone_verified, record.external_id, record.status, record.created_at,
                               record.updated_at, record.last_login_at, record.login_count, record.user_metadata,
                               listed_at),
               [&] { return taken_field(app_id, record); });
    const Row pk = database_.last_row();
    for (const Device& device : user.devices) {
        insert_device(pk, device);
    }
    // A user has its newest event first; events are stored oldest first.
    for (auto event = user.recent_events.rbegin(); event != user.recent_events.rend(); ++event) {
        insert_event(pk, *event);
    }
    for (const SocialConnection& connection : user.social_connections) {
        insert_social_connection(pk, connection);
    }
}

void Store::insert_device(Row user, const Device& device)
{
    run_unique(database_.query("INSERT INTO devices (user_pk, id, cred_id, friendly_name, type, usage_count, "
                               "created_at, updated_at, last_login_at, icon_light, icon_dark) "
                               "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                               user, device.id, device.cred_id, device.friendly_name, device.type, device.usage_count,
                               device.created_at, device.updated_at, device.last_login_at, device.icon_light,
                               device.icon_dark),
               [] { return "id"; });
}

void Store::insert_event(Row user, const Event& event)
{
    database_
        .query("INSERT INTO events (user_pk, id, type, action, status, created_at, completed_at, "
               "ip_addr, user_agent, user_agent_display, social_login_type) "
               "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
               user, event.id, event.type, event.action, event.status, event.created_at, event.completed_at,
               event.ip_addr, event.user_agent, event.user_agent_display, event.social_login_type)
        .run();
}

void Store::insert_social_connection(Row user, const SocialConnection& connection)
{
    database_
        .query("INSERT OR REPLACE INTO social_connections (user_pk, provider, provider_id, "
               "provider_identifier, created_at, last_login_at) VALUES (?, ?, ?, ?, ?, ?)",
               user, connection.provider, connection.provider_id, connection.provider_identifier, connection.created_at,
               connection.last_login_at)
        .run();
}

} // namespace passage::emulator
