#include "fuzz.hpp"

// What libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size)
{
    passage::fuzz::run({reinterpret_cast<const char*>(bytes), size});
    return 0;
}
