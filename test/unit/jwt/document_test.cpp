#include "jwt/document.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <vector>

using namespace passage;
using jwt::Path;
using jwt::Value;

namespace {

constexpr std::array<std::string_view, 2> names{"a", "b"};

/// Records the values that it receives.
struct Recorder final : jwt::Sink
{
    bool take(Path path, const Value& value) override
    {
        constexpr std::array<const char*, 6> kinds{"null", "flag", "number", "text", "array", "object"};
        for (const int name : path)
            log += name == jwt::element      ? "*"
                   : name == jwt::other_name ? "?"
                                             : std::string{names[static_cast<std::size_t>(name)]};
        log.append("=").append(kinds[static_cast<std::size_t>(value.kind)]);
        if (value.kind == Value::Kind::text)
            log.append(":").append(value.text);
        log += ' ';
        return value.text != "refuse me";
    }

    std::string log;
};

bool is_read(std::string_view json)
{
    Recorder recorder;
    return jwt::read_document(json, names, recorder);
}

std::string nested(std::size_t depth)
{
    return R"({"x":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
}

} // namespace

BOOST_AUTO_TEST_SUITE(documents)

BOOST_AUTO_TEST_CASE(values_are_given_with_their_places)
{
    Recorder recorder;
    BOOST_TEST(jwt::read_document(R"( {"a":"t","x":{"b":[1,{"a":null}],"a":true},"b":-1.5e3} )", names, recorder));
    BOOST_TEST(recorder.log == "=object a=text:t ?=object ?b=array ?b*=number ?b*=object ?b*a=null ?a=flag b=number ");
}

BOOST_AUTO_TEST_CASE(texts_are_given_without_their_escapes)
{
    const std::string text(3000, 'y');
    Recorder recorder;
    BOOST_TEST(jwt::read_document(R"({"\u0061":"\u0062\n","b":"\t)" + text + "\"}", names, recorder));
    BOOST_TEST(recorder.log == "=object a=text:b\n b=text:\t" + text + " ");
}

BOOST_AUTO_TEST_CASE(a_name_twice_in_one_object_is_refused)
{
    for (const char* json :
         {R"({"a":1,"a":1})", R"({"x":1,"y":2,"x":1})", R"({"a":1,"\u0061":1})", R"({"x":{"y":1,"y":1}})",
          R"({"x":[{"y":1,"y":1}]})", R"({"":1,"":1})", R"({"x":{"x":1},"x":1})"})
        BOOST_TEST(!is_read(json), json);
    for (const char* json : {R"({"a":{"a":{"a":1}}})", R"({"x":[{"y":1},{"y":1}],"y":1})", R"({"a":1,"A":1})"})
        BOOST_TEST(is_read(json), json);
}

BOOST_AUTO_TEST_CASE(what_is_no_object_of_json_is_refused)
{
    for (const std::string& json : {std::string{},
                                    std::string{" "},
                                    std::string{"[]"},
                                    std::string{"\"a\""},
                                    std::string{"1"},
                                    std::string{"null"},
                                    std::string{"{"},
                                    std::string{"{}x"},
                                    std::string{"{}{}"},
                                    std::string{"{'a':1}"},
                                    std::string{R"({"a":1,})"},
                                    std::string{"\xef\xbb\xbf{}"},
                                    std::string{"{\"a\":\"\xff\"}"},
                                    std::string{"{\"\xc0\xaf\":1}"},
                                    std::string{R"({"a":"\ud800"})"},
                                    std::string{R"({"a":NaN})"},
                                    std::string{R"({"a":1e1000000000})"},
                                    std::string{R"({"a":1e-99999999999})"},
                                    std::string{R"({"a":"refuse me"})"},
                                    std::string{"{}\0", 3},
                                    nested(33),
                                    nested(100)})
        BOOST_TEST(!is_read(json), json);
    BOOST_TEST(is_read("{}"));
    BOOST_TEST(is_read(nested(32)));
}

BOOST_AUTO_TEST_CASE(memory_is_bounded_as_it_is_for_any_body)
{
    constexpr std::size_t most = 64 * 1024 * 1024;
    const auto text = [](std::size_t size) { return R"({"a":"\n)" + std::string(size, 'y') + "\"}"; };
    const auto name = [](std::size_t size) { return R"({"\n)" + std::string(size, 'y') + "\":0}"; };
    BOOST_TEST(is_read(text(most / 8)));
    BOOST_TEST(is_read(name(most / 8)));
    BOOST_TEST(!is_read(text(most)));
    BOOST_TEST(!is_read(name(most)));
}

BOOST_AUTO_TEST_CASE(names_are_bounded)
{
    const auto with = [](int count) {
        std::string json = "{";
        for (int i = 0; i < count; ++i)
            json += (i ? ",\"" : "\"") + std::to_string(i) + "\":0";
        return json + "}";
    };
    BOOST_TEST(is_read(with(256)));
    BOOST_TEST(!is_read(with(257)));
}

BOOST_AUTO_TEST_SUITE_END()
