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

/// The request of `Client::create_user`. It must have an e-mail address, a phone number, or both.
///
/// The metadata may nest at most 29 levels deep, itself included, and must contain neither NaN nor infinity.
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
    /// Sets the phone number in E.164 format, such as `+15005550007`.
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
    /// Sets one field of the metadata to a string.
    template <class Text>
    requires std::same_as<Text, std::string> || std::same_as<Text, std::string_view> CreateUserRequest&
    metadata(std::string_view key, const Text& text)
    {
        return metadata(key, boost::json::value(boost::json::string_view{text.data(), text.size()}));
    }
    /// Replaces the metadata.
    CreateUserRequest& metadata(boost::json::object fields)
    {
        metadata_ = std::move(fields);
        return *this;
    }

    /// Returns the e-mail address, if set.
    const std::optional<std::string>& email() const noexcept { return email_; }
    /// Returns the phone number, if set.
    const std::optional<std::string>& phone() const noexcept { return phone_; }
    /// Returns the metadata, if set.
    const std::optional<boost::json::object>& metadata() const noexcept { return metadata_; }

private:
    std::optional<std::string> email_;
    std::optional<std::string> phone_;
    std::optional<boost::json::object> metadata_;
};

/// The change of a field in an update: the field is kept as it is, set to null, or set to a value.
template <class T>
class Change
{
public:
    /// The field is kept as it is.
    Change() = default;

    /// The field is set to a value.
    static Change set(T value)
    {
        Change change;
        change.kept_ = false;
        change.value_ = std::move(value);
        return change;
    }
    /// The field is set to null.
    static Change clear()
    {
        Change change;
        change.kept_ = false;
        return change;
    }

    /// Returns whether the field is kept as it is.
    bool kept() const noexcept { return kept_; }
    /// Returns the new value; absent if the field is kept as it is, or set to null.
    const std::optional<T>& value() const noexcept { return value_; }

private:
    bool kept_ = true;
    std::optional<T> value_;
};

/// The request of `Client::update_user`.
///
/// The service changes the fields that the request sets or clears, and keeps the others as they are. The request must
/// set or clear at least one field. The limits of the metadata are those of `CreateUserRequest`.
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
    /// Clears the e-mail address: it is set to null.
    UpdateUserRequest& clear_email()
    {
        email_ = Change<std::string>::clear();
        return *this;
    }
    /// Sets the phone number in E.164 format, such as `+15005550007`.
    UpdateUserRequest& phone(std::string number)
    {
        phone_ = Change<std::string>::set(std::move(number));
        return *this;
    }
    /// Clears the phone number: it is set to null.
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
    /// Sets one field of the metadata that is sent. Whether the user's other metadata fields are kept depends on the
    /// service.
    UpdateUserRequest& metadata(std::string_view key, boost::json::value value)
    {
        boost::json::object fields = metadata_.value().value_or(boost::json::object{});
        fields[key] = std::move(value);
        return metadata(std::move(fields));
    }
    /// Sets one field of the metadata that is sent to a string.
    template <class Text>
    requires std::same_as<Text, std::string> || std::same_as<Text, std::string_view> UpdateUserRequest&
    metadata(std::string_view key, const Text& text)
    {
        return metadata(key, boost::json::value(boost::json::string_view{text.data(), text.size()}));
    }
    /// Clears the metadata: it is set to null.
    UpdateUserRequest& clear_metadata()
    {
        metadata_ = Change<boost::json::object>::clear();
        return *this;
    }

    /// Returns the change of the e-mail address.
    const Change<std::string>& email() const noexcept { return email_; }
    /// Returns the change of the phone number.
    const Change<std::string>& phone() const noexcept { return phone_; }
    /// Returns the change of the metadata.
    const Change<boost::json::object>& metadata() const noexcept { return metadata_; }

private:
    Change<std::string> email_;
    Change<std::string> phone_;
    Change<boost::json::object> metadata_;
};

} // namespace passage
