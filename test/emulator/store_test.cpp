#include "local_service.hpp"
#include "random.hpp"
#include "seed.hpp"
#include "temporary_folder.hpp"

#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

namespace data = boost::unit_test::data;
namespace fs = std::filesystem;
using namespace passage::emulator;

namespace {

std::string content_of(const fs::path& file)
{
    std::ifstream input(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(input), {}};
}

void write(const fs::path& file, const std::string& content)
{
    std::ofstream(file, std::ios::binary) << content;
}

/// Another program at work on the same file.
class OtherProgram
{
public:
    explicit OtherProgram(const fs::path& file) { BOOST_REQUIRE(sqlite3_open(file.c_str(), &database_) == SQLITE_OK); }
    OtherProgram(const OtherProgram&) = delete;
    OtherProgram& operator=(const OtherProgram&) = delete;
    ~OtherProgram() { sqlite3_close(database_); }

    void execute(const char* sql)
    {
        BOOST_REQUIRE_MESSAGE(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK,
                              sqlite3_errmsg(database_));
    }

private:
    sqlite3* database_ = nullptr;
};

/// Files of this process cannot grow beyond a size, as on a full disk.
class FileSizeLimit
{
public:
    explicit FileSizeLimit(rlim_t bytes)
    {
        std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        BOOST_REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;
    ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

private:
    rlimit before_{};
};

/// What the refusal to open says; the file is the same afterwards.
std::string refusal_to_open(const fs::path& file)
{
    const std::string before = content_of(file);
    std::string said;
    try {
        const Store store(file);
        BOOST_ERROR("the file was opened");
    } catch (const std::runtime_error& error) {
        said = error.what();
    }
    BOOST_TEST((content_of(file) == before), "the file was changed");
    BOOST_TEST((said.find(file.string()) != std::string::npos), said);
    return said;
}

struct WithFile
{
    TemporaryFolder folder;
    fs::path file = folder.path() / "users.db";
};

bool contains(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(files, WithFile)

BOOST_AUTO_TEST_CASE(what_was_written_is_there_after_reopening)
{
    std::string id;
    std::string before;
    {
        LocalService service(file);
        id = service.create(R"({"email":"a@b.c","user_metadata":{"x":1.50}})");
        service.call("POST", "/admin/apps/app/users/" + id + "/devices", "{}");
        before = service.users("GET", "/" + id).body;
    }
    LocalService service(file);
    BOOST_TEST(service.users("GET", "/" + id).body == before);
}

BOOST_AUTO_TEST_CASE(file_of_an_older_version_is_brought_up_to_date)
{
    std::string id;
    {
        LocalService service(file);
        id = service.create(R"({"email":"a@b.c"})");
    }
    // What distinguishes the first version.
    OtherProgram(file).execute("DROP TABLE signing_keys; DROP TABLE authority;"
                               "ALTER TABLE apps DROP COLUMN seeded_users; ALTER TABLE users DROP COLUMN listed_at;"
                               "PRAGMA user_version = 1");
    LocalService service(file);
    BOOST_TEST(service.users("GET", "/" + id).status == 200U);
    BOOST_TEST(service.call("POST", "/admin/apps/app/users/" + id + "/tokens", "{}").status == 201U);
}

BOOST_AUTO_TEST_CASE(file_of_a_newer_version_is_refused)
{
    {
        Store{file};
    }
    OtherProgram(file).execute("PRAGMA user_version = 1000");
    BOOST_TEST(contains(refusal_to_open(file), "newer version"));
}

BOOST_AUTO_TEST_CASE(database_of_another_program_is_refused)
{
    OtherProgram(file).execute("CREATE TABLE songs (title TEXT)");
    BOOST_TEST(contains(refusal_to_open(file), "another program"));
}

BOOST_AUTO_TEST_CASE(file_that_is_no_database_is_refused)
{
    write(file, std::string(5000, 'x'));
    BOOST_TEST(contains(refusal_to_open(file), "not a database"));
}

BOOST_AUTO_TEST_CASE(damaged_file_is_refused)
{
    {
        Store store(file);
        store.put_app("app", {}, now());
        store.seed_users("app", invent_users(200));
    }
    std::string bytes = content_of(file);
    const std::size_t middle = bytes.size() / 2;
    bytes.replace(middle, 8192, std::string(8192, '\x5a'));
    write(file, bytes);
    BOOST_TEST(contains(refusal_to_open(file), "damaged"));
}

BOOST_AUTO_TEST_CASE(log_of_a_newer_version_is_left_beside_its_file)
{
    {
        Store{file};
    }
    OtherProgram newer(file);
    newer.execute("PRAGMA user_version = 1000");
    // As a killed program leaves them.
    const fs::path copy = folder.path() / "copy.db";
    fs::copy_file(file, copy);
    fs::copy_file(file.string() + "-wal", copy.string() + "-wal");
    const std::string log = content_of(copy.string() + "-wal");
    BOOST_TEST(contains(refusal_to_open(copy), "newer version"));
    BOOST_TEST((content_of(copy.string() + "-wal") == log));
}

BOOST_AUTO_TEST_CASE(file_is_for_one_store_at_a_time)
{
    {
        Store store(file);
        store.put_app("app", {}, now());
        const fs::path link = folder.path() / "link.db";
        fs::create_symlink(file, link);
        for (const fs::path& name : {file, link}) {
            BOOST_TEST(contains(refusal_to_open(name), "another program holds it"));
        }
        fs::remove(link);
        BOOST_TEST(store.find_app("app").has_value());
    }
    BOOST_TEST(!fs::exists(file.string() + ".lock"));
    // As a killed program leaves it.
    write(file.string() + ".lock", "");
    BOOST_TEST(Store(file).find_app("app").has_value());
}

BOOST_AUTO_TEST_CASE(missing_folder_is_named)
{
    const fs::path nowhere = folder.path() / "none" / "users.db";
    BOOST_TEST(contains(refusal_to_open(nowhere), "folder"));
    BOOST_TEST(!fs::exists(nowhere));
}

BOOST_AUTO_TEST_CASE(folder_is_no_data_file)
{
    BOOST_CHECK_THROW(Store{folder.path()}, std::runtime_error);
}

BOOST_AUTO_TEST_CASE(file_that_may_not_be_written_is_refused, *boost::unit_test::precondition([](auto) {
                         // Root may write everything.
                         return boost::test_tools::assertion_result(geteuid() != 0);
                     }))
{
    {
        Store{file};
    }
    fs::permissions(file, fs::perms::owner_read);
    BOOST_TEST(contains(refusal_to_open(file), "written"));
}

BOOST_AUTO_TEST_CASE(api_key_is_in_no_file)
{
    const std::string key = new_api_key();
    {
        Store store(file);
        store.put_app("app", hash_key(key), now());
        for (const auto& entry : fs::directory_iterator(folder.path())) {
            BOOST_TEST(!contains(content_of(entry.path()), key), entry.path());
        }
    }
    BOOST_TEST(!contains(content_of(file), key));
}

BOOST_AUTO_TEST_CASE(seed_fills_up_and_changes_nothing_that_is_there)
{
    {
        Store store(file);
        store.put_app("app", {}, now());
        store.seed_users("app", invent_users(10));
        store.set_status("app", invent_users(1)[0].record.id, "inactive", now());
        store.remove_user("app", invent_users(2)[1].record.id);
    }
    Store store(file);
    store.seed_users("app", invent_users(20));
    BOOST_TEST(store.list_users("app", read_listing({}), now()).total_users == 19);
    BOOST_TEST(store.find_user("app", invent_users(1)[0].record.id)->record.status == "inactive");
    BOOST_TEST(!store.has_user("app", invent_users(2)[1].record.id));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(trouble, WithFile)

BOOST_AUTO_TEST_CASE(write_waits_for_a_lock_and_then_gives_up_with_503)
{
    LocalService service(file);
    const std::string id = service.create(R"({"email":"a@b.c"})");
    OtherProgram other(file);
    other.execute("BEGIN IMMEDIATE");
    const Response refused = service.users("PATCH", "/" + id, R"({"email":"b@b.c"})");
    BOOST_TEST(refused.status == 503U);
    BOOST_TEST(code_of(refused) == "service_unavailable");
    BOOST_TEST(service.users("GET", "/" + id).status == 200U, "reads go on");
    other.execute("ROLLBACK");
    BOOST_TEST(service.users("PATCH", "/" + id, R"({"email":"b@b.c"})").status == 200U);
}

BOOST_AUTO_TEST_CASE(write_that_the_system_refuses_leaves_no_half)
{
    LocalService service(file);
    const std::string filling(2000, 'x');
    int stored = 0;
    Response response;
    {
        const FileSizeLimit limit(512 * 1024);
        do {
            const std::string email = std::to_string(stored) + "@b.c";
            response =
                service.users("POST", "", R"({"email":")" + email + R"(","user_metadata":{"x":")" + filling + R"("}})");
            ++stored;
        } while (response.status == 201);
        BOOST_TEST((response.status == 503U || response.status == 507U), response.status);
        const Response listed = service.users("GET", "?limit=1");
        BOOST_TEST(listed.status == 200U, "reads go on");
        BOOST_TEST(boost::json::parse(listed.body).at("total_users").as_int64() == stored - 1);
    }
    BOOST_TEST(service.users("POST", "", R"({"email":"later@b.c"})").status == 201U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(threads)

BOOST_AUTO_TEST_CASE(threads_share_a_store)
{
    LocalService service;
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 200; ++i) {
                const std::string name = std::to_string(t) + "." + std::to_string(i);
                failures += service.users("POST", "", R"({"email":")" + name + R"(@b.c"})").status != 201;
                failures += service.users("GET", "?identifier=" + name + "@b.c").status != 200;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    BOOST_TEST(failures == 0);
    BOOST_TEST(boost::json::parse(service.users("GET", "?limit=1").body).at("total_users").as_int64() == 800);
}

BOOST_AUTO_TEST_SUITE_END()
