# PASSAGE_SANITIZE is for the whole build: a sanitizer that sees only a part of a program reports wrongly.
if(PASSAGE_SANITIZE)
    add_compile_options(-fsanitize=${PASSAGE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${PASSAGE_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # Instrumented code misleads this analysis, also inside the standard library.
        add_compile_options(-Wno-maybe-uninitialized)
        # Asio fences memory in a way that ThreadSanitizer does not follow; its other synchronisation does.
        add_compile_options(-Wno-tsan)
        # Without std::atomic it counts references so that ThreadSanitizer does follow; newer versions don't know this.
        if(PASSAGE_SANITIZE MATCHES "thread")
            add_compile_definitions(BOOST_ASIO_DISABLE_STD_ATOMIC)
        endif()
    elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        # clang 14 can't assemble what this check adds to coroutines.
        add_compile_options(-fno-sanitize=function)
    endif()
endif()
