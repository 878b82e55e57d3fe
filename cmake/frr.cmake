# SPDX-License-Identifier: GPL-2.0-or-later
#
# FRR as targets: frr_headers (SYSTEM: FRR's own warnings are not ours) and frr_lib (the distribution's
# libfrr). The headers must be those of the very FRR that is installed: sizes inside ZAPI messages
# depend on version and configure flags, and the soname never changes.
#
#   FRR_SOURCE_DIR  a configured FRR source tree, for an FRR built by hand; empty: tools/frr-headers.sh
#                   fetches the one of the installed Debian package
#   FRR_BUILD_DIR   its build directory: b/, build/ or the tree itself
#
# Sets FRR_VERSION and FRR_VERSION_NUMBER (8.4.4 -> 80404), FRR_SBINDIR, FRR_SYSCONFDIR, FRR_MODULEDIR,
# FRR_LIBRARY_DIR.
set(FRR_SOURCE_DIR "" CACHE PATH "Configured FRR source tree; empty: that of the installed package is fetched")
set(FRR_BUILD_DIR "" CACHE PATH "Build directory of FRR_SOURCE_DIR; empty: looked for inside it")

set(frr_source "${FRR_SOURCE_DIR}")
if(NOT frr_source)
    execute_process(COMMAND "${CMAKE_SOURCE_DIR}/tools/frr-headers.sh"
        OUTPUT_VARIABLE frr_source OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "FRR's headers could not be prepared: see the message of frr-headers above.\n"
            "Only the parts without FRR: -DMULTIHOME_FRR=OFF")
    endif()
endif()
set(frr_build "${FRR_BUILD_DIR}")
foreach(dir IN ITEMS "${frr_source}/b" "${frr_source}/build" "${frr_source}")
    if(NOT frr_build AND EXISTS "${dir}/config.status")
        set(frr_build "${dir}")
    endif()
endforeach()
foreach(file IN ITEMS config.h Makefile lib/route_types.h lib/version.h lib/clippy)
    if(NOT EXISTS "${frr_build}/${file}")
        message(FATAL_ERROR "${frr_source} is not a configured FRR source tree: \"${frr_build}/${file}\" is missing "
            "(configure as the installed FRR was, then make what tools/frr-headers.sh makes)")
    endif()
endforeach()

function(frr_version_of out file)
    file(STRINGS "${file}" line REGEX "^#define FRR_VERSION[ \t]")
    string(REGEX MATCH "[0-9]+\\.[0-9]+(\\.[0-9]+)?" version "${line}")
    set(${out} "${version}" PARENT_SCOPE)
endfunction()
frr_version_of(FRR_VERSION "${frr_build}/lib/version.h")
string(REGEX MATCHALL "[0-9]+" parts "${FRR_VERSION}.0")
list(GET parts 0 major)
list(GET parts 1 minor)
list(GET parts 2 patch)
math(EXPR FRR_VERSION_NUMBER "${major} * 10000 + ${minor} * 100 + ${patch}")

# Headers that FRR installed (an FRR built by hand, RPM's -devel) go first; the source tree has to be
# there nevertheless: zebra's headers, clippy and vtysh are never installed.
set(FRR_INSTALLED_INCLUDE_DIR "/usr/include/frr" CACHE PATH "Where FRR's own headers are, if installed")
set(frr_installed)
if(EXISTS "${FRR_INSTALLED_INCLUDE_DIR}/version.h")
    frr_version_of(installed_version "${FRR_INSTALLED_INCLUDE_DIR}/version.h")
    if(NOT installed_version STREQUAL FRR_VERSION)
        message(FATAL_ERROR "${FRR_INSTALLED_INCLUDE_DIR} is of FRR ${installed_version}, ${frr_source} of ${FRR_VERSION}: give the right tree as FRR_SOURCE_DIR")
    endif()
    set(frr_installed "${FRR_INSTALLED_INCLUDE_DIR}")
endif()

