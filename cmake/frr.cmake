# SPDX-License-Identifier: GPL-2.0-or-later
#
# FRR's headers as the target frr_headers (SYSTEM: FRR's own warnings are not ours) and libfrr as
# frr_lib. The headers must be those of the very FRR that is installed: sizes inside ZAPI messages
# depend on version and configure flags, and the soname never changes.
#   FRR_SOURCE_DIR  a configured FRR source tree; its build directory is FRR_BUILD_DIR (default b/ in it)
set(FRR_SOURCE_DIR "" CACHE PATH "Configured FRR source tree; empty: found or fetched")
set(FRR_BUILD_DIR "${FRR_SOURCE_DIR}/b" CACHE PATH "Build directory of FRR_SOURCE_DIR")
if(NOT EXISTS "${FRR_BUILD_DIR}/lib/route_types.h" OR NOT EXISTS "${FRR_BUILD_DIR}/lib/clippy")
    message(FATAL_ERROR "no FRR headers: set FRR_SOURCE_DIR, or build without (-DMULTIHOME_FRR=OFF)")
endif()

file(STRINGS "${FRR_BUILD_DIR}/config.h" version_line REGEX "^#define PACKAGE_VERSION ")
string(REGEX MATCH "([0-9]+)\\.([0-9]+)(\\.([0-9]+))?" FRR_VERSION "${version_line}")

add_library(frr_headers INTERFACE)
target_include_directories(frr_headers SYSTEM INTERFACE
    "${FRR_SOURCE_DIR}/lib/assert" "${FRR_SOURCE_DIR}" "${FRR_SOURCE_DIR}/include"
    "${FRR_SOURCE_DIR}/lib" "${FRR_BUILD_DIR}" "${FRR_BUILD_DIR}/lib")
target_compile_definitions(frr_headers INTERFACE HAVE_CONFIG_H _GNU_SOURCE)
target_compile_options(frr_headers INTERFACE $<$<COMPILE_LANGUAGE:C>:-fms-extensions>)

find_library(FRR_LIBRARY NAMES libfrr.so.0 PATHS "/usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/frr" /usr/lib/frr REQUIRED)
get_filename_component(FRR_LIBRARY_DIR "${FRR_LIBRARY}" DIRECTORY)
add_library(frr_lib SHARED IMPORTED)
set_target_properties(frr_lib PROPERTIES IMPORTED_LOCATION "${FRR_LIBRARY}")
target_link_libraries(frr_lib INTERFACE frr_headers)

# frr_clippy(<out variable> <file.c>): the path of what FRR's clippy makes of the file's DEFPY commands,
# to be included as "<file>_clippy.c". clippy wants FRR's build directory as its own.
function(frr_clippy out file)
    get_filename_component(stem "${file}" NAME_WE)
    set(made "${CMAKE_CURRENT_BINARY_DIR}/${stem}_clippy.c")
    add_custom_command(
        OUTPUT "${made}"
        COMMAND "${FRR_BUILD_DIR}/lib/clippy" "${FRR_SOURCE_DIR}/python/clidef.py" -o "${made}" "${file}"
        WORKING_DIRECTORY "${FRR_BUILD_DIR}"
        DEPENDS "${file}"
        VERBATIM)
    set(${out} "${made}" PARENT_SCOPE)
endfunction()
