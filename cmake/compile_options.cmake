# SPDX-License-Identifier: GPL-2.0-or-later
#
# How our own code is compiled. Link multihomed_options (PRIVATE) into every target that holds code
# of ours; generated code and FRR's own sources stay without the warnings.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON) # FRR's headers use typeof
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
endif()

# No path of the building machine in the binaries.
add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}=." "-ffile-prefix-map=${CMAKE_BINARY_DIR}=build")

if(MULTIHOME_SANITIZE)
    # g++ 12 reports false -Wmaybe-uninitialized in sanitized code, and takes five times as long to
    # optimise it.
    add_compile_options(-O0 -g1 -UNDEBUG -Wno-maybe-uninitialized
        -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
endif()

add_library(multihomed_options INTERFACE)
target_compile_options(multihomed_options INTERFACE -Wall -Wextra -Wshadow)
target_compile_options(multihomed_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wconversion>)
if(MULTIHOME_WERROR)
    target_compile_options(multihomed_options INTERFACE -Werror)
endif()

# multihome_precompile(<target>): parses what nearly every file includes once. In sanitized trees only, where it saves most
# and which nothing but tests uses: elsewhere every file has to name what it needs.
function(multihome_precompile target)
    if(MULTIHOME_SANITIZE)
        target_precompile_headers(${target} PRIVATE
            "$<$<COMPILE_LANGUAGE:CXX>:${CMAKE_SOURCE_DIR}/cmake/precompiled.hpp>")
    endif()
endfunction()
