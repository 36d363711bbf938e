#pragma once

#include <passage/user.hpp>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace passage {

/// A user to be created. At least one of `email` and `phone` is needed.
class CreateUserRequest
{
public:
    CreateUserRequest() = default;

    /// Sets the e-mail address.
    CreateUserRequest& email(std::string address)
    {
        email_ = std::move(address);
        return *this;
    }
    /// Sets the phone number, E.164: `+15005550007`.
    CreateUserRequest& phone(std::string number)
    {
        phone_ = std::move(number);
        return *this;
    }
    /// Sets one field of the metadata.
    CreateUserRequest& metadata(std::string_view key, boost::json::value value)
    {
        if (!metadata_)
            metadata_.emplace();
        (*metadata_)[key] = std::move(value);
        return *this;
    }
    /// Sets one field of the metadata to a text.
    template <class Text>
    requires std::same_as<Text, std::string> || std::same_as<Text, std::string_view> CreateUserRequest&
    metadata(std::string_view key, const Text& text)
    {
        return metadata(key, boost::json::value(boost::json::string_view{text.data(), text.size()}));
    }
    /// Sets the metadata whole.
    CreateUserRequest& metadata(boost::json::object fields)
    {
        metadata_ = std::move(fields);
        return *this;
    }

    /// The e-mail address, if set.
    const std::optional<std::string>& email() const noexcept { return email_; }
    /// The phone number, if set.
    const std::optional<std::string>& phone() const noexcept { return phone_; }
    /// The metadata, if set.
    const std::optional<boost::json::object>& metadata() const noexcept { return metadata_; }

private:
    std::optional<std::string> email_;
    std::optional<std::string> phone_;
    std::optional<boost::json::object> metadata_;
};

/// What becomes of a field in an update: it is left alone, set to null, or set to a value.
template <class T>
class Change
{
public:
    /// Left alone.
    Change() = default;

    /// Set to a value.
    static Change set(T value)
    {
        Change change;
        change.kept_ = false;
        change.value_ = std::move(value);
        return change;
    }
    /// Set to null.
    static Change clear()
    {
        Change change;
        change.kept_ = false;
        return change;
    }

    /// Whether the field is left alone.
    bool kept() const noexcept { return kept_; }
    /// The new value; none if the field is left alone or set to null.
    const std::optional<T>& value() const noexcept { return value_; }

private:
    bool kept_ = true;
    std::optional<T> value_;
};

/// What is to change of a user. Fields not named are left as they are; at least one must be named.
class UpdateUserRequest
{
public:
    UpdateUserRequest() = default;

    /// Sets the e-mail address.
    UpdateUserRequest& email(std::string address)
    {
        email_ = Change<std::string>::set(std::move(address));
        return *this;
    }
    /// Removes the e-mail address.
    UpdateUserRequest& clear_email()
    {
        email_ = Change<std::string>::clear();
        return *this;
    }
    /// Sets the phone number, E.164: `+15005550007`.
    UpdateUserRequest& phone(std::string number)
    {
        phone_ = Change<std::string>::set(std::move(number));
        return *this;
    }
    /// Removes the phone number.
    UpdateUserRequest& clear_phone()
    {
        phone_ = Change<std::string>::clear();
        return *this;
    }
    /// Sets the metadata.
    UpdateUserRequest& metadata(boost::json::object fields)
    {
        metadata_ = Change<boost::json::object>::set(std::move(fields));
        return *this;
    }
    /// Sets one field of the metadata to be sent. Fields of the user that are not sent: as the
    /// service has it.
    UpdateUserRequest& metadata(std::string_view key, boost::json::value value)
    {
        boost::json::object fields = metadata_.value().value_or(boost::json::object{});
        fields[key] = std::move(value);
        return metadata(std::move(fields));
    }
    /// Sets one field of the metadata to be sent to a text.
    template <class Text>
    requires std::same_as<Text, std::string> || std::same_as<Text, std::string_view> UpdateUserRequest&
    metadata(std::string_view key, const Text& text)
    {
        return metadata(key, boost::json::value(boost::json::string_view{text.data(), text.size()}));
    }
    /// Sets the metadata to null.
    UpdateUserRequest& clear_metadata()
    {
        metadata_ = Change<boost::json::object>::clear();
        return *this;
    }

    /// What becomes of the e-mail address.
    const Change<std::string>& email() const noexcept { return email_; }
    /// What becomes of the phone number.
    const Change<std::string>& phone() const noexcept { return phone_; }
    /// What becomes of the metadata.
    const Change<boost::json::object>& metadata() const noexcept { return metadata_; }

private:
    Change<std::string> email_;
    Change<std::string> phone_;
    Change<boost::json::object> metadata_;
};

} // namespace passage
