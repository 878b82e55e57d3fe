// SPDX-License-Identifier: GPL-2.0-or-later
//
// From lines and choices to the wanted world. Each function makes one part of Desired; together
// they are the steering of the product:
//
//   rules   base+0    to <link subnet>: skip the next rule (see below)
//           base+10   main, except its default: internal destinations win, whoever taught main
//           base+11   to <a network inside, of a prefix that ends>: table 1000, which has it
//           base+100  from <a line's source>: that line's table
//           base+101  the same for a prefix within which another line has a source
//           base+600  with <a line's mark>: that line's table
//           base+900  table 1000, then 253: only where main's default is that of a client
//           32766     main, whose default is ours (the kernel's rule)
//           32767     table 253 (the kernel's rule; for IPv6 ours)
//
//   tables  an uplink's: its subnets, a default by its gateway, and an unreachable one behind it,
//   so
//           that a packet with the line's source never falls through to another line
//           main: a default by the carrying lines; 253: one by the standby lines. While main's is
//           withheld (announce.hpp), 253 has that by the carrying lines
//
// Why base+0: main also holds the lines' own subnets. A packet with line A's source for a host in
// line B's subnet would leave by B. For these destinations main is asked after the sources.
#pragma once

#include "core/announce.hpp"
#include "core/choice.hpp"
#include "core/desired.hpp"
#include "core/line.hpp"

#include <vector>

namespace multihomed::core {

/// Two rules for each link subnet, the narrower subnets before those that contain them: main, if it
/// knows a part of the subnet better than the link does; else on to the sources.
inline constexpr std::uint32_t kRuleLinkSubnets = 0;
inline constexpr std::uint32_t kRuleLinkSubnetLevels = 5;
inline constexpr std::uint32_t kRuleInternal = 10;
inline constexpr std::uint32_t kRuleOldInside = 11;
inline constexpr std::uint32_t kRuleSources = 100;
/// Rules of one priority are asked in the order in which they were added; the narrower source must
/// come first.
inline constexpr std::uint32_t kRuleWideSources = 101;
inline constexpr std::uint32_t kRuleAffinity = 600;
/// Two rules: kTableOwn, kTableDefault.
inline constexpr std::uint32_t kRuleOwnDefault = 900;

inline constexpr std::uint8_t kDistanceUnreachable = 254;

/// In which families our default has to come before main's. A client that learns a line's gateway
/// for us puts its own default into main, where it wins over ours; a default by an interface that
/// is no line is somebody's wish and stays in force. Stock zebra cannot express the rules: they
/// would hide main's other routes.
PerFamily<bool> plan_own_default(const std::vector<Line>& lines, const Observation& seen);

std::vector<Route> plan_routes(const std::vector<Line>& lines, const PerFamily<Choice>& choices,
                               const PerFamily<Announcement>& announced = {},
                               const PerFamily<bool>& own_default = {});
std::vector<Rule> plan_rules(const Config& config, const std::vector<Line>& lines,
                             const PerFamily<bool>& own_default = {});
NatPlan plan_nat(const Config& config, const std::vector<Line>& lines, const Observation& seen);
/// Says in `plan` which lines are down, or cannot be used at all, while another one of their family
/// carries that is better for their flows (better_off_since()).
void plan_dead(NatPlan& plan, const std::vector<Line>& lines,
               const std::map<ProbeKey, Health>& health,
               const std::map<ProbeKey, std::optional<Time>>& better_off, Time now);
std::vector<Sysctl> plan_sysctls(const Config& config, const std::vector<Line>& lines,
                                 const PerFamily<Choice>& choices);
std::vector<TableName> plan_table_names(const Tables& tables);
std::vector<ProbePlan> plan_probes(const std::vector<Line>& lines);
std::vector<BfdPlan> plan_bfd(const std::vector<Line>& lines);
std::vector<NeighbourKey> plan_gateways(const std::vector<Line>& lines);
/// Whose way zebra is to be asked for.
std::vector<Address> plan_routers(const Config& config);

/// The probe targets of a line: those configured for its family, else its gateway.
std::vector<ProbeTarget> probe_targets(const Line& line);
/// True if the line has no configured target and so is judged by its gateway alone.
bool probes_gateway_only(const Line& line);

} // namespace multihomed::core
