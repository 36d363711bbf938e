#pragma once

#include <passage/batch_options.hpp>
#include <passage/detail/batch_operation.hpp>
#include <passage/expected.hpp>
#include <passage/requests.hpp>
#include <passage/user.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace passage {
class Client;
}

namespace passage::detail {

/// A batch that yields the results of all items in the order of the items.
template <class T>
using BatchOf = std::shared_ptr<BatchOperation<std::vector<expected<T>>>>;

PASSAGE_EXPORT BatchOf<UserInfo> prepare_get_users(Client& client, std::vector<std::string> ids, BatchOptions options);
PASSAGE_EXPORT BatchOf<void> prepare_delete_users(Client& client, std::vector<std::string> ids, BatchOptions options);
PASSAGE_EXPORT BatchOf<UserInfo> prepare_create_users(Client& client, std::vector<CreateUserRequest> requests,
                                                      BatchOptions options);
PASSAGE_EXPORT BatchOf<UserInfo> prepare_update_users(Client& client,
                                                      std::vector<std::pair<std::string, UpdateUserRequest>> updates,
                                                      BatchOptions options);

} // namespace passage::detail
