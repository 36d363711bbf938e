# An overlay port: it builds the checkout that it lies in.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
    FEATURES
        emulator PASSAGE_BUILD_EMULATOR
        http2 PASSAGE_HTTP2
)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        ${FEATURE_OPTIONS}
        -DPASSAGE_BUILD_BENCH=OFF
        -DPASSAGE_BUILD_CTL=OFF
        -DPASSAGE_BUILD_EXAMPLES=OFF
        -DPASSAGE_BUILD_TESTS=OFF
        -DPASSAGE_OPENTELEMETRY=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/passage)
vcpkg_fixup_pkgconfig()
if("emulator" IN_LIST FEATURES)
    vcpkg_copy_tools(TOOL_NAMES passage-emulator AUTO_CLEAN)
endif()
file(REMOVE_RECURSE
    "${CURRENT_PACKAGES_DIR}/debug/include"
    "${CURRENT_PACKAGES_DIR}/debug/share"
)

file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
