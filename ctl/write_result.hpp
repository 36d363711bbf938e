#pragma once

#include "json_lines.hpp"
#include "program.hpp"
#include "views.hpp"

#include <passage/expected.hpp>

#include <utility>

namespace passage::ctl {

/// Awaits an operation, and writes its result: for people, or with `--json` as one line. Throws `Failure` if it fails.
template <class T>
asio::awaitable<ExitCode> write_result(Program& program, asio::awaitable<expected<T>> operation)
{
    const T result = value_or_throw(co_await std::move(operation));
    if (program.options.json)
        write_line(program.out, to_json(result));
    else
        write_details(program.out, result);
    co_return ExitCode::ok;
}

} // namespace passage::ctl
