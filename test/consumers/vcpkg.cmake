# Runs the port of vcpkg in script mode, with stand-ins for the functions that vcpkg gives to a port.
#
# OWN is a folder to work in, INSTALLED an install tree of this build, which stands in for what the port would build:
# its options are only configured. The result is OWN/installed. PORT_FOLDER is the port, CXX the compiler.
cmake_minimum_required(VERSION 3.25)

file(READ "${PORT_FOLDER}/vcpkg.json" manifest)
string(JSON PORT GET "${manifest}" name)
string(JSON VERSION GET "${manifest}" version)
set(FEATURES core)
string(JSON count LENGTH "${manifest}" features)
math(EXPR last "${count} - 1")
foreach(index RANGE ${last})
    string(JSON feature MEMBER "${manifest}" features ${index})
    list(APPEND FEATURES "${feature}")
endforeach()
set(CURRENT_PACKAGES_DIR "${OWN}/installed")

function(expect)
    foreach(path IN LISTS ARGN)
        if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/${path}")
            message(FATAL_ERROR "the port does not install ${path}")
        endif()
    endforeach()
endfunction()

function(expect_none)
    foreach(path IN LISTS ARGN)
        if(EXISTS "${CURRENT_PACKAGES_DIR}/${path}")
            message(FATAL_ERROR "the port leaves ${path}")
        endif()
    endforeach()
endfunction()

# Each feature of the port must be one of the manifest, and the reverse.
function(vcpkg_check_features)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "OUT_FEATURE_OPTIONS" "FEATURES")
    set(names ${FEATURES})
    set(options)
    while(arg_FEATURES)
        list(POP_FRONT arg_FEATURES name variable)
        if(NOT name IN_LIST names)
            message(FATAL_ERROR "the manifest has no feature ${name}")
        endif()
        list(REMOVE_ITEM names ${name})
        list(APPEND options -D${variable}=ON)
    endwhile()
    if(NOT names STREQUAL core)
        message(FATAL_ERROR "the port does not know these features: ${names}")
    endif()
    set(${arg_OUT_FEATURE_OPTIONS} ${options} PARENT_SCOPE)
endfunction()

# Every option must be one of the project.
function(vcpkg_cmake_configure)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "OPTIONS")
    execute_process(
        COMMAND "${CMAKE_COMMAND}" -G Ninja -S "${arg_SOURCE_PATH}" -B "${OWN}/build" -DCMAKE_CXX_COMPILER=${CXX}
            ${arg_OPTIONS}
        OUTPUT_QUIET ERROR_VARIABLE errors COMMAND_ERROR_IS_FATAL ANY)
    if(errors)
        message(FATAL_ERROR "${errors}")
    endif()
    file(STRINGS "${OWN}/build/CMakeCache.txt" version REGEX "^CMAKE_PROJECT_VERSION:")
    if(NOT version MATCHES "=${VERSION}$")
        message(FATAL_ERROR "the manifest is of version ${VERSION}, but ${version}")
    endif()
endfunction()

function(vcpkg_cmake_install)
    file(COPY "${INSTALLED}/" DESTINATION "${CURRENT_PACKAGES_DIR}")
    file(COPY "${INSTALLED}/" DESTINATION "${CURRENT_PACKAGES_DIR}/debug")
endfunction()

# The CMake package moves to share/, two folders below the prefix.
function(vcpkg_cmake_config_fixup)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "CONFIG_PATH" "")
    set(share "${CURRENT_PACKAGES_DIR}/share/${PORT}")
    file(COPY "${CURRENT_PACKAGES_DIR}/${arg_CONFIG_PATH}/" DESTINATION "${share}")
    file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/lib/cmake" "${CURRENT_PACKAGES_DIR}/debug/lib/cmake")
    file(GLOB targets "${share}/*Targets.cmake")
    foreach(file IN LISTS targets)
        file(READ "${file}" text)
        set(up "get_filename_component\\(_IMPORT_PREFIX \"[^\"]*\" PATH\\)\n")
        string(REGEX REPLACE "(${up})+"
            "cmake_path(SET _IMPORT_PREFIX NORMALIZE \"\${CMAKE_CURRENT_LIST_DIR}/../..\")\n" text "${text}")
        file(WRITE "${file}" "${text}")
    endforeach()
endfunction()

function(vcpkg_fixup_pkgconfig)
    expect(lib/pkgconfig/passage.pc debug/lib/pkgconfig/passage.pc)
endfunction()

function(vcpkg_copy_tools)
    cmake_parse_arguments(PARSE_ARGV 0 arg "AUTO_CLEAN" "" "TOOL_NAMES")
    foreach(name IN LISTS arg_TOOL_NAMES)
        expect("bin/${name}")
        file(COPY "${CURRENT_PACKAGES_DIR}/bin/${name}" DESTINATION "${CURRENT_PACKAGES_DIR}/tools/${PORT}")
        file(REMOVE "${CURRENT_PACKAGES_DIR}/bin/${name}" "${CURRENT_PACKAGES_DIR}/debug/bin/${name}")
    endforeach()
    foreach(folder IN ITEMS bin debug/bin)
        file(GLOB left "${CURRENT_PACKAGES_DIR}/${folder}/*")
        if(arg_AUTO_CLEAN AND NOT left)
            file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/${folder}")
        endif()
    endforeach()
endfunction()

function(vcpkg_install_copyright)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
    file(COPY_FILE "${arg_FILE_LIST}" "${CURRENT_PACKAGES_DIR}/share/${PORT}/copyright")
endfunction()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}")
include("${PORT_FOLDER}/portfile.cmake")
expect(include/passage/passage.hpp share/passage/passageConfig.cmake share/passage/usage share/passage/copyright
    tools/passage/passage-emulator)
expect_none(bin debug/bin debug/include debug/share lib/cmake)
