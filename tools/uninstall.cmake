# SPDX-License-Identifier: BSD-2-Clause
# Removes the files that "cmake --install" has listed in MANIFEST, and the directories that it made and
# that are empty now. DESTDIR counts as it does for the installation.
if(NOT EXISTS "${MANIFEST}")
    message(FATAL_ERROR "${MANIFEST} is missing: nothing was installed from this build directory")
endif()

file(STRINGS "${MANIFEST}" paths)
set(directories "")
foreach(path IN LISTS paths)
    set(path "$ENV{DESTDIR}${path}")
    if(EXISTS "${path}" OR IS_SYMLINK "${path}")
        message(STATUS "Removing ${path}")
        file(REMOVE "${path}")
    else()
        message(STATUS "Not there: ${path}")
    endif()
    get_filename_component(directory "${path}" DIRECTORY)
    # Of the directories those that nobody else uses: they have the project's name.
    while(directory MATCHES "/divertshim(/|$)")
        list(APPEND directories "${directory}")
        get_filename_component(directory "${directory}" DIRECTORY)
    endwhile()
endforeach()

list(REMOVE_DUPLICATES directories)
list(SORT directories ORDER DESCENDING) # the inner ones first
foreach(directory IN LISTS directories)
    file(GLOB entries LIST_DIRECTORIES true "${directory}/*" "${directory}/.*")
    list(FILTER entries EXCLUDE REGEX "/\\.\\.?$")
    if(IS_DIRECTORY "${directory}" AND NOT entries)
        file(REMOVE_RECURSE "${directory}")
    endif()
endforeach()
