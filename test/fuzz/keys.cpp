#include "fuzz.hpp"

#include "jwt/key_set.hpp"

#include <boost/json/parse.hpp>

#include <string>

// Any text as a key set. The keys that are taken are public RSA keys by another parser's word.

namespace passage::fuzz {

void run(std::string_view body)
{
    const auto keys = jwt::read_key_set(body);
    if (!keys) {
        require(keys.error().code == Errc::decode && is_one_line(keys.error().message), "the error is one line");
        return;
    }
    boost::system::error_code error;
    const auto document = boost::json::parse({body.data(), body.size()}, error);
    require(!error && document.is_object(), "what is read is an object");
    const auto& list = document.as_object().at("keys").as_array();
    require(keys->size() <= list.size(), "no key is made up");

    std::size_t found = 0;
    for (const auto& value : list) {
        const auto& key = value.as_object();
        const auto* const id = key.if_contains("kid");
        if (!id || !id->is_string() || !keys->find(std::string{id->as_string()}) || key.contains("d"))
            continue;
        const auto* const kind = key.if_contains("kty");
        if (!kind || *kind != "RSA")
            continue;
        ++found;
        require(!keys->find(std::string{id->as_string()})->verifies("m", std::string(256, 's')),
                "no signature is guessed");
    }
    taken += keys->size();
    require(found >= keys->size(), "each key that is taken is in the list");
    require(!keys->find(""), "no key is without an id");
}

} // namespace passage::fuzz
