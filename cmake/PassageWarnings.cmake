# passage_warnings: the project's own warnings. Linked PRIVATE to each of its targets, never exported.
# g++ 12 takes the frames of Asio's coroutines, made by aligned_alloc and freed by free, for mismatched.
add_library(passage_warnings INTERFACE)
target_compile_options(passage_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow
    $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>
    $<$<BOOL:${PASSAGE_WERROR}>:-Werror>)
