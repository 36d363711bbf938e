#include "import_run.hpp"

#include <passage/batch.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace passage::ctl {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// The longest outage of the server that is waited for.
constexpr auto patience = 60s;
/// A record that the server does not answer is tried so often while it answers others.
constexpr unsigned max_tries = 5;
constexpr std::chrono::milliseconds first_wait = 500ms;
constexpr std::chrono::milliseconds longest_wait = 8s;
constexpr std::chrono::milliseconds shortest_pause = 100ms;
/// The service counts seconds where it says its time, and may say the next whole one.
constexpr auto clock_tolerance = 2s;

/// Whether the server, or the library before it, says no to this record. Another try would not help.
bool is_refusal(const Error& error)
{
    return error.code == Errc::invalid_argument || error.code == Errc::too_large ||
           (error.code == Errc::api && error.http_status >= 400 && error.http_status < 500 &&
            error.http_status != 408 && !is_rate_limited(error));
}

/// Whether an error is that of all further records.
bool is_of_the_batch(const Error& error)
{
    return BatchOptions{}.stops(error) || is_cancelled(error);
}

std::chrono::milliseconds wait_after(unsigned failures)
{
    return std::min(longest_wait, first_wait * (1U << std::min(failures, 10U)));
}

} // namespace

/// The open records, as a range that is read as the batch begins them.
class ImportRun::Items
{
public:
    class Iterator
    {
    public:
        using value_type = Item;
        using difference_type = std::ptrdiff_t;

        Iterator() = default;
        explicit Iterator(ImportRun& run) : run_{&run}, is_at_end_{!run.advance()} {}

        const Item& operator*() const { return run_->next_; }
        Iterator& operator++()
        {
            is_at_end_ = !run_->advance();
            return *this;
        }
        void operator++(int) { ++*this; }
        bool operator==(std::default_sentinel_t) const { return is_at_end_; }

    private:
        ImportRun* run_ = nullptr;
        bool is_at_end_ = true;
    };

    explicit Items(ImportRun& run) : run_{&run} {}

    Iterator begin() const { return Iterator{*run_}; }
    std::default_sentinel_t end() const { return {}; }

private:
    ImportRun* run_;
};

ImportRun::ImportRun(Client& client, const InputFile& input, RecordReader& records, std::vector<RecordState>& states,
                     Journal& journal, const ImportOptions& options, Progress& progress,
                     std::function<void(std::uint64_t, const std::string&)> complain)
    : client_{client},
      input_{input},
      records_{records},
      states_{states},
      journal_{journal},
      options_{options},
      progress_{progress},
      complain_{std::move(complain)}
{}

bool ImportRun::advance()
{
    while (!found_change_ && records_.next(next_.record)) {
        const std::uint64_t number = next_.record.number;
        const bool was_checked = number < states_.size();
        if (was_checked && states_[number] != RecordState::open)
            continue;
        // The record was read before this question, so it is of the checked input if the answer is no.
        if (!was_checked || !next_.record.problem.empty() || input_.has_changed()) {
            found_change_ = true;
            return false;
        }
        next_.was_sent = next_.may_exist = journal_.was_asked(number);
        places_[advanced_++] = {number, next_.record.line};
        return true;
    }
    return false;
}

asio::awaitable<std::optional<Error>> ImportRun::run()
{
    BatchOptions options;
    options.window(options_.window).stop_when([this](const Error& error) {
        return BatchOptions{}.stops(error) || is_out_of_patience();
    });
    const auto begin = [this](Item& item, const CallOptions& call) { return import(item, call); };
    const auto take = [this](std::size_t index, expected<Outcome>&& result) { deliver(index, std::move(result)); };
    const BatchSummary summary = co_await passage::for_each(Items{*this}, begin, take, options);
    co_return summary.stopped;
}

