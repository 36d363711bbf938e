#pragma once

#include <passage/open_enum.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace passage {

/// By what a magic link is sent.
enum class MagicLinkChannel { unknown, email, phone };
/// The wire's texts of `MagicLinkChannel`.
template <>
inline constexpr std::array<std::string_view, 2> enum_texts<MagicLinkChannel>{"email", "phone"};

/// What a magic link is for.
enum class MagicLinkType { unknown, login, verify_identifier };
/// The wire's texts of `MagicLinkType`.
template <>
inline constexpr std::array<std::string_view, 2> enum_texts<MagicLinkType>{"login", "verify_identifier"};

/// The language of the message in which a magic link is sent.
enum class MagicLinkLanguage { unknown, de, en, es, it, pl, pt, zh };
/// The wire's texts of `MagicLinkLanguage`.
template <>
inline constexpr std::array<std::string_view, 7> enum_texts<MagicLinkLanguage>{"de", "en", "es", "it",
                                                                               "pl", "pt", "zh"};

/// A link that signs a user in, or verifies an identifier, when it is opened.
///
/// Texts that the service left out, or sent as null, are empty. `secret` and `url` are as good as a password.
struct MagicLink
{
    MagicLink() = default;

    std::string id;               ///< The link's id.
    std::string app_id;           ///< The app's id.
    std::string user_id;          ///< The user's id; empty if nobody has the address.
    std::string identifier;       ///< The e-mail address or phone number that it is for.
    std::string redirect_url;     ///< Where the user comes out.
    std::string secret;           ///< What the link carries.
    std::string url;              ///< The link.
    std::chrono::minutes ttl{0};  ///< How long it is good for; at most what `std::chrono::nanoseconds` counts.
    OpenEnum<MagicLinkType> type; ///< What it is for.
    bool activated = false;       ///< Whether it was used.

    friend bool operator==(const MagicLink&, const MagicLink&) = default;
};

/// A magic link to be created: for one e-mail address, one phone number, or one user and the channel to reach them by.
///
/// What is not set is as the app is configured.
class CreateMagicLinkRequest
{
public:
    /// For an e-mail address.
    static CreateMagicLinkRequest for_email(std::string address)
    {
        return CreateMagicLinkRequest{Recipient::email, std::move(address), MagicLinkChannel::email};
    }
    /// For a phone number, E.164: `+15005550007`.
    static CreateMagicLinkRequest for_phone(std::string number)
    {
        return CreateMagicLinkRequest{Recipient::phone, std::move(number), MagicLinkChannel::phone};
    }
    /// For a user, by the e-mail address or phone number that the service knows.
    static CreateMagicLinkRequest for_user(std::string user_id, MagicLinkChannel channel)
    {
        return CreateMagicLinkRequest{Recipient::user, std::move(user_id), channel};
    }

    /// Has the service send the link to its recipient; it is only created without this.
    CreateMagicLinkRequest& send(bool sent = true)
    {
        send_ = sent;
        return *this;
    }
    /// Sets what the link is for.
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
    /// Sets how long the link is good for; at least a minute.
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
    /// Sets where the user comes out: a path of the app, or a URL.
    CreateMagicLinkRequest& redirect(std::string url)
    {
        redirect_ = std::move(url);
        return *this;
    }

    /// Whom a link is for.
    enum class Recipient {
        email, ///< Somebody with an e-mail address.
        phone, ///< Somebody with a phone number.
        user,  ///< A user of the app.
    };

    /// What `recipient` is.
    Recipient recipient_kind() const noexcept { return kind_; }
    /// The e-mail address, phone number or user's id.
    const std::string& recipient() const noexcept { return recipient_; }
    /// By what the link is sent.
    MagicLinkChannel channel() const noexcept { return channel_; }
    /// Whether the service is to send it.
    bool sent() const noexcept { return send_; }
    /// What the link is for, if set.
    std::optional<MagicLinkType> type() const noexcept { return type_; }
    /// The language of the message, if set.
    std::optional<MagicLinkLanguage> language() const noexcept { return language_; }
    /// How long the link is good for, if set.
    std::optional<std::chrono::minutes> ttl() const noexcept { return ttl_; }
    /// The path of the app that the link leads to, if set.
    const std::optional<std::string>& path() const noexcept { return path_; }
    /// Where the user comes out, if set.
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
