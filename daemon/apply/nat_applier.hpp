// SPDX-License-Identifier: GPL-2.0-or-later
//
// The role of whatever translates internal sources and guards the lines against foreign ones.
#pragma once

#include "core/address.hpp"
#include "core/desired.hpp"
#include "core/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace multihomed::apply {

/// What the egress guard of one line has dropped since the counter was made.
struct GuardCount {
    std::string uplink;
    core::Family family = core::Family::v4;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;

    bool operator==(const GuardCount&) const = default;
};

class NatApplier {
public:
    virtual ~NatApplier() = default;

    /// Makes the kernel hold exactly this plan; packets see the old one or the new one, never a
    /// mix. Guard counters of uplinks that stay keep their values.
    virtual core::Result<void> apply(const core::NatPlan& plan) = 0;
    /// Removes everything apply() made. Nothing to remove is success.
    virtual core::Result<void> remove() = 0;
    /// True while the kernel holds what the last apply() or remove() left; false before the first.
    virtual core::Result<bool> verify() = 0;
    /// Sorted by uplink, IPv4 first. Empty when nothing is applied.
    virtual core::Result<std::vector<GuardCount>> counters() = 0;
};

} // namespace multihomed::apply
