# SPDX-License-Identifier: GPL-2.0-or-later
#
# The walls between the directories of daemon/. A layer is compiled with one include directory,
# <build>/include/<target>, which holds a symbolic link for every directory it may include:
# `#include "apply/nft.hpp"` in daemon/core does not compile because there is no such link.

# multihome_include_tree(<target> <scope> <name of daemon/>...): lets <target> include those names.
function(multihome_include_tree target scope)
    set(tree "${CMAKE_BINARY_DIR}/include/${target}")
    file(MAKE_DIRECTORY "${tree}")
    file(GLOB old LIST_DIRECTORIES true "${tree}/*")
    foreach(link IN LISTS old)
        get_filename_component(name "${link}" NAME)
        if(NOT name IN_LIST ARGN)
            file(REMOVE "${link}")
        endif()
    endforeach()
    foreach(name IN LISTS ARGN)
        file(CREATE_LINK "${CMAKE_SOURCE_DIR}/daemon/${name}" "${tree}/${name}" SYMBOLIC)
    endforeach()
    target_include_directories(${target} ${scope} "${tree}")
endfunction()

# multihome_layer(<dir> [SEES <dir>...] [LINK <library>...]): the target multihomed_<dir> of all *.cpp
# in the current directory. SEES: layers whose headers it may include, which are linked too.
# LINK: outside libraries, private to the layer: their types stay out of its headers.
function(multihome_layer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SEES;LINK")
    set(target multihomed_${name})
    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
    list(TRANSFORM arg_SEES PREPEND multihomed_ OUTPUT_VARIABLE layers)
    if(NOT sources)
        add_library(${target} INTERFACE)
        target_link_libraries(${target} INTERFACE ${layers} ${arg_LINK})
        return()
    endif()
    add_library(${target} STATIC ${sources})
    multihome_precompile(${target})
    multihome_include_tree(${target} PRIVATE ${name} ${arg_SEES})
    target_link_libraries(${target} PUBLIC ${layers} PRIVATE ${arg_LINK} multihomed_options)
endfunction()
