// Many users at once.

#include "load.hpp"
#include "scenario.hpp"
#include "users.hpp"

#include <passage/passage.hpp>

#include <algorithm>
#include <array>
#include <vector>

namespace passage::bench {
namespace {

using Users = std::vector<expected<UserInfo>>;

std::vector<std::string> ids_of(const std::vector<KnownUser>& users)
{
    std::vector<std::string> ids;
    for (const KnownUser& user : users)
        ids.push_back(user.id);
    return ids;
}

/// One of so many that read users, each the next that is not read yet.
asio::awaitable<void> read_in_turn(Client& client, const std::vector<std::string>& ids, std::size_t& next,
                                   Users& results)
{
    while (next < ids.size()) {
        const std::size_t i = next++;
        results[i] = co_await client.get_user(ids[i]);
    }
}

/// Two ways to read the same users, on one client.
class Readers
{
public:
    explicit Readers(const Settings& settings)
        : users_{find_users(settings.config, settings.requests)},
          connections_{settings.connections},
          client_{context_, settings.config}
    {}

    std::size_t count() const { return users_.size(); }
    const Tally& tally() const { return tally_; }

    Usage by_hand()
    {
        const std::vector<std::string> ids = ids_of(users_);
        return measure([&](Users& results) {
            results.resize(ids.size());
            std::size_t next = 0;
            for (std::size_t i = 0; i < connections_; ++i)
                asio::co_spawn(context_, read_in_turn(client_, ids, next, results), rethrow);
            context_.run();
        });
    }

    Usage by_batch()
    {
        std::vector<std::string> ids = ids_of(users_);
        return measure([&](Users& results) {
            asio::co_spawn(context_, get_users(client_, std::move(ids), BatchOptions{}.window(connections_)),
                           [&](std::exception_ptr error, Users read) {
                               rethrow(std::move(error));
                               results = std::move(read);
                           });
            context_.run();
        });
    }

private:
    template <class Read>
    Usage measure(const Read& read)
    {
        Users results;
        context_.restart();
        const Usage usage = Meter{}.measure([&] { read(results); });
        for (std::size_t i = 0; i < results.size(); ++i)
            if (auto what = wrong_user(users_[i], results[i]))
                tally_.fail(std::move(*what));
        return usage;
    }

    std::vector<KnownUser> users_;
    std::size_t connections_;
    asio::io_context context_{1};
    Client client_;
    Tally tally_;
};

double median(std::vector<double> values)
{
    std::ranges::sort(values);
    return values[values.size() / 2];
}

} // namespace

Report batch(const Settings& settings)
{
    constexpr int rounds = 11;
    Readers readers{settings};
    readers.by_hand(); // which opens the connections
    std::vector<double> batches;
    std::vector<double> hands;
    std::vector<double> ratios;
    Report report;
    const auto each = [&](auto sum) { return static_cast<double>(sum) / static_cast<double>(readers.count()); };
    for (int round = 0; round < rounds; ++round) {
        // Each has the other before it as often as after it.
        std::array<Usage, 2> usage;
        for (const int which : {round % 2, 1 - round % 2})
            usage[static_cast<std::size_t>(which)] = which == 0 ? readers.by_hand() : readers.by_batch();
        hands.push_back(each(usage[0].cpu.count()));
        batches.push_back(each(usage[1].cpu.count()));
        ratios.push_back(batches.back() / hands.back());
        report.values["allocations_by_hand"] = each(usage[0].heap.allocations);
        report.values["allocations_beyond"] = each(usage[1].heap.allocations) - report.values["allocations_by_hand"];
    }
    report.requests = readers.count();
    report.errors = readers.tally().errors;
    report.first_error = readers.tally().first_error();
    report.values["cpu_us_by_hand"] = median(hands);
    report.values["cpu_us_batch"] = median(batches);
    report.values["cpu_ratio"] = median(ratios);
    return report;
}

Report batch_memory(const Settings& settings)
{
    constexpr std::size_t count = 100'000;
    std::vector<KnownUser> users = find_users(settings.config, count);
    const std::size_t known = users.size();
    for (std::size_t i = known; i < count; ++i)
        users.push_back({"unknown" + std::to_string(i), ""});
    asio::io_context context{1};
    Client client{context, settings.config};
    std::size_t most = 0;
    BatchOptions options;
    options.window(settings.connections).on_progress([&](const BatchProgress& now) {
        if (now.done % 1'000 == 0)
            most = std::max(most, memory_use().heap);
    });
    Users results;
    asio::co_spawn(context, get_users(client, ids_of(users), options), [&](std::exception_ptr error, Users read) {
        rethrow(std::move(error));
        results = std::move(read);
    });
    context.run();
    const std::size_t with_results = memory_use().heap;

    Report report;
    report.requests = count;
    Tally tally;
    for (std::size_t i = 0; i < count; ++i) {
        if (i < known || results[i] || !is_not_found(results[i].error()))
            if (auto what = wrong_user(users[i], results[i]))
                tally.fail(std::move(*what));
    }
    report.errors = tally.errors;
    report.first_error = tally.first_error();
    report.values["heap_bytes_beyond_results"] = static_cast<double>(most) - static_cast<double>(with_results);
    return report;
}

} // namespace passage::bench
