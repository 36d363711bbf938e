# passage_docs: the site of the documents and the public headers, in docs/site of the build folder. Ends with an error
# where a public name is undocumented or a link is dead.
find_package(Doxygen 1.9 REQUIRED)

set(DOXYGEN_CONFIG "${PROJECT_BINARY_DIR}/doc/Doxyfile")
configure_file(doc/Doxyfile.in "${DOXYGEN_CONFIG}" @ONLY)
add_custom_target(passage_docs
    COMMAND "${PROJECT_SOURCE_DIR}/tools/docs" --build-dir "${PROJECT_BINARY_DIR}" VERBATIM)
