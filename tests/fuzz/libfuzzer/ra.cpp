// SPDX-License-Identifier: GPL-2.0-or-later
//
// clang++ -fsanitize=fuzzer,address: see targets.hpp.
#include "fuzz/targets.hpp"

#include <cstddef>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    multihomed::fuzz::ra_target({data, size});
    return 0;
}
