// SPDX-License-Identifier: GPL-2.0-or-later
//
// The whole policy of the product in one pure function: configuration, observation, history and the
// time go in; the wanted world, the new history, the reasons and the next moment at which time
// alone may change the answer come out.
//
// survey() sees what each line could do, judge() and evaluate() its health, choose() who carries,
// plan_*() what that means for the kernel. Flows that cannot go on are owed a deletion as soon as
// another line, and not a dead one, carries: those of a line that is dead or, without flow
// affinity, of any line that no longer carries, since routing would send them elsewhere. Where all
// were out and this other line is merely the first to be back, they get as long as a probe takes to
// follow it.
#pragma once

#include "core/address_range.hpp"
#include "core/advertise.hpp"
#include "core/announce.hpp"
#include "core/choice.hpp"
#include "core/desired.hpp"
#include "core/health.hpp"
#include "core/line.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::core {

/// Flows of one line that shall be forgotten once the kernel sends new ones elsewhere.
struct StaleFlows {
    ProbeKey line;
    std::uint32_t ifindex = 0; ///< the line that must not be used any more
    AddressRange translated_to = {};
    bool address_gone = false; ///< nothing can carry them, whatever routing does
    std::string reason;
    std::uint32_t mark = 0; ///< all flows with this mark are meant, whatever they are translated to
    std::uint32_t mask = 0;
    /// With a mark: only flows that another line can carry on, which are translated ones.
    bool movable_only = false;
    std::uint8_t protocol = 0; ///< with movable_only: IPPROTO_*; 0: any
    std::uint16_t port = 0;    ///< with protocol: the destination's; 0: any
    /// All flows of these addresses are meant, whatever else is said.
    std::optional<Prefix> bound_to = {};

    bool operator==(const StaleFlows&) const = default;
};

struct LineHistory {
    Health health;
    std::optional<Time> out_since; ///< since when it can carry nothing; absent: it can
    bool restarted = false;        ///< it shall be judged as if it had just been configured
    bool carried = false;          ///< in the last decision
    bool owes_flows = false;       ///< has flows that cannot go on, not yet forgotten
    bool keeps_flows = false;      ///< its flows stay on it, whoever carries new ones
    /// Since when a better line carries the new flows and this one's go on; absent: not so.
    std::optional<Time> drains_since;
    bool drained = false; ///< the deadline has passed, or there was none to wait for
    /// Of the flows that go on here, those that shall move to a line that carries.
    std::vector<StaleFlows> moving;
    /// Those that were to move when draining began may not have moved: another process was at it.
    bool moves_again = false;
    std::uint32_t ifindex = 0;
    std::uint32_t mark = 0; ///< of its flows; 0: none
    /// What its flows are translated to: by the translation in force, or by an earlier one whose
    /// addresses the line still has.
    std::vector<AddressRange> translated;
};

/// What decide() remembers from one time to the next.
struct History {
    Tables tables;
    LearnedGateways gateways;
    KnownPrefixes prefixes;
    std::uint32_t mark_mask = 0; ///< in which the marks of `lines` are
    MarkNumbers marks;           ///< also of uplinks that are gone, while there are flows of theirs
    std::map<ProbeKey, LineHistory> lines;
    /// Since when a line that is not dead carries, without a break; see better_off_since().
    PerFamily<std::optional<Time>> carried_since{{Time{}, Time{}}};
    /// Flows to be forgotten that no line of `lines` stands for: of addresses that a line lost, and
    /// of lines that are gone. Erased by whoever has forgotten them.
    std::vector<StaleFlows> vanished;
    AdvertisedPrefixes advertised;
    /// The operator wants the preferred line back, this once, although nothing fails back.
    bool fails_back = false;
};

struct Transition {
    Time at{};
    ProbeKey line;
    std::optional<State> from; ///< absent: the line is new
    std::optional<State> to;   ///< absent: the line is gone
    std::string reason;
};

struct LineReport {
    Line line;
    Health health;
    bool carries = false;
    bool stands_by = false;
};

struct Decision {
    Desired desired;
    History history;
    std::vector<LineReport> lines;
    PerFamily<std::string> choice_reason;
    PerFamily<Announcement> announced;
    PerFamily<bool> elsewhere{}; ///< none of our lines is used, but another router's default
    std::vector<StaleFlows> stale;
    std::vector<Transition> transitions;
    std::vector<AdvertiseReport> advertise; ///< of each of Desired::advertise
    std::optional<Time> next_deadline;
};

/// Lines in the result point into `config`, which must outlive it.
Decision decide(const Config& config, const Observation& seen, const History& history, Time now);

/// May these flows be forgotten now? Only when the kernel itself no longer sends new flows by that
/// line and does send them by another; or when their address is gone.
bool may_forget(const StaleFlows& stale, const Observation& seen);

/// Of its next hop; reachable where nothing is to be resolved.
NeighbourState gateway_state(const Line& line, const Observation& seen);
/// What probes, gateway and BFD say together of each line; unknown for those that are blocked.
std::map<ProbeKey, Verdict> verdicts_of(const std::vector<const Line*>& lines,
                                        const Observation& seen);

/// The selector of these flows.
FlowSelector selector_of(const StaleFlows& stale);
/// Flows that began before translation stood.
FlowSelector untranslated_flows(const NatPlan& nat, const std::vector<LineReport>& lines,
                                Family family);

} // namespace multihomed::core
