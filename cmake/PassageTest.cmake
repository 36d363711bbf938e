# passage_add_test(
#     NAME unit.json              target unit_json, ctest name unit.json
#     SOURCES ...
#     LIBRARIES ...               passage_objects for tests of internals, else passage::passage; not both
#     LABELS ...                  unit integration threads conformance structure consumers ...;
#                                 `threads` selects what runs under ThreadSanitizer
#     [TIMEOUT seconds]           120 if not given
#     [ARGS ...])                 what the test reads after Boost.Test's own `--`
#
# passage_add_command_test(NAME n LABELS ... [TIMEOUT s] COMMAND ...)
#     registers any command in the same way.
#
# The output of each test is kept in PASSAGE_TEST_OUTPUT, where the search for secrets reads it.

set(PASSAGE_TEST_OUTPUT "${PROJECT_BINARY_DIR}/test/output")
file(MAKE_DIRECTORY "${PASSAGE_TEST_OUTPUT}")

function(passage_add_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "SOURCES;LIBRARIES;LABELS;ARGS")
    string(REPLACE "." "_" target "${arg_NAME}")
    add_executable(${target} ${arg_SOURCES})
    target_link_libraries(${target} PRIVATE
        ${arg_LIBRARIES} passage_test_main Boost::unit_test_framework passage_warnings)
    if(arg_ARGS)
        list(PREPEND arg_ARGS --)
    endif()
    passage_add_command_test(NAME ${arg_NAME} TIMEOUT "${arg_TIMEOUT}" LABELS ${arg_LABELS}
        COMMAND $<TARGET_FILE:${target}> --color_output=no ${arg_ARGS})
endfunction()

function(passage_add_command_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "LABELS;COMMAND")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    add_test(NAME ${arg_NAME} COMMAND
        "${passage_SOURCE_DIR}/cmake/run_logged" "${PASSAGE_TEST_OUTPUT}/${arg_NAME}.log" ${arg_COMMAND})
    set_tests_properties(${arg_NAME} PROPERTIES
        LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77)
    set_property(GLOBAL APPEND PROPERTY PASSAGE_TESTS ${arg_NAME})
endfunction()
