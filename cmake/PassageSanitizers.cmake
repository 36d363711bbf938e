# PASSAGE_SANITIZE is for the whole build: a sanitizer that sees only a part of a program reports wrongly.
if(PASSAGE_SANITIZE)
    add_compile_options(-fsanitize=${PASSAGE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${PASSAGE_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # Instrumented code misleads this analysis, also inside the standard library.
        add_compile_options(-Wno-maybe-uninitialized)
    endif()
endif()
