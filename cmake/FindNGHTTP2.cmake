# Finds libnghttp2, and makes the target NGHTTP2::nghttp2.

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
    pkg_check_modules(PC_NGHTTP2 QUIET libnghttp2)
endif()

find_path(NGHTTP2_INCLUDE_DIR nghttp2/nghttp2.h HINTS ${PC_NGHTTP2_INCLUDE_DIRS})
find_library(NGHTTP2_LIBRARY nghttp2 HINTS ${PC_NGHTTP2_LIBRARY_DIRS})
if(NGHTTP2_INCLUDE_DIR AND EXISTS "${NGHTTP2_INCLUDE_DIR}/nghttp2/nghttp2ver.h")
    file(STRINGS "${NGHTTP2_INCLUDE_DIR}/nghttp2/nghttp2ver.h" NGHTTP2_VERSION REGEX "^#define NGHTTP2_VERSION ")
    string(REGEX REPLACE ".*\"([^\"]*)\".*" "\\1" NGHTTP2_VERSION "${NGHTTP2_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(NGHTTP2
    REQUIRED_VARS NGHTTP2_LIBRARY NGHTTP2_INCLUDE_DIR
    VERSION_VAR NGHTTP2_VERSION)

if(NGHTTP2_FOUND AND NOT TARGET NGHTTP2::nghttp2)
    add_library(NGHTTP2::nghttp2 UNKNOWN IMPORTED)
    set_target_properties(NGHTTP2::nghttp2 PROPERTIES
        IMPORTED_LOCATION "${NGHTTP2_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${NGHTTP2_INCLUDE_DIR}")
endif()
mark_as_advanced(NGHTTP2_INCLUDE_DIR NGHTTP2_LIBRARY)
