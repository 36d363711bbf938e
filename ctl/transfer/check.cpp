#include "check.hpp"

#include "duplicates.hpp"
#include "sha256.hpp"

namespace passage::ctl {

Survey check_input(int file, const InputOptions& options,
                   const std::function<void(std::uint64_t, const std::string&)>& problem)
{
    Survey survey;
    Sha256 hash;
    Duplicates emails;
    Duplicates phones;
    const auto reader = read_records(file, options, &hash);
    for (Record record; reader->next(record);) {
        const bool is_bad = !record.problem.empty();
        survey.states.push_back(is_bad ? RecordState::bad : RecordState::open);
        if (is_bad) {
            ++survey.bad;
            problem(record.line, record.problem);
            continue;
        }
        survey.with_status += record.status && record.status != UserStatus::pending;
        if (!record.email.empty())
            emails.add(lower(record.email), {record.number, record.line});
        if (!record.phone.empty())
            phones.add(record.phone, {record.number, record.line});
    }
    const auto refuse = [&](Duplicates& all, const std::string& what) {
        all.find([&](Duplicates::Place first, Duplicates::Place again) {
            if (survey.states[again.number] == RecordState::bad)
                return;
            survey.states[again.number] = RecordState::bad;
            ++survey.bad;
            problem(again.line, "has the " + what + " of line " + std::to_string(first.line));
        });
    };
    refuse(emails, "e-mail address");
    refuse(phones, "phone number");
    survey.hash = hash.finish();
    survey.not_carried = reader->not_carried();
    return survey;
}

} // namespace passage::ctl
