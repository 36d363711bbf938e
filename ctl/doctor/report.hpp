#pragma once

#include "../exit_code.hpp"

#include <string>

namespace passage::ctl {

class Program;

/// What became of the steps of `doctor`: prints each, and remembers the first failure.
class Report
{
public:
    explicit Report(Program& program) : program_{program} {}

    void ok(const std::string& step, const std::string& detail);
    void skipped(const std::string& step, const std::string& reason);
    /// `advice` is a sentence that says what to do. `code` is how the program ends if this is the first failure.
    void failed(const std::string& step, const std::string& detail, const std::string& advice, ExitCode code);

    /// How the program ends: with the first failure, or `ExitCode::ok`.
    ExitCode code() const noexcept { return code_; }
    bool has_failed() const noexcept { return code_ != ExitCode::ok; }

private:
    void write(const char* state, const char* colour, const std::string& step, const std::string& detail,
               const std::string& advice);

    Program& program_;
    ExitCode code_ = ExitCode::ok;
};

} // namespace passage::ctl
