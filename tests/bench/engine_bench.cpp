// SPDX-License-Identifier: GPL-2.0-or-later
//
// bench_engine_bench: what one turn of the engine costs with 2, 64 and 512 uplinks of both
// families, without a kernel: decide, plan, compare with the kernel's state; and the answers of
// `show`. Prints medians with range, in microseconds.
#include "core/inside.hpp"
#include "fakes/world.hpp"
#include "runtime/status.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace {

using namespace multihomed;
using core::Family;
using test::World;

constexpr int kRounds = 15;

void measure(const char* what, std::size_t uplinks, const std::function<void(int)>& deed) {
    std::vector<double> microseconds;
    for (int i = 0; i < kRounds; ++i) {
        const auto begun = std::chrono::steady_clock::now();
        deed(i);
        microseconds.push_back(
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun)
                .count());
    }
    std::ranges::sort(microseconds);
    std::printf("| %s | %zu | %.0f | %.0f-%.0f |\n", what, uplinks, microseconds[kRounds / 2],
                microseconds.front(), microseconds.back());
}

void add_uplink(World& world, unsigned i) {
    const std::string number = std::to_string(i);
    const std::string name = "u" + number;
    const std::string v4 = "10." + std::to_string(100 + i / 256) + "." + std::to_string(i % 256);
    const std::string v6 = "2001:db8:" + number + "::";
    core::Uplink uplink;
    uplink.name = name;
    uplink.interface = name;
    uplink.preference = static_cast<std::uint16_t>(i);
    core::Interface interface;
    interface.index = 1000 + i;
    interface.up = true;
    interface.carrier = true;
    for (const auto& [family, host, length] :
         {std::tuple{Family::v4, v4 + ".", 24}, std::tuple{Family::v6, v6, 64}}) {
        uplink.family[family].gateway = {.kind = core::Gateway::Kind::address,
                                         .address = *core::parse_address(host + "1")};
        interface.addresses.push_back(
            test::interface_address((host + "2/" + std::to_string(length)).c_str()));
    }
    world.config.uplinks.push_back(uplink);
    world.seen().interfaces[name] = interface;
}

void bench(unsigned uplinks) {
    World world;
    world.config.uplinks.clear();
    world.seen().interfaces.clear();
    for (unsigned i = 0; i < uplinks; ++i)
        add_uplink(world, i);
    for (const core::Uplink& uplink : world.config.uplinks)
        world.answer(uplink.name);
    world.configure();
    world.pass(std::chrono::seconds(1));
    if (!world.reconciler().settled())
        std::puts("not settled; the figures mean nothing");
    measure("nothing new", uplinks, [&](int) { world.engine.update(world.now); });
    measure("the kernel's routes and rules have changed", uplinks, [&](int) { world.update(); });
    measure("a carrier lost, a carrier back", uplinks, [&](int i) {
        world.set_carrier("u0", i % 2 != 0);
        world.engine.update(world.now);
    });
    measure("show multihome", uplinks,
            [&](int) { (void)runtime::to_text(runtime::overview(world.engine, world.now)); });
    measure("show multihome json", uplinks,
            [&](int) { (void)runtime::to_json(runtime::overview(world.engine, world.now)); });
}

/// /24 networks that a protocol teaches: of 10.0.0.0/8, or every other one of 100.64.0.0/10.
std::vector<core::TaughtRoute> taught(unsigned routes, bool inside_anyway) {
    std::vector<core::TaughtRoute> all;
    for (unsigned i = 0; i < routes; ++i) {
        const unsigned third = (inside_anyway ? i : 2 * i) % 256;
        const unsigned second = (inside_anyway ? i : 2 * i) / 256;
        const std::string begin = inside_anyway ? "10." : "100.";
        const std::string text = begin + std::to_string((inside_anyway ? 0 : 64) + second) + "." +
                                 std::to_string(third) + ".0/24";
        all.push_back({*core::Prefix::parse(text), "ospf", {2}});
    }
    return all;
}

/// What a change of learned routes costs, and a turn of the engine that has them.
void bench_learning(const char* what, unsigned routes, bool inside_anyway) {
    World world;
    world.config.learn = {core::Learn{}};
    world.start();
    const auto all = taught(routes, inside_anyway);
    const std::string name = std::string(what) + ", " + std::to_string(routes) + " routes";
    measure(("learn: " + name).c_str(), 2, [&](int) {
        world.seen().taught = core::summarize(all, world.engine.config(), world.seen());
    });
    world.update();
    measure(("nothing new: " + name).c_str(), 2, [&](int) { world.engine.update(world.now); });
}

} // namespace

int main() {
    std::puts("| engine | uplinks | median us | range |\n|---|---|---|---|");
    for (const unsigned uplinks : {2U, 64U, 512U})
        bench(uplinks);
    bench_learning("none", 0, true);
    bench_learning("inside anyway", 10'000, true);
    bench_learning("not, beyond the limit", 10'000, false);
    return 0;
}
