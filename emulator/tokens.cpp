#include "tokens.hpp"

#include "api_error.hpp"
#include "random.hpp"
#include "requests.hpp"

#include <utility>

namespace passage::emulator {

std::vector<SigningKey> key_set(Store& store, std::string_view app_id, Time now)
{
    std::vector<SigningKey> keys = store.signing_keys(app_id);
    while (keys.empty()) {
        rotate_key(store, app_id, now);
        keys = store.signing_keys(app_id);
    }
    return keys;
}

std::string rotate_key(Store& store, std::string_view app_id, Time now)
{
    SigningKey key{new_id(), make_private_key()};
    store.add_signing_key(app_id, key, now);
    return std::move(key.id);
}

std::string issue_token(Store& store, std::string_view app_id, std::string_view user_id, std::string_view body,
                        Time now)
{
    if (!store.has_user(app_id, user_id)) {
        throw user_not_found();
    }
    const std::string claims = read_claims(app_id, user_id, body, now);
    const std::vector<SigningKey> keys = key_set(store, app_id, now);
    return sign_jwt(keys.back().private_key, keys.back().id, claims);
}

} // namespace passage::emulator
