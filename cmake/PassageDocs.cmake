# passage_docs: the reference of the public headers, in doc/html of the build folder. Ends with an
# error where a public name is undocumented.
find_package(Doxygen 1.9 REQUIRED)

set(DOXYGEN_CONFIG "${PROJECT_BINARY_DIR}/doc/Doxyfile")
configure_file(doc/Doxyfile.in "${DOXYGEN_CONFIG}" @ONLY)
add_custom_target(passage_docs COMMAND Doxygen::doxygen "${DOXYGEN_CONFIG}" VERBATIM)
