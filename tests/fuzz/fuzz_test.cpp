// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/mutate.hpp"
#include "fuzz/targets.hpp"
#include "observe/recorded.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace multihomed::fuzz {
namespace {

unsigned long runs() {
    const char* wanted = std::getenv("MULTIHOME_FUZZ_RUNS"); // NOLINT(concurrency-mt-unsafe)
    return wanted != nullptr ? std::strtoul(wanted, nullptr, 10) : 50'000;
}

std::vector<Input> seeds(std::initializer_list<const char*> files) {
    std::vector<Input> found;
    for (const char* file : files)
        for (auto& [name, bytes] :
             testing::load_recorded(std::string(MULTIHOME_TEST_DATA) + "/" + file))
            found.push_back(bytes);
    return found;
}

/// Each input gets a block of its own size, so that the address sanitizer sees one byte too many.
void run(const std::vector<Input>& found, void (*target)(Bytes)) {
    ASSERT_FALSE(found.empty());
    for (const Input& seed : found)
        target(seed);
    Mutator mutator(found, 1);
    for (unsigned long i = runs(); i > 0; --i) {
        const Input input = mutator.next();
        const auto exact = std::make_unique<std::uint8_t[]>(input.size());
        std::copy(input.begin(), input.end(), exact.get());
        target({exact.get(), input.size()});
    }
}

TEST(Fuzz, Netlink) {
    run(seeds({"netlink-6.1.txt", "netlink-6.18.txt"}), netlink_target);
}

TEST(Fuzz, Icmp) {
    run(seeds({"icmp.txt"}), icmp_target);
}

} // namespace
} // namespace multihomed::fuzz