foreach(name IN ITEMS prefix exec_prefix bindir sbindir sysconfdir moduledir)
    file(STRINGS "${frr_build}/Makefile" line REGEX "^${name} = ")
    string(REGEX REPLACE "^${name} = " "" value "${line}")
    foreach(outer IN ITEMS exec_prefix prefix)
        string(REPLACE "\${${outer}}" "${frr_${outer}}" value "${value}")
    endforeach()
    set(frr_${name} "${value}")
endforeach()
set(FRR_SBINDIR "${frr_sbindir}")
set(FRR_SYSCONFDIR "${frr_sysconfdir}")
set(FRR_MODULEDIR "${frr_moduledir}")
message(STATUS "FRR ${FRR_VERSION}: daemons ${FRR_SBINDIR}, modules ${FRR_MODULEDIR}, headers ${frr_source}")

add_library(frr_headers INTERFACE)
target_include_directories(frr_headers SYSTEM INTERFACE
    "${frr_source}/lib/assert" ${frr_installed} "${frr_source}" "${frr_source}/include"
    "${frr_source}/lib" "${frr_build}" "${frr_build}/lib")
target_compile_definitions(frr_headers INTERFACE HAVE_CONFIG_H _GNU_SOURCE MH_FRR=${FRR_VERSION_NUMBER})
target_compile_options(frr_headers INTERFACE $<$<COMPILE_LANGUAGE:C>:-fms-extensions>
    "-ffile-prefix-map=${frr_source}=frr")

# For our own files that include FRR: its macros expand in them, where SYSTEM does not help.
add_library(multihomed_frr_options INTERFACE)
target_compile_options(multihomed_frr_options INTERFACE -Wno-format -Wno-missing-field-initializers)

get_filename_component(frr_default_libdir "${FRR_MODULEDIR}" DIRECTORY)
find_library(FRR_LIBRARY NAMES libfrr.so.0 libfrr.so PATHS "${frr_default_libdir}" REQUIRED)
get_filename_component(FRR_LIBRARY_DIR "${FRR_LIBRARY}" DIRECTORY)
add_library(frr_lib SHARED IMPORTED)
set_target_properties(frr_lib PROPERTIES IMPORTED_LOCATION "${FRR_LIBRARY}")
target_link_libraries(frr_lib INTERFACE frr_headers)

# frr_clippy(<out variable> <file.c> <dir>): makes <dir>/<stem>_clippy.c of the file's DEFPY commands,
# which the file includes. clippy wants to run in FRR's build directory and touches its output only on
# a change.
function(frr_clippy out file dir)
    get_filename_component(stem "${file}" NAME_WE)
    set(made "${dir}/${stem}_clippy.c")
    add_custom_command(
        OUTPUT "${made}"
        COMMAND "${frr_build}/lib/clippy" "${frr_source}/python/clidef.py" -o "${made}" "${file}"
        COMMAND ${CMAKE_COMMAND} -E touch "${made}"
        WORKING_DIRECTORY "${frr_build}"
        DEPENDS "${file}"
        VERBATIM)
    set(${out} "${made}" PARENT_SCOPE)
endfunction()

# multihome_commands(<target>): the commands of vtysh/ become part of the target.
function(multihome_commands target)
    foreach(name IN ITEMS multihome_vty multihome_vty_probe multihome_vty_advertise multihome_vty_tunnel multihome_vty_routing)
        set(file "${CMAKE_SOURCE_DIR}/vtysh/${name}.c")
        frr_clippy(clippy "${file}" "${CMAKE_CURRENT_BINARY_DIR}")
        target_sources(${target} PRIVATE "${file}" "${clippy}")
        set_source_files_properties("${clippy}" PROPERTIES HEADER_FILE_ONLY ON)
        # A DEFPY has a parameter for every variable of its command, used or not.
        set_source_files_properties("${file}" PROPERTIES COMPILE_OPTIONS -Wno-unused-parameter)
    endforeach()
endfunction()
