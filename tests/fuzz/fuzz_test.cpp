// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/mutate.hpp"
#include "fuzz/targets.hpp"
#include "observe/recorded.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace multihomed::fuzz {
namespace {

/// What takes five times as long as the others gets a fifth of the runs.
constexpr unsigned long kSlow = 5;

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
void run(const std::vector<Input>& found, void (*target)(Bytes), unsigned long share = 1) {
    ASSERT_FALSE(found.empty());
    for (const Input& seed : found)
        target(seed);
    Mutator mutator(found, 1);
    for (unsigned long i = runs() / share; i > 0; --i) {
        const Input input = mutator.next();
        const auto exact = std::make_unique<std::uint8_t[]>(input.size());
        std::copy(input.begin(), input.end(), exact.get());
        target({exact.get(), input.size()});
    }
}

TEST(Fuzz, Netlink) {
    run(seeds({"netlink-6.1.txt", "netlink-6.18.txt"}), netlink_target);
}

TEST(Fuzz, Config) {
    const auto input = [](const char* text) { return Input(text, text + std::strlen(text)); };
    run({input("n172.16.0.0/12\nucharter\nicharter eth2.5\ngcharter 192.0.2.49\n"
               "tcharter source 192.0.2.50 192.0.2.60\nccharter 192.0.2.64/29\n"
               "Gcharter fe80::1 onlink\nCcharter 2001:db8:1::/48\npcharter 9.9.9.9\n"
               "dcharter cable\n"),
         input("aeth1\nNeth1 0 30\nReth1 fd00::53 att\nSeth1 example.org\nicharter eth1\n"),
         input("b5000\nr500\nlwithdraw\nuatt\nuatt no\nuatt\n\x01"
               "att 7\n\x02"
               "att 300\n"
               "satt\nTatt masquerade\nnfd00::/8 no\npatt 2001:db8::9\n"),
         input("usix\nysix 6rd att 2001:db8::/32 8 192.0.2.1\nysix\n"
               "ysix 6to4 att\n")},
        config_target, kSlow);
}

TEST(Fuzz, Icmp) {
    run(seeds({"icmp.txt"}), icmp_target);
}

TEST(Fuzz, Dns) {
    const Input root{0, 0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1};
    const Input named{'a', '.', 'o', 'r', 'g', 0, 0x12, 0x34, 0x81, 0x83, 0, 1, 0, 0, 0,
                      0,   0,   0,   1,   'a', 3, 'o',  'r',  'g',  0,    0, 1, 0, 1};
    const Input bare{0, 0x12, 0x34, 0x81, 0x85, 0, 0, 0, 0, 0, 0, 0, 0};
    run({root, named, bare}, dns_target);
}

TEST(Fuzz, Neighbour) {
    const Input arp{0,   1, 8, 0, 6, 4, 0, 2, 2, 0,    0,   0, 0, 0x22,
                    192, 0, 2, 2, 2, 0, 0, 0, 0, 0x11, 192, 0, 2, 1};
    const Input advertisement{136, 0, 0, 0, 0xe0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0,
                              0,   0, 0, 0, 0,    0, 0, 2, 2,    1,    2, 0, 0, 0, 0, 0x22};
    run({arp, advertisement}, neighbour_target);
}

TEST(Fuzz, RouterAdvertisement) {
    const Input solicitation{133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 0x22};
    const Input advertisement{
        134, 0, 0,  0,    64, 0, 7,    8,    0,  0, 0,    0,    0, 0, 0, 0, // 1800 s
        1,   1, 2,  0,    0,  0, 0,    0x22,                                // from
        3,   4, 64, 0xc0, 0,  0, 0x15, 0x18, 0,  0, 0x0a, 0x8c, 0, 0, 0, 0, // a prefix
        32,  1, 13, 184,  0,  1, 0,    2,    0,  0, 0,    0,    0, 0, 0, 0, //
        25,  3, 0,  0,    0,  0, 7,    8,    32, 1, 13,   184,  0, 0, 0, 0, // a resolver
        0,   0, 0,  0,    0,  0, 0,    0x53};
    run({solicitation, advertisement}, ra_target);
}

} // namespace
} // namespace multihomed::fuzz
