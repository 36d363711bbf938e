#include "api/operation.hpp"

#include <boost/test/unit_test.hpp>

using namespace passage::api;

BOOST_AUTO_TEST_CASE(operations_say_what_may_be_repeated)
{
    struct Case
    {
        Operation operation;
        std::string_view name;
        std::string_view method;
        bool idempotent;
        bool repeated_not_found_is_success;
    };
    const Case cases[]{
        {create_user, "create_user", "POST", false, false},
        {get_user, "get_user", "GET", true, false},
        {get_user_by_identifier, "get_user_by_identifier", "GET", true, false},
        {update_user, "update_user", "PATCH", true, false},
        {activate_user, "activate_user", "PATCH", true, false},
        {deactivate_user, "deactivate_user", "PATCH", true, false},
        {delete_user, "delete_user", "DELETE", true, true},
        {list_user_devices, "list_user_devices", "GET", true, false},
        {delete_user_device, "delete_user_device", "DELETE", true, true},
        {revoke_user_refresh_tokens, "revoke_user_refresh_tokens", "DELETE", true, false},
        {list_users, "list_users", "GET", true, false},
        {create_magic_link, "create_magic_link", "POST", false, false},
        {get_app, "get_app", "GET", true, false},
        {authenticate, "authenticate", "GET", true, false},
    };
    for (const Case& test : cases) {
        BOOST_TEST(test.operation.name == test.name);
        BOOST_TEST(test.operation.method == test.method);
        BOOST_TEST(test.operation.idempotent == test.idempotent);
        BOOST_TEST(test.operation.repeated_not_found_is_success == test.repeated_not_found_is_success);
    }
}
