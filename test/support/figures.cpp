#include "support/figures.hpp"

#include <cstddef>
#include <iostream>

namespace passage::test {
namespace {

struct Figures
{
    ~Figures() { std::cout << "faults: " << cases << " cases, " << runs << " runs" << std::endl; }

    std::size_t cases = 0;
    std::size_t runs = 0;
};

Figures figures;

} // namespace

void count_case()
{
    ++figures.cases;
}

void count_run()
{
    ++figures.runs;
}

} // namespace passage::test
