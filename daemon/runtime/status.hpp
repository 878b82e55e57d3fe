// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is shown of the daemon: functions from what engine, guard and conntrack know to the messages
// of status.proto, and from those to text and JSON. They ask nobody and change nothing.
#pragma once

#include "apply/advertiser.hpp"
#include "apply/flow_applier.hpp"
#include "apply/nat_applier.hpp"
#include "core/result.hpp"
#include "runtime/engine.hpp"
#include "runtime/status.pb.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::runtime {

using GuardCounts = std::vector<apply::GuardCount>;

status::Overview overview(const Engine& engine, Time now);

/// All uplinks, or the one named. Counters that could not be read are left out.
status::Uplinks uplinks(const Engine& engine, const std::optional<std::string>& name,
                        const GuardCounts& guards, Time now);

status::Rules rules(const Engine& engine);
status::Routes routes(const Engine& engine);

/// intact: what NatApplier::verify() says.
status::NatTable nat_table(const Engine& engine, const core::Result<bool>& intact,
                           const core::Result<GuardCounts>& guards);

/// The translated flows of one line.
struct FlowRange {
    core::ProbeKey line;
    core::AddressRange range;
};
/// What to count for `show multihome conntrack`: of all uplinks, or of the one named.
std::vector<FlowRange> flow_ranges(const Engine& engine, const std::optional<std::string>& name);
/// counts: in the order of `ranges`. lists: flows to be shown one by one.
status::Conntrack conntrack(const std::vector<FlowRange>& ranges,
                            const core::Result<std::vector<apply::FlowCount>>& counts,
                            const std::vector<apply::FlowList>& lists);

/// Router advertisements of all interfaces, or of the one named.
status::Advertising advertising(const Engine& engine,
                                const std::map<std::string, apply::AdvertiserState>& states,
                                const std::optional<std::string>& interface, Time now);

/// Counters since the operator cleared them: `now` less what they were then. A counter that is
/// smaller than it was has been made anew.
GuardCounts since_cleared(const GuardCounts& now, const GuardCounts& then);

/// Lines of at most 80 columns, as far as names and addresses allow.
std::string to_text(const status::Overview& overview);
std::string to_text(const status::Uplinks& uplinks);
std::string to_text(const status::Rules& rules);
std::string to_text(const status::Routes& routes);
std::string to_text(const status::NatTable& nat);
std::string to_text(const status::Conntrack& conntrack);
std::string to_text(const status::Advertising& advertising);

/// Valid JSON whatever bytes the strings hold; ends with a line feed.
std::string to_json(const google::protobuf::Message& message);

} // namespace multihomed::runtime
