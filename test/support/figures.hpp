#pragma once

namespace passage::test {

/// Counts a case, or a run of one, in the figures that the program ends with.
void count_case();
void count_run();

} // namespace passage::test
