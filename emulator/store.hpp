#pragma once

#include "api_error.hpp"
#include "certificates.hpp"
#include "file_lock.hpp"
#include "jwt.hpp"
#include "listing.hpp"
#include "model.hpp"
#include "sqlite.hpp"

#include <array>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace passage::emulator {

/// SHA-256 of an API key. The key itself is not stored.
using KeyHash = std::array<unsigned char, 32>;

struct App
{
    KeyHash key_hash;
    Time created_at;
};

/// A key that signs tokens. It is stored, so that tokens stay valid after a restart.
struct SigningKey
{
    std::string id;
    PrivateKey private_key;
};

/// Another user of the app has the same `email`, `phone` or `id`, or another device of the user the same `id`.
class AlreadyTaken : public ApiError
{
public:
    explicit AlreadyTaken(std::string_view field)
        : ApiError(400, "invalid_request", std::string{"The "}.append(field).append(" is taken already."))
    {}
};

struct UserPage
{
    std::int64_t created_before = 0; ///< seconds since 1970: the end of the set of users that is listed
    std::int64_t total_users = 0;
    std::vector<UserRecord> users;
};

/// Apps with their users and keys, and the certificate authority, in SQLite. A write has reached the disk when the
/// function returns. Thread-safe. All functions throw SqlError.
class Store
{
public:
    /// Opens or creates the file. An empty name keeps everything in memory. Removes the permissions of others from the
    /// file and the files of SQLite besides it. Throws std::runtime_error whose text says what to do if the file can't
    /// be used, or if another Store uses it; the file is not changed then.
    explicit Store(const std::filesystem::path& file);

    /// Adds an app, or gives an existing app a new key.
    void put_app(std::string_view app_id, const KeyHash& key_hash, Time now);
    std::optional<App> find_app(std::string_view app_id);
    /// The id of the first app that was added, if any.
    std::optional<std::string> first_app();

    /// The certificate authority, if one is stored. Clients that trust it still do after a restart.
    std::optional<KeptIdentity> authority();
    void put_authority(const KeptIdentity& authority);

    void add_signing_key(std::string_view app_id, const SigningKey& key, Time now);
    /// Oldest first.
    std::vector<SigningKey> signing_keys(std::string_view app_id);
    /// Returns whether the key existed.
    bool remove_signing_key(std::string_view app_id, std::string_view key_id);

    /// Throws AlreadyTaken.
    void add_user(std::string_view app_id, const User& user, Time now);
    /// Adds generated users, without as many as were added to the app by earlier calls, in one transaction. Skips users
    /// whose id or address is taken.
    void seed_users(std::string_view app_id, const std::vector<User>& users);

    std::optional<User> find_user(std::string_view app_id, std::string_view user_id);
    /// `identifier` is an e-mail address or a phone number.
    std::optional<User> find_user_by_identifier(std::string_view app_id, std::string_view identifier);
    /// Without `created_before` lists all current users, and fixes this set: a page with the resulting `created_before`
    /// has no users that were added later, unless planted with an earlier `created_at`.
    UserPage list_users(std::string_view app_id, const Listing& listing, Time now);
    /// Returns nullopt if there is no such user. Throws AlreadyTaken, or ApiError if no identifier would remain.
    std::optional<User> update_user(std::string_view app_id, std::string_view user_id, const UserChanges& changes,
                                    Time now);
    std::optional<User> set_status(std::string_view app_id, std::string_view user_id, std::string_view status,
                                   Time now);
    bool remove_user(std::string_view app_id, std::string_view user_id);

    /// These return whether the user exists.
    bool has_user(std::string_view app_id, std::string_view user_id);
    bool add_device(std::string_view app_id, std::string_view user_id, const Device& device);
    bool add_event(std::string_view app_id, std::string_view user_id, const Event& event);
    bool put_social_connection(std::string_view app_id, std::string_view user_id, const SocialConnection& connection);

    bool remove_device(std::string_view app_id, std::string_view user_id, std::string_view device_id);

private:
    using Row = std::int64_t;

    template <class Insert>
    bool add_to_user(std::string_view app_id, std::string_view user_id, Insert insert);
    std::optional<Row> row_of(std::string_view app_id, std::string_view user_id);
    std::optional<User> read_user(std::string_view app_id, std::string_view user_id);
    /// The field whose value another user has.
    std::string_view taken_field(std::string_view app_id, const UserRecord& user);
    void insert_user(std::string_view app_id, const User& user, Time listed_at);
    void insert_device(Row user, const Device& device);
    void insert_event(Row user, const Event& event);
    void insert_social_connection(Row user, const SocialConnection& connection);

    FileLock lock_; // before the file that it locks
    std::mutex mutex_;
    Database database_;
    // A set of users is identified by the whole second at which it ends. A user is listed from its creation on, but not
    // in sets that were fixed before: then from the end of the last of these.
    Time last_listed_at_; ///< of the last user
    Time last_set_end_;
};

} // namespace passage::emulator
