# passage_warnings: the project's own warnings. Linked PRIVATE to each of its targets, never exported.
add_library(passage_warnings INTERFACE)
target_compile_options(passage_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow
    $<$<BOOL:${PASSAGE_WERROR}>:-Werror>)
