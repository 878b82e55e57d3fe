// SPDX-License-Identifier: GPL-2.0-or-later
//
// The reconciler's part about tunnel interfaces: each is looked at when it is wanted otherwise than
// before or may have been changed, and again after a second while it fails. One that fails holds up
// nothing. settle() and remove_unwanted() tell what became of each, by object.
#pragma once

#include "apply/tunnel_applier.hpp"
#include "core/observation.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace multihomed::runtime {

using core::Time;

class Tunnels {
public:
    explicit Tunnels(apply::TunnelApplier& applier) : applier_(applier) {}

    using Outcomes = std::map<std::string, core::Result<void>>;
    /// Success also for what is not wanted any more: nothing is to be told about it.
    Outcomes settle(const std::vector<core::TunnelPlan>& wanted, Time now);
    struct Removal {
        Outcomes outcomes;
        bool complete = true; ///< none of them was there
    };
    /// Removes those of ours that nobody wants.
    Removal remove_unwanted(const std::vector<core::TunnelPlan>& wanted,
                            const core::Observation& seen);
    /// All have to be looked at.
    void suspect();
    /// Of the next new try.
    std::optional<Time> next_deadline() const;

private:
    struct Known {
        core::TunnelPlan plan;
        bool stands = false;
        std::optional<Time> retry;
    };
    apply::TunnelApplier& applier_;
    std::map<std::string, Known> known_; ///< by interface
    std::set<std::string> leaving_;
};

} // namespace multihomed::runtime
