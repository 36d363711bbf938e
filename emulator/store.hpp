#pragma once

#include "api_error.hpp"
#include "certificates.hpp"
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

/// SHA-256 of an API key, which is all that is kept of one.
using KeyHash = std::array<unsigned char, 32>;

struct App
{
    KeyHash key_hash;
    Time created_at;
};

/// What signs tokens. Kept with its private half, so that tokens are good beyond a restart.
struct SigningKey
{
    std::string id;
    PrivateKey private_key;
};

/// A refusal: another user of the app has this `email`, `phone` or `id`, or another device of the user this `id`.
class AlreadyTaken : public ApiError
{
public:
    explicit AlreadyTaken(std::string_view field)
        : ApiError(400, "invalid_request", std::string{"The "}.append(field).append(" is taken already."))
    {}
};

struct UserPage
{
    std::int64_t created_before = 0; ///< seconds since 1970: the end of the set of users that it is a page of
    std::int64_t total_users = 0;
    std::vector<UserRecord> users;
};

/// Apps, users, what belongs to them and the certificate authority, in SQLite. What a write returned has reached the
/// disk. One operation runs at a time; any thread may ask. Throws SqlError.
class Store
{
public:
    /// Opens the file, made if missing; an empty name keeps everything in memory. The file and what
    /// SQLite keeps beside it are for their owner alone, also if they were open to others. Throws
    /// std::runtime_error that says what to do if the file is of no use, and then leaves the file
    /// as it was.
    explicit Store(const std::filesystem::path& file);

    /// Adds the app, or gives it another key.
    void put_app(std::string_view app_id, const KeyHash& key_hash, Time now);
    std::optional<App> find_app(std::string_view app_id);
    /// The id of the app that was added first, if there is one.
    std::optional<std::string> first_app();

    /// The certificate authority, if one was put: clients that trust it do so beyond a restart.
    std::optional<KeptIdentity> authority();
    void put_authority(const KeptIdentity& authority);

    void add_signing_key(std::string_view app_id, const SigningKey& key, Time now);
    /// Oldest first.
    std::vector<SigningKey> signing_keys(std::string_view app_id);
    /// Whether there was such a key.
    bool remove_signing_key(std::string_view app_id, std::string_view key_id);

    /// Throws AlreadyTaken.
    void add_user(std::string_view app_id, const User& user, Time now);
    /// Adds those of an endless row of invented users, of which these are the first, that the app has not been
    /// given before, all in one transaction. One whose id or address is taken is left out.
    void seed_users(std::string_view app_id, const std::vector<User>& users);

    std::optional<User> find_user(std::string_view app_id, std::string_view user_id);
    /// By e-mail or phone.
    std::optional<User> find_user_by_identifier(std::string_view app_id, std::string_view identifier);
    /// Unless the listing says `created_before`, all who are there, and the page's `created_before` fixes this
    /// set: a user that is added later is not in it, unless planted with an earlier `created_at`.
    UserPage list_users(std::string_view app_id, const Listing& listing, Time now);
    /// Nothing if there is no such user. Throws AlreadyTaken, and ApiError if no identifier would
    /// remain.
    std::optional<User> update_user(std::string_view app_id, std::string_view user_id, const UserChanges& changes,
                                    Time now);
    std::optional<User> set_status(std::string_view app_id, std::string_view user_id, std::string_view status,
                                   Time now);
    bool remove_user(std::string_view app_id, std::string_view user_id);

    /// These say whether there is such a user.
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
    /// By which field the user collides with another one.
    std::string_view taken_field(std::string_view app_id, const UserRecord& user);
    void insert_user(std::string_view app_id, const User& user, Time listed_at);
    void insert_device(Row user, const Device& device);
    void insert_event(Row user, const Event& event);
    void insert_social_connection(Row user, const SocialConnection& connection);

    std::mutex mutex_;
    Database database_;
    // A set of users is fixed by the whole second at which it ends. A user is listed from its creation on or, if
    // that lies in a set that was fixed before, from the end of this set on.
    Time last_listed_at_; ///< of the user that is listed last
    Time last_set_end_;
};

} // namespace passage::emulator
