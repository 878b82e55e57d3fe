// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is done to a neighbour entry to have it asked at once, by the state it is in.
#include "observe/netlink_request.hpp"

#include <gtest/gtest.h>

#include <linux/neighbour.h>

namespace multihomed::observe {
namespace {

using Pushes = std::vector<NeighbourPush>;
using enum NeighbourPush;

TEST(PushesToResolve, DependOnTheStateOfTheEntry) {
    EXPECT_EQ(pushes_to_resolve(NUD_NONE), Pushes{use});
    EXPECT_EQ(pushes_to_resolve(NUD_FAILED), Pushes{use});
    EXPECT_EQ(pushes_to_resolve(NUD_INCOMPLETE), (Pushes{fail, use}));
    EXPECT_EQ(pushes_to_resolve(NUD_REACHABLE), Pushes{probe});
    EXPECT_EQ(pushes_to_resolve(NUD_STALE), Pushes{probe});
    EXPECT_EQ(pushes_to_resolve(NUD_DELAY), Pushes{probe});
    EXPECT_EQ(pushes_to_resolve(NUD_PROBE), (Pushes{stale, probe}));
}

TEST(PushesToResolve, NothingIsDoneToWhatAnOperatorMade) {
    EXPECT_EQ(pushes_to_resolve(NUD_PERMANENT), Pushes{});
    EXPECT_EQ(pushes_to_resolve(NUD_NOARP), Pushes{});
}

} // namespace
} // namespace multihomed::observe
