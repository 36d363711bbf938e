# Headers, libraries, program, CMake package and pkg-config file.
include(CMakePackageConfigHelpers)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/passage")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/passage" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING
    PATTERN "emulator.hpp" EXCLUDE
    PATTERN "*.hpp")
install(FILES "${PROJECT_BINARY_DIR}/include/passage/detail/build.hpp"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/passage/detail")
install(TARGETS passage EXPORT passageTargets)

set(PASSAGE_HAS_EMULATOR OFF)
if(TARGET passage_emulator)
    set(PASSAGE_HAS_EMULATOR ON)
    set_target_properties(passage-emulator PROPERTIES INSTALL_RPATH "\$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
    install(TARGETS passage_emulator EXPORT passageTargets)
    install(TARGETS passage-emulator)
    install(FILES "${PROJECT_SOURCE_DIR}/include/passage/emulator.hpp"
        DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/passage")
endif()

install(EXPORT passageTargets NAMESPACE passage:: DESTINATION "${package_folder}")
configure_package_config_file(cmake/passageConfig.cmake.in passageConfig.cmake
    INSTALL_DESTINATION "${package_folder}"
    NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(passageConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    "${PROJECT_BINARY_DIR}/passageConfig.cmake"
    "${PROJECT_BINARY_DIR}/passageConfigVersion.cmake"
    DESTINATION "${package_folder}")

# What the library itself needs is linked by the user of a static one; a shared one brings it.
set(pc_requires "")
set(pc_libs "-lboost_json")
if(NOT BUILD_SHARED_LIBS)
    set(pc_requires "libssl libcrypto")
    string(PREPEND pc_libs "-lboost_url ")
endif()
# Relative, so that an install tree may be moved.
file(RELATIVE_PATH pc_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
cmake_path(APPEND pc_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
cmake_path(APPEND pc_libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
configure_file(cmake/passage.pc.in passage.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/passage.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
