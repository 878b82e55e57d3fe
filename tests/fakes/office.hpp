// SPDX-License-Identifier: GPL-2.0-or-later
//
// The office of scenario S1 under engine and reconciler, on a kernel in memory.
#pragma once

#include "core/text.hpp"
#include "fakes/world.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace multihomed::test {

/// What the kernel holds of ours when everything wanted stands in it, and nothing else.
inline std::vector<std::string> wanted_in_kernel(World& world) {
    const runtime::Wanted& wanted = world.reconciler().wanted();
    std::vector<std::string> expected = texts(wanted.lowered.rules);
    const auto in_kernel = core::expected_in_kernel(wanted.desired.routes);
    const auto routes = texts(wanted.desired.routes);
    for (std::size_t i = 0; i < routes.size(); ++i)
        if (in_kernel[i])
            expected.push_back(routes[i]);
    std::ranges::sort(expected);
    return expected;
}

/// Without flow affinity, both lines proven, everything in place.
class Office : public testing::Test {
protected:
    void SetUp() override {
        world.config.flow_affinity = false;
        world.start();
        ASSERT_TRUE(world.reconciler().settled()) << problems();
        start = world.news();
    }

    std::string problems() {
        std::string text;
        for (const runtime::Problem& problem : world.reconciler().problems())
            text += problem.object + ": " + problem.reason + "\n";
        return text;
    }
    void expect_kernel_as_wanted() { EXPECT_EQ(world.zebra.held(), wanted_in_kernel(world)); }

    World world;
    Journal start;
};

} // namespace multihomed::test
