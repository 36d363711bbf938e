# Headers, libraries, program, CMake package and pkg-config files.
#
# They are installed in three components: `runtime` is what a program needs to run (empty if the library is static),
# `dev` is what it needs to be built, and `emulator` is the emulator as a program and as a library for tests.
# If it was built, `opentelemetry` is that library, to run and to build programs, and `ctl` is passagectl.
# The CMake package has the components `client` (installed with `dev`), `emulator` and `opentelemetry`.
include(CMakePackageConfigHelpers)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/passage")

# Relative, so that an install tree may be moved. Only in /usr it is not: pkg-config leaves out folders that the compiler
# searches by itself if their names are plain, and before others they would hide what those have.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    set(pc_prefix /usr)
else()
    file(RELATIVE_PATH pc_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
    string(PREPEND pc_prefix "\${pcfiledir}/")
endif()
cmake_path(APPEND pc_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
cmake_path(APPEND pc_libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
# What a library itself needs is linked by the user of a static one; a shared one brings it.
set(pc_requires "")
set(pc_libs "-lboost_json")
set(pc_emulator_requires "libssl libcrypto sqlite3 >= 3.37")
if(PASSAGE_HTTP2)
    string(APPEND pc_emulator_requires " libnghttp2")
endif()
if(NOT BUILD_SHARED_LIBS)
    set(pc_requires "libssl libcrypto")
    string(PREPEND pc_libs "-lboost_url ")
    if(PASSAGE_HTTP2)
        string(APPEND pc_requires " libnghttp2")
    endif()
endif()

# install_package(NAME COMPONENT TARGETS_FILE PC_FILE): what makes a component of the CMake package be found.
function(install_package name component targets pc_file)
    install(EXPORT ${targets} NAMESPACE passage:: DESTINATION "${package_folder}" COMPONENT ${component})
    configure_file(cmake/components/${name}.cmake.in components/${name}.cmake @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/components/${name}.cmake"
        DESTINATION "${package_folder}/components" COMPONENT ${component})
    configure_file(cmake/${pc_file}.in ${pc_file} @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/${pc_file}"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT ${component})
endfunction()

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/passage"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT dev
    FILES_MATCHING
    PATTERN "emulator.hpp" EXCLUDE
    PATTERN "*.hpp")
install(FILES "${PROJECT_BINARY_DIR}/include/passage/detail/build.hpp"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/passage/detail" COMPONENT dev)
install(TARGETS passage EXPORT passageClientTargets
    LIBRARY COMPONENT runtime NAMELINK_COMPONENT dev
    ARCHIVE COMPONENT dev)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(passageConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    "${PROJECT_SOURCE_DIR}/cmake/passageConfig.cmake"
    "${PROJECT_SOURCE_DIR}/cmake/FindNGHTTP2.cmake"
    "${PROJECT_BINARY_DIR}/passageConfigVersion.cmake"
    DESTINATION "${package_folder}" COMPONENT dev)
install_package(client dev passageClientTargets passage.pc)

# install_rpath(TARGET FOLDER): once installed in FOLDER it finds the shared library, in any prefix.
function(install_rpath target folder)
    if(BUILD_SHARED_LIBS)
        file(RELATIVE_PATH path "${folder}" "${CMAKE_INSTALL_FULL_LIBDIR}")
        set_property(TARGET ${target} APPEND PROPERTY INSTALL_RPATH "$ORIGIN/${path}")
    endif()
endfunction()

if(TARGET passage_opentelemetry)
    install_rpath(passage_opentelemetry "${CMAKE_INSTALL_FULL_LIBDIR}")
    install(TARGETS passage_opentelemetry EXPORT passageOpenTelemetryTargets COMPONENT opentelemetry)
    install(FILES "${PROJECT_SOURCE_DIR}/opentelemetry/include/passage/opentelemetry.hpp"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/passage" COMPONENT opentelemetry)
    install_package(opentelemetry opentelemetry passageOpenTelemetryTargets passage-opentelemetry.pc)
endif()

if(TARGET passage_emulator)
    install(TARGETS passage_emulator EXPORT passageEmulatorTargets COMPONENT emulator)
    install(TARGETS passage-emulator COMPONENT emulator)
    install(FILES "${PROJECT_SOURCE_DIR}/include/passage/emulator.hpp"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/passage" COMPONENT emulator)
    install(FILES "${PROJECT_SOURCE_DIR}/doc/passage-emulator.1"
        DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT emulator)
    install_package(emulator emulator passageEmulatorTargets passage-emulator.pc)
endif()

if(TARGET passagectl)
    install_rpath(passagectl "${CMAKE_INSTALL_FULL_BINDIR}")
    install(TARGETS passagectl COMPONENT ctl)
    install(FILES "${PROJECT_SOURCE_DIR}/doc/passagectl.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT ctl)
    install(FILES "${PROJECT_SOURCE_DIR}/ctl/completion/passagectl.bash"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME passagectl COMPONENT ctl)
    # Debian's packages have a folder of their own.
    set(PASSAGE_ZSH_COMPLETIONS "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" CACHE STRING
        "Folder for the completion of zsh")
    install(FILES "${PROJECT_SOURCE_DIR}/ctl/completion/_passagectl"
        DESTINATION "${PASSAGE_ZSH_COMPLETIONS}" COMPONENT ctl)
endif()