asio::awaitable<expected<ImportRun::Outcome>> ImportRun::import(Item& item, const CallOptions& call)
{
    if (!co_await wait_for_turn())
        co_return unexpected{Error{Errc::cancelled}};
    journal_.ask(item.record.number);
    unsigned tries = 0;
    for (unsigned failures = 0;; ++failures) {
        if (!co_await wait_for_pause())
            co_return unexpected{Error{Errc::cancelled}};
        expected<Outcome> result = co_await import_once(item, call);
        const std::uint64_t answers_before = answers_;
        note(result);
        if (!result && is_rate_limited(result.error())) {
            const auto wait = result.error().retry_after.value_or(wait_after(failures));
            resume_at_ = std::max(resume_at_, Clock::now() + std::max(wait, shortest_pause));
            continue;
        }
        if (result || is_of_the_batch(result.error()) || is_out_of_patience())
            co_return result;
        const bool may_go_on = co_await wait_until(Clock::now() + wait_after(failures));
        tries += answers_ != answers_before; // in an outage all records fail
        if (!may_go_on || tries == max_tries)
            co_return result;
    }
}

void ImportRun::note(const expected<Outcome>& result)
{
    const int status = result ? 200 : result.error().http_status;
    if (status != 0 && status < 500) {
        ++answers_;
        failing_since_.reset();
    } else if (!failing_since_) {
        failing_since_ = Clock::now();
    }
}

bool ImportRun::is_out_of_patience() const
{
    return failing_since_ && Clock::now() - *failing_since_ > patience;
}

asio::awaitable<expected<ImportRun::Outcome>> ImportRun::import_once(Item& item, const CallOptions& call)
{
    const Record& record = item.record;
    if (item.may_exist) {
        auto found = co_await find(record, call);
        if (!found)
            co_return unexpected{found.error()};
        if (*found)
            co_return co_await take_existing(item, **std::move(found), call);
        item.may_exist = false;
    }
    CreateUserRequest request;
    if (!record.email.empty())
        request.email(record.email);
    if (!record.phone.empty())
        request.phone(record.phone);
    if (!record.metadata.empty())
        request.metadata(record.metadata);
    const auto user = co_await client_.create_user(request, call);
    item.may_exist = user || user.error().effect != Effect::none;
    item.was_sent = item.was_sent || item.may_exist;
    if (user)
        co_return co_await set_status(Outcome::Kind::created, record, *user, call);
    const Error& error = user.error();
    if (error.http_status == 400) {
        // An identifier that is in use has no code of its own.
        auto found = co_await find(record, call);
        if (!found)
            co_return unexpected{found.error()};
        if (*found)
            co_return co_await take_existing(item, **std::move(found), call);
    }
    if (is_refusal(error) && !is_of_the_batch(error))
        co_return Outcome{Outcome::Kind::refused, to_string(error)};
    co_return unexpected{error};
}

asio::awaitable<expected<std::optional<UserInfo>>> ImportRun::find(const Record& record, const CallOptions& call)
{
    for (const std::string* identifier : {&record.email, &record.phone}) {
        if (identifier->empty())
            continue;
        auto user = co_await client_.get_user_by_identifier(*identifier, call);
        if (user)
            co_return std::optional<UserInfo>{*std::move(user)};
        if (!is_not_found(user.error()))
            co_return unexpected{user.error()};
    }
    co_return std::optional<UserInfo>{};
}

bool ImportRun::was_created_by_this_import(const Item& item, const UserInfo& user) const
{
    const Record& record = item.record;
    return item.was_sent && user.created_at >= journal_.begun() - clock_tolerance &&
           lower(user.email) == lower(record.email) && user.phone == record.phone;
}

