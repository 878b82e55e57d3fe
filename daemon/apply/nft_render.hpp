// SPDX-License-Identifier: GPL-2.0-or-later
//
// NatPlan -> the text of one nft transaction. Pure: no kernel, no library.
//
// The rules of table `inet multihome` are the same for every plan with the same mark mask; a plan
// only decides what its sets, maps and counters hold. So a change of the plan refills the sets that
// differ (render_update), and the rules, the hooks and the guard's counters are not touched. The
// whole table is made anew (render_create) only when there is none or somebody else had his hands
// in it. Sets are flushed and declared again, never changed by "add element": for that libnftables
// first reads the interval sets of all tables, which takes seconds where somebody keeps large ones.
// What is forwarded meets chain forward, behind other programs' filters: what they drop is neither
// told nor counted. A packet that would leave by a dead line and cannot be translated to another
// one is answered with an error (sets dead_*). The rest is counted by line and family, and of what
// comes in only what belongs to flows that were answered, so that neither a scan of inside
// addresses nor an ICMP error of the provider's passes for an answer. The router's own packets,
// probes among them, are not forwarded. nat_table_content() is the central function; it also
// refuses what nft could not read back.
#pragma once

#include "core/address.hpp"
#include "core/desired.hpp"
#include "core/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace multihomed::apply {

inline constexpr const char* kNatTable = "multihome"; ///< of family inet

/// What the table holds for one plan. Equal plans give equal contents, whatever their order.
struct NatTableContent {
    /// By set or map, in nft's words. Every set of the table is there, if only with no elements.
    std::map<std::string, std::set<std::string>> elements;
    std::set<std::string> counters;
    std::uint32_t mark_mask = 0; ///< the rules depend on it; 0: there are none for marks

    bool operator==(const NatTableContent&) const = default;
};

/// A named counter and its value.
struct CounterValue {
    std::string name;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;

    bool operator==(const CounterValue&) const = default;
};

core::Result<NatTableContent> nat_table_content(const core::NatPlan& plan);

/// Replaces the table, if there is one. Counters begin with the values in `carried`.
std::string render_create(const NatTableContent& content, const std::vector<CounterValue>& carried);
/// Turns a table that holds `from` into one that holds `to`, which has the same mark_mask; empty
/// when they are equal.
std::string render_update(const NatTableContent& from, const NatTableContent& to);
std::string render_remove();

std::string guard_counter_name(const std::string& uplink, core::Family family);
struct GuardName {
    std::string uplink;
    core::Family family = core::Family::v4;
};
/// The reverse of guard_counter_name(); nothing for names of another form.
std::optional<GuardName> parse_guard_counter_name(std::string_view name);

enum class Direction : std::uint8_t { out, in };
std::string traffic_counter_name(Direction direction, const std::string& uplink,
                                 core::Family family);
struct TrafficName {
    Direction direction = Direction::out;
    std::string uplink;
    core::Family family = core::Family::v4;
};
/// The reverse of traffic_counter_name(); nothing for names of another form.
std::optional<TrafficName> parse_traffic_counter_name(std::string_view name);

} // namespace multihomed::apply
