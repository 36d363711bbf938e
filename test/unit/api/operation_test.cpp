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
        Success success;
        bool idempotent;
        bool answer_names_subject;
        bool repeated_not_found_is_success;
    };
    using enum Success;
    const Case cases[]{
        {create_user, "create_user", "POST", created, false, true, false},
        {get_user, "get_user", "GET", content, true, true, false},
        {coalesced_get_user, "coalesced_get_user", "GET", content, true, true, false},
        {get_user_by_identifier, "get_user_by_identifier", "GET", content, true, false, false},
        {update_user, "update_user", "PATCH", content, true, true, false},
        {activate_user, "activate_user", "PATCH", content, true, true, false},
        {deactivate_user, "deactivate_user", "PATCH", content, true, true, false},
        {delete_user, "delete_user", "DELETE", empty, true, false, true},
        {list_user_devices, "list_user_devices", "GET", content, true, false, false},
        {delete_user_device, "delete_user_device", "DELETE", empty, true, false, true},
        {revoke_user_refresh_tokens, "revoke_user_refresh_tokens", "DELETE", empty, true, false, false},
        {list_users, "list_users", "GET", content, true, false, false},
        {create_magic_link, "create_magic_link", "POST", created, false, true, false},
        {get_app, "get_app", "GET", content, true, false, false},
        {authenticate, "authenticate", "GET", content, true, false, false},
    };
    for (const Case& test : cases) {
        BOOST_TEST(test.operation.name == test.name);
        BOOST_TEST(test.operation.method == test.method);
        BOOST_TEST((test.operation.success == test.success));
        BOOST_TEST(test.operation.idempotent == test.idempotent);
        BOOST_TEST(test.operation.answer_names_subject == test.answer_names_subject);
        BOOST_TEST(test.operation.repeated_not_found_is_success == test.repeated_not_found_is_success);
    }
}