asio::awaitable<expected<ImportRun::Outcome>> ImportRun::take_existing(const Item& item, UserInfo user,
                                                                       const CallOptions& call)
{
    const Record& record = item.record;
    if (was_created_by_this_import(item, user))
        co_return co_await set_status(Outcome::Kind::created, record, user, call);
    switch (options_.existing) {
    case Existing::skip:
        co_return Outcome{Outcome::Kind::existed, user.id};
    case Existing::fail:
        co_return Outcome{Outcome::Kind::refused, "user " + user.id + " has this identifier already"};
    case Existing::update:
        break;
    }
    UpdateUserRequest request;
    bool has_changes = false;
    if (!record.email.empty() && lower(record.email) != lower(user.email)) {
        request.email(record.email);
        has_changes = true;
    }
    if (!record.phone.empty() && record.phone != user.phone) {
        request.phone(record.phone);
        has_changes = true;
    }
    boost::json::object metadata = user.user_metadata;
    for (const auto& [name, value] : record.metadata)
        metadata[name] = value;
    if (metadata != user.user_metadata) {
        request.metadata(std::move(metadata));
        has_changes = true;
    }
    if (has_changes) {
        auto updated = co_await client_.update_user(user.id, request, call);
        if (!updated && is_refusal(updated.error()) && !is_of_the_batch(updated.error()))
            co_return Outcome{Outcome::Kind::refused, to_string(updated.error())};
        if (!updated)
            co_return unexpected{updated.error()};
        user = *std::move(updated);
    }
    co_return co_await set_status(Outcome::Kind::updated, record, user, call);
}

asio::awaitable<expected<ImportRun::Outcome>> ImportRun::set_status(Outcome::Kind kind, const Record& record,
                                                                    const UserInfo& user, const CallOptions& call)
{
    if (record.status && user.status != *record.status) {
        if (*record.status == UserStatus::pending) {
            ++counts_.status_not_set;
        } else {
            auto change = *record.status == UserStatus::active ? client_.activate_user(user.id, call)
                                                               : client_.deactivate_user(user.id, call);
            const auto changed = co_await std::move(change);
            // Without the user the record begins anew.
            if (!changed && is_refusal(changed.error()) && !is_not_found(changed.error()) &&
                !is_of_the_batch(changed.error()))
                co_return Outcome{Outcome::Kind::refused, "user " + user.id + ": " + to_string(changed.error())};
            if (!changed)
                co_return unexpected{changed.error()};
        }
    }
    co_return Outcome{kind, user.id};
}

asio::awaitable<bool> ImportRun::wait_for_turn()
{
    if (options_.rate <= 0)
        co_return true;
    const auto interval = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{1 / options_.rate});
    const auto turn = std::max(next_turn_, Clock::now());
    next_turn_ = turn + interval;
    co_return co_await wait_until(turn);
}

asio::awaitable<bool> ImportRun::wait_for_pause()
{
    for (;;) { // another record may prolong it
        const Clock::time_point end = resume_at_;
        if (end <= Clock::now())
            co_return true;
        if (!co_await wait_until(end))
            co_return false;
    }
}

asio::awaitable<bool> ImportRun::wait_until(Clock::time_point time)
{
    const auto is_cancelled = [](const asio::cancellation_state& state) {
        return state.cancelled() != asio::cancellation_type::none;
    };
    if (is_cancelled(co_await asio::this_coro::cancellation_state))
        co_return false;
    asio::steady_timer timer{co_await asio::this_coro::executor, time};
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return !is_cancelled(co_await asio::this_coro::cancellation_state);
}

void ImportRun::deliver(std::size_t index, expected<Outcome>&& result)
{
    const auto at = places_.find(index);
    const Place place = at->second;
    places_.erase(at);
    if (!result) {
        ++counts_.unanswered;
        if (!is_cancelled(result.error()))
            complain_(place.line, to_string(result.error()));
        progress_.add(true);
        return;
    }
    using Kind = Outcome::Kind;
    const bool is_refused = result->kind == Kind::refused;
    switch (result->kind) {
    case Kind::created:
        ++counts_.created;
        journal_.add(place.number, "created", result->details);
        break;
    case Kind::existed:
        ++counts_.existed;
        journal_.add(place.number, "existed", result->details);
        break;
    case Kind::updated:
        ++counts_.updated;
        journal_.add(place.number, "updated", result->details);
        break;
    case Kind::refused:
        ++counts_.refused;
        journal_.add(place.number, "refused", result->details);
        complain_(place.line, result->details);
        break;
    }
    states_[place.number] = is_refused ? RecordState::refused : RecordState::done;
    progress_.add(is_refused);
}

} // namespace passage::ctl
