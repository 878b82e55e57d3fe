// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the commands (commands*.cpp) work on. The daemon is one; tests have their own. There is no
// header of FRR here, so that the commands are tested without it.
#pragma once

#include "apply/advertiser.hpp"
#include "apply/flow_applier.hpp"
#include "apply/nat_applier.hpp"
#include "core/config.hpp"
#include "runtime/engine.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace multihomed::frr {

struct DebugFlags {
    bool decision = false;
    bool kernel = false;
    bool probe = false;
    bool zebra = false;
};

class Commanded {
public:
    virtual ~Commanded() = default;

    /// The configuration as typed. Edit it, then call config_changed().
    virtual core::Config& config() = 0;
    virtual void config_changed() = 0;
    /// In between nothing of what is typed is put in force.
    virtual void config_file_begins() = 0;
    virtual void config_file_ends() = 0;

    virtual runtime::Engine& engine() = 0;
    virtual apply::NatApplier& nat() = 0;
    virtual apply::FlowApplier& flows() = 0;
    virtual const apply::Advertiser& advertiser() const = 0;
    virtual DebugFlags& debug() = 0;
    /// Puts a line through evaluation anew, with empty statistics.
    virtual void restart_line(const std::string& uplink) = 0;
    /// Decides anew, soon: something that the engine remembers has been changed.
    virtual void reconsider() = 0;
    virtual core::Time now() const { return std::chrono::steady_clock::now(); }

    /// What the guard had dropped when the operator last cleared the counters.
    std::vector<apply::GuardCount>& cleared_counters() { return cleared_counters_; }

private:
    std::vector<apply::GuardCount> cleared_counters_;
};

/// The one of this process; null before it is there and after it is gone.
Commanded* commanded();

} // namespace multihomed::frr
