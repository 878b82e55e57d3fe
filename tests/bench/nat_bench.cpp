// SPDX-License-Identifier: GPL-2.0-or-later
//
// How long the NAT table takes for 2, 64 and 512 lines: made anew, one line changed, verified,
// counted. Run as root; it works in a network namespace of its own. Medians of 5 with spread, in
// milliseconds.
#include "apply/nft_applier.hpp"

#include "../apply/plans.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <sched.h>
#include <string>

namespace {

using namespace multihomed;

constexpr std::size_t kRuns = 5;

void must(bool done, const char* what) {
    if (done)
        return;
    std::fprintf(stderr, "nat_bench: %s failed\n", what);
    std::exit(1);
}

void measure(const char* what, unsigned int lines, const std::function<void(std::size_t)>& call) {
    std::array<double, kRuns> milliseconds{};
    for (std::size_t i = 0; i < kRuns; ++i) {
        const auto began = std::chrono::steady_clock::now();
        call(i);
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - began;
        milliseconds[i] = took.count();
    }
    std::ranges::sort(milliseconds);
    std::printf("%5u  %-28s %9.2f  %9.2f .. %.2f\n", lines, what, milliseconds[kRuns / 2],
                milliseconds.front(), milliseconds.back());
}

/// Another table with 50,000 ranges, as blocklists have them.
void fill_a_foreign_table() {
    FILE* nft = popen("nft -f -", "w"); // NOLINT
    must(nft != nullptr, "nft");
    std::fputs("add table inet other\ndelete table inet other\nadd table inet other\n"
               "add set inet other large { type ipv4_addr; flags interval; }\n"
               "add element inet other large { ",
               nft);
    for (int i = 0; i < 50000; ++i)
        std::fprintf(nft, "%s%d.%d.%d.0/25", i == 0 ? "" : ", ", 20 + i / 65536, i / 256 % 256,
                     i % 256);
    std::fputs(" }\n", nft);
    must(pclose(nft) == 0, "a large set");
}

void bench(unsigned int lines) {
    const auto privileged = [](const std::function<void()>& call) { call(); };
    const core::NatPlan plan = testing::many_lines(lines);
    measure("made anew", lines, [&](std::size_t) {
        apply::NftablesNatApplier fresh(privileged);
        must(fresh.apply(plan).has_value(), "apply");
    });
    apply::NftablesNatApplier applier(privileged);
    must(applier.apply(plan).has_value(), "apply");
    measure("same again", lines,
            [&](std::size_t) { must(applier.apply(plan).has_value(), "same"); });
    measure("NAT of one line changed", lines, [&](std::size_t i) {
        core::NatPlan changed = plan;
        const std::string to = "192.0.2." + std::to_string(i + 1);
        changed.lines[1].nat[core::Family::v4] = testing::source_nat(to, to);
        must(applier.apply(changed).has_value(), "change");
    });
    measure("a line declared dead", lines, [&](std::size_t i) {
        core::NatPlan changed = plan;
        changed.lines[1].dead[core::Family::v6] = i % 2 == 0;
        must(applier.apply(changed).has_value(), "change");
    });
    const auto add_a_source = [&](std::size_t i) {
        core::NatPlan changed = plan;
        changed.lines[1].sources[core::Family::v4].push_back(
            testing::prefix("192.0." + std::to_string(i + 2) + ".0/24"));
        must(applier.apply(changed).has_value(), "change");
    };
    measure("a source prefix added", lines, add_a_source);
    fill_a_foreign_table();
    measure("the same beside a large set", lines, add_a_source);
    measure("verify", lines, [&](std::size_t) {
        const auto intact = applier.verify();
        must(intact && *intact, "verify");
    });
    measure("counters", lines, [&](std::size_t) {
        const auto counts = applier.counters();
        must(counts && counts->size() == 2 * lines, "counters");
    });
}

} // namespace

int main() {
    must(unshare(CLONE_NEWNET) == 0, "a network namespace (needs root)");
    std::printf("lines  step                          median ms  spread\n");
    for (const unsigned int lines : {2U, 64U, 512U})
        bench(lines);
    return 0;
}
