# Finds the components that are asked for, `client` if none is. Each has its own dependencies, and is there if it was
# installed.
include(CMakeFindDependencyMacro)

set(passage_prefer_pthread_flag "${THREADS_PREFER_PTHREAD_FLAG}") # of the caller
set(THREADS_PREFER_PTHREAD_FLAG ON)
set(passage_module_path "${CMAKE_MODULE_PATH}")
list(PREPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}") # for FindNGHTTP2
set(passage_components ${passage_FIND_COMPONENTS})
if(NOT passage_components)
    set(passage_components client)
    set(passage_FIND_REQUIRED_client TRUE)
endif()

foreach(passage_component IN LISTS passage_components)
    set(passage_${passage_component}_FOUND FALSE)
    set(passage_component_file "${CMAKE_CURRENT_LIST_DIR}/components/${passage_component}.cmake")
    if(EXISTS "${passage_component_file}")
        # For find_dependency it is a package of its own: what an optional one lacks is no error.
        set(CMAKE_FIND_PACKAGE_NAME passage_${passage_component})
        set(passage_${passage_component}_FIND_QUIETLY ${passage_FIND_QUIETLY})
        include("${passage_component_file}")
        set(CMAKE_FIND_PACKAGE_NAME passage)
    else()
        file(GLOB passage_installed RELATIVE "${CMAKE_CURRENT_LIST_DIR}/components"
            "${CMAKE_CURRENT_LIST_DIR}/components/*.cmake")
        list(TRANSFORM passage_installed REPLACE "\\.cmake$" "")
        list(JOIN passage_installed ", " passage_installed)
        set(passage_${passage_component}_NOT_FOUND_MESSAGE
            "This installation of passage has no component \"${passage_component}\". It has: ${passage_installed}.")
    endif()
    if(NOT passage_${passage_component}_FOUND AND passage_FIND_REQUIRED_${passage_component})
        set(passage_FOUND FALSE)
        set(passage_NOT_FOUND_MESSAGE "${passage_${passage_component}_NOT_FOUND_MESSAGE}")
    endif()
endforeach()

set(THREADS_PREFER_PTHREAD_FLAG ${passage_prefer_pthread_flag})
set(CMAKE_MODULE_PATH ${passage_module_path})
unset(passage_prefer_pthread_flag)
unset(passage_module_path)
unset(passage_components)
unset(passage_component)
unset(passage_component_file)
unset(passage_installed)
