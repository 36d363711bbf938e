# passage_add_test(
#     NAME unit.json              target unit_json, ctest name unit.json
#     SOURCES ...
#     LIBRARIES ...               passage_objects for tests of internals, else passage::passage; never both
#     LABELS ...                  unit integration threads emulator conformance ctl web structure consumers docs
#                                 bench;
#                                 `threads` is what runs under ThreadSanitizer
#     [TIMEOUT seconds]           120 if not given
#     [PROCESSORS n]              how many jobs of a parallel ctest it counts as; 1 if not given
#     [ARGS ...])                 what the test reads in framework::master_test_suite().argv
#
# passage_add_command_test(NAME n LABELS ... [TIMEOUT s] [PROCESSORS n] COMMAND ...)
#     the same for any command. Exit status 77 says that it skipped.
#
# With PASSAGE_TEST_PEERS=1 in the environment, tests against servers of others fail if one is not installed.
#
# What each test prints is kept in PASSAGE_TEST_OUTPUT, where the search for secrets reads it.

# Programs of tests are neither optimized nor searched for undefined behaviour, unlike what they test: compilers take twice
# the time for it.
set(PASSAGE_TEST_OPTIONS -O0)
if(PASSAGE_SANITIZE MATCHES "undefined")
    list(APPEND PASSAGE_TEST_OPTIONS -fno-sanitize=undefined)
endif()

set(PASSAGE_TEST_OUTPUT "${PROJECT_BINARY_DIR}/test/output")
file(MAKE_DIRECTORY "${PASSAGE_TEST_OUTPUT}")

# Variables of a client that the shell may have are unset.
set(PASSAGE_TEST_ENVIRONMENT
    "PASSAGE_AUTH_URL="
    "PASSAGE_UNIX_SOCKET="
    "PASSAGE_VECTORS=${PASSAGE_VECTORS}"
    "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1")

# ThreadSanitizer can't map its shadow where a kernel randomizes addresses widely.
set(PASSAGE_TEST_LAUNCHER "")
if(PASSAGE_SANITIZE MATCHES "thread")
    execute_process(COMMAND setarch -R true RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
    if(status EQUAL 0)
        set(PASSAGE_TEST_LAUNCHER setarch -R)
    endif()
endif()

# The programs of all tests with a label.
foreach(label IN ITEMS integration threads)
    add_custom_target(passage_${label}_tests)
endforeach()

function(passage_add_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT;PROCESSORS" "SOURCES;LIBRARIES;LABELS;ARGS")
    string(REPLACE "." "_" target "${arg_NAME}")
    add_executable(${target} ${arg_SOURCES})
    target_compile_options(${target} PRIVATE ${PASSAGE_TEST_OPTIONS})
    target_include_directories(${target} PRIVATE "${passage_SOURCE_DIR}/test")
    target_link_libraries(${target} PRIVATE
        ${arg_LIBRARIES} passage_test_main Boost::unit_test_framework passage_warnings passage_test_warnings)
    foreach(label IN LISTS arg_LABELS)
        if(TARGET passage_${label}_tests)
            add_dependencies(passage_${label}_tests ${target})
        endif()
    endforeach()
    if(arg_ARGS)
        list(PREPEND arg_ARGS --)
    endif()
    set(limits "")
    foreach(name IN ITEMS TIMEOUT PROCESSORS)
        if(arg_${name})
            list(APPEND limits ${name} ${arg_${name}})
        endif()
    endforeach()
    passage_add_command_test(NAME ${arg_NAME} LABELS ${arg_LABELS}
        ${limits}
        COMMAND ${PASSAGE_TEST_LAUNCHER} $<TARGET_FILE:${target}> --color_output=no ${arg_ARGS})
    # Other commands may need a proxy, to install what they use.
    set_property(TEST ${arg_NAME} APPEND PROPERTY
        ENVIRONMENT "https_proxy=" "HTTPS_PROXY=" "all_proxy=" "ALL_PROXY=")
endfunction()

function(passage_add_command_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT;PROCESSORS" "LABELS;COMMAND")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    if(NOT arg_PROCESSORS)
        set(arg_PROCESSORS 1)
    endif()
    add_test(NAME ${arg_NAME} COMMAND
        "${passage_SOURCE_DIR}/cmake/run_logged" "${PASSAGE_TEST_OUTPUT}/${arg_NAME}.log" ${arg_COMMAND})
    set_tests_properties(${arg_NAME} PROPERTIES
        LABELS "${arg_LABELS}"
        TIMEOUT ${arg_TIMEOUT}
        PROCESSORS ${arg_PROCESSORS}
        ENVIRONMENT "${PASSAGE_TEST_ENVIRONMENT}"
        # Users need not have in their path what is for root, as nginx and squid are.
        ENVIRONMENT_MODIFICATION "PATH=path_list_append:/usr/sbin;PATH=path_list_append:/sbin"
        SKIP_RETURN_CODE 77)
    set_property(GLOBAL APPEND PROPERTY PASSAGE_TESTS ${arg_NAME})
endfunction()
