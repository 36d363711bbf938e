# Debian packages, made by cpack: one of each install component. tools/package calls it.
#
# Debian has a source package `passage`, which is a game, so the source is called `passage-client` here.
set(PASSAGE_PACKAGER "" CACHE STRING "Maintainer of the packages that cpack makes: Name <address>")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME passage-client)
set(CPACK_PACKAGE_CONTACT "${PASSAGE_PACKAGER}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL runtime dev emulator ctl)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/packaging/debian/finish_files.cmake")
set(CPACK_POST_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/packaging/debian/finish_packages.cmake")
# Each package has a summary of its own.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# Packages for another system depend on other libraries.
cmake_host_system_information(RESULT system QUERY DISTRIB_INFO)
set(CPACK_DEBIAN_PACKAGE_RELEASE "1~${system_ID}${system_VERSION_ID}")
set(CPACK_DEBIAN_PACKAGE_SOURCE passage-client)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(about "Passage is an API to manage the users of an application and their passkeys.")
set(about_library "${about}
This library makes its calls from servers that use Boost.Asio, over a pool of
verified TLS connections.
.")

set(soversion "${passage_VERSION_MAJOR}.${passage_VERSION_MINOR}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME "libpassage${soversion}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "client library for the Passage user-management API
${about_library}
This package contains the shared library.")
# A new patch version keeps the interface, but may add to it.
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")

set(CPACK_COMPONENT_DEV_DEPENDS runtime)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libpassage-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
# The program must be compiled with the Boost that the library was compiled with.
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libboost-json${Boost_VERSION_MAJOR}.${Boost_VERSION_MINOR}-dev")
if(NOT PASSAGE_STD_EXPECTED)
    string(APPEND CPACK_DEBIAN_DEV_PACKAGE_DEPENDS ", libexpected-dev")
endif()
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS passage-emulator)
set(CPACK_DEBIAN_DEV_DESCRIPTION "client library for the Passage user-management API (development files)
${about_library}
This package contains the headers, the CMake package and the pkg-config file.")

set(CPACK_DEBIAN_EMULATOR_PACKAGE_NAME passage-emulator)
set(CPACK_DEBIAN_EMULATOR_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_EMULATOR_PACKAGE_SUGGESTS "libpassage-dev, libnghttp2-dev, libsqlite3-dev, libssl-dev")
set(CPACK_DEBIAN_EMULATOR_DESCRIPTION "emulator of the Passage user-management API
${about}
The emulator serves that API over HTTPS, with its users in an SQLite file, and
makes faults on request. It is for tests and development.
.
This package contains the program, and a static library to run the emulator
inside a test program. The latter needs the packages that are suggested.")

set(CPACK_COMPONENT_CTL_DEPENDS runtime)
# Where its library is before it is installed.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}/src")
set(CPACK_DEBIAN_CTL_PACKAGE_NAME passagectl)
set(CPACK_DEBIAN_CTL_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_CTL_PACKAGE_SUGGESTS passage-emulator)
set(CPACK_DEBIAN_CTL_DESCRIPTION "command line of the Passage user-management API
${about}
This program lists, creates, changes, deletes, exports and imports users from
a shell, and looks for what is wrong with a setup.")

include(CPack)
