#pragma once

#include <passage/open_enum.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace passage {

/// The channel over which a magic link is sent.
enum class MagicLinkChannel { unknown, email, phone };
/// The texts that the API uses for `MagicLinkChannel`.
template <>
inline constexpr std::array<std::string_view, 2> enum_texts<MagicLinkChannel>{"email", "phone"};

/// The purpose of a magic link.
enum class MagicLinkType { unknown, login, verify_identifier };
/// The texts that the API uses for `MagicLinkType`.
template <>
inline constexpr std::array<std::string_view, 2> enum_texts<MagicLinkType>{"login", "verify_identifier"};

/// The language of the message in which a magic link is sent.
enum class MagicLinkLanguage { unknown, de, en, es, it, pl, pt, zh };
/// The texts that the API uses for `MagicLinkLanguage`.
template <>
inline constexpr std::array<std::string_view, 7> enum_texts<MagicLinkLanguage>{"de", "en", "es", "it",
                                                                               "pl", "pt", "zh"};

/// A link that signs a user in, or verifies an identifier, when it is opened.
///
/// Strings that the service omits, or sends as null, are empty. Treat `secret` and `url` like a password.
struct MagicLink
{
    MagicLink() = default;

    std::string id;               ///< The link's id.
    std::string app_id;           ///< The app's id.
    std::string user_id;          ///< The user's id; empty if no user has the identifier.
    std::string identifier;       ///< The e-mail address or phone number that the link is for.
    std::string redirect_url;     ///< Where the user is redirected after the link was opened.
    std::string secret;           ///< The secret that the link contains.
    std::string url;              ///< The URL of the link.
    std::chrono::minutes ttl{0};  ///< How long the link is valid; within the range of `std::chrono::nanoseconds`.
    OpenEnum<MagicLinkType> type; ///< The purpose of the link.
    bool activated = false;       ///< Whether the link was used.

    friend bool operator==(const MagicLink&, const MagicLink&) = default;
};

/// The request of `Client::create_magic_link`: for an e-mail address, a phone number, or a user and a channel.
///
/// The service uses the configuration of the app for settings that are not set.
class CreateMagicLinkRequest
{
public:
    /// Returns a request for an e-mail address.
    static CreateMagicLinkRequest for_email(std::string address)
    {
        return CreateMagicLinkRequest{Recipient::email, std::move(address), MagicLinkChannel::email};
    }
    /// Returns a request for a phone number in E.164 format, such as `+15005550007`.
    static CreateMagicLinkRequest for_phone(std::string number)
    {
        return CreateMagicLinkRequest{Recipient::phone, std::move(number), MagicLinkChannel::phone};
    }
    /// Returns a request for a user. The link is for the e-mail address or the phone number of the user, as `channel`
    /// says.
    static CreateMagicLinkRequest for_user(std::string user_id, MagicLinkChannel channel)
    {
        return CreateMagicLinkRequest{Recipient::user, std::move(user_id), channel};
    }

    /// Sets whether the service sends the link to its recipient. By default the service only creates the link.
    CreateMagicLinkRequest& send(bool sent = true)
    {
        send_ = sent;
        return *this;
    }
    /// Sets the purpose of the link.
    CreateMagicLinkRequest& type(MagicLinkType type)
    {
        type_ = type;
        return *this;
    }
    /// Sets the language of the message.
    CreateMagicLinkRequest& language(MagicLinkLanguage language)
    {
        language_ = language;
        return *this;
    }
    /// Sets how long the link is valid. Less than 1 minute is an error (`Errc::invalid_argument`).
    CreateMagicLinkRequest& ttl(std::chrono::minutes duration)
    {
        ttl_ = duration;
        return *this;
    }
    /// Sets the path of the app that the link leads to.
    CreateMagicLinkRequest& path(std::string path)
    {
        path_ = std::move(path);
        return *this;
    }
    /// Sets where the user is redirected after the link was opened: a path of the app, or a URL.
    CreateMagicLinkRequest& redirect(std::string url)
    {
        redirect_ = std::move(url);
        return *this;
    }

    /// The kind of recipient.
    enum class Recipient {
        email, ///< An e-mail address.
        phone, ///< A phone number.
        user,  ///< A user of the app, by id.
    };

    /// Returns the kind of the recipient.
    Recipient recipient_kind() const noexcept { return kind_; }
    /// Returns the e-mail address, phone number or user id of the recipient.
    const std::string& recipient() const noexcept { return recipient_; }
    /// Returns the channel over which the link is sent.
    MagicLinkChannel channel() const noexcept { return channel_; }
    /// Returns whether the service sends the link.
    bool sent() const noexcept { return send_; }
    /// Returns the purpose of the link, if set.
    std::optional<MagicLinkType> type() const noexcept { return type_; }
    /// Returns the language of the message, if set.
    std::optional<MagicLinkLanguage> language() const noexcept { return language_; }
    /// Returns how long the link is valid, if set.
    std::optional<std::chrono::minutes> ttl() const noexcept { return ttl_; }
    /// Returns the path of the app that the link leads to, if set.
    const std::optional<std::string>& path() const noexcept { return path_; }
    /// Returns where the user is redirected after the link was opened, if set.
    const std::optional<std::string>& redirect() const noexcept { return redirect_; }

private:
    CreateMagicLinkRequest(Recipient kind, std::string recipient, MagicLinkChannel channel)
        : kind_{kind}, recipient_{std::move(recipient)}, channel_{channel}
    {}

    Recipient kind_;
    std::string recipient_;
    MagicLinkChannel channel_;
    bool send_ = false;
    std::optional<MagicLinkType> type_;
    std::optional<MagicLinkLanguage> language_;
    std::optional<std::chrono::minutes> ttl_;
    std::optional<std::string> path_;
    std::optional<std::string> redirect_;
};

} // namespace passage
