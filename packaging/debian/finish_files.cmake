# cpack runs this when the files of all packages are in their folders: adds what Debian demands of each package.
string(TIMESTAMP PASSAGE_PACKAGE_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
set(CPACK_DEBIAN_PACKAGE_VERSION_FULL "${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}")
find_program(gzip gzip REQUIRED)
find_program(strip strip REQUIRED)

foreach(component IN LISTS CPACK_COMPONENTS_ALL)
    string(TOUPPER "${component}" upper)
    set(tree "${CPACK_TEMPORARY_DIRECTORY}/${component}")
    set(doc "${tree}/usr/share/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME}")
    configure_file("${CMAKE_CURRENT_LIST_DIR}/copyright" "${doc}/copyright" COPYONLY)
    configure_file("${CMAKE_CURRENT_LIST_DIR}/changelog.in" "${doc}/changelog.Debian" @ONLY)

    file(GLOB_RECURSE manuals "${tree}/usr/share/man/*.[1-9]")
    file(CHMOD "${doc}/copyright" "${doc}/changelog.Debian" ${manuals} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    execute_process(COMMAND "${gzip}" -9n "${doc}/changelog.Debian" ${manuals} COMMAND_ERROR_IS_FATAL ANY)

    # cpack strips programs and shared libraries alone.
    file(GLOB_RECURSE archives "${tree}/usr/lib/*.a")
    if(archives)
        execute_process(COMMAND "${strip}" --strip-debug --enable-deterministic-archives
            --remove-section=.comment --remove-section=.note ${archives} COMMAND_ERROR_IS_FATAL ANY)
    endif()
endforeach()
