// SPDX-License-Identifier: GPL-2.0-or-later
//
// Small pieces that the status*.cpp files share.
#pragma once

#include "core/desired.hpp"
#include "core/observation.hpp"
#include "runtime/status.hpp"
#include "runtime/text_layout.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace multihomed::runtime {

template <class Duration>
double seconds_of(Duration duration) {
    using Milliseconds = std::chrono::duration<double, std::milli>;
    // whole milliseconds: what is behind them is noise
    return static_cast<double>(
               std::chrono::duration_cast<std::chrono::milliseconds>(Milliseconds(duration))
                   .count()) /
           1000.0;
}

inline double milliseconds_of(core::Microseconds duration) {
    return static_cast<double>(duration.count()) / 1000.0;
}

inline const char* dataplane_kind(const core::Dataplane& dataplane) {
    return !dataplane.known ? "unknown" : dataplane.module ? "module" : "stock";
}

inline void fill_nat(status::Nat& to, const core::Nat& from,
                     const std::vector<core::PrefixPair>& prefixes) {
    for (const core::PrefixPair& pair : prefixes) {
        status::PrefixPair& shown = *to.add_prefixes();
        shown.set_inside(pair.inside.to_string());
        shown.set_outside(pair.outside.to_string());
    }
    switch (from.kind) {
    case core::Nat::Kind::none:
        to.set_kind("none");
        break;
    case core::Nat::Kind::masquerade:
        to.set_kind("masquerade");
        break;
    case core::Nat::Kind::source:
        to.set_kind("source");
        to.set_first(from.first.to_string());
        to.set_last(from.last.to_string());
        break;
    }
}

inline void fill_counter(status::Counter& to, const apply::GuardCount& from) {
    to.set_packets(static_cast<double>(from.packets));
    to.set_bytes(static_cast<double>(from.bytes));
}

/// What the guard has dropped of one line; null if it has no counter for it.
inline const apply::GuardCount* find_guard(const GuardCounts& guards, const std::string& uplink,
                                           core::Family family) {
    const auto found = std::ranges::find_if(guards, [&](const apply::GuardCount& guard) {
        return guard.uplink == uplink && guard.family == family;
    });
    return found == guards.end() ? nullptr : &*found;
}

inline std::string dropped_text(const status::Counter& dropped) {
    return count_text(dropped.packets()) + " packets, " + count_text(dropped.bytes()) + " bytes";
}

inline std::string range_text(const std::string& first, const std::string& last) {
    return first == last ? first : first + "-" + last;
}

inline std::string nat_text(const status::Nat& nat) {
    std::string text;
    for (const status::PrefixPair& pair : nat.prefixes())
        text += (text.empty() ? "prefix " : ", ") + pair.outside() + " for " + pair.inside();
    if (!text.empty() && nat.kind() == "none")
        return text;
    text += text.empty() ? "" : ", else ";
    return text +
           (nat.kind() == "source" ? "source " + range_text(nat.first(), nat.last()) : nat.kind());
}

template <class List>
std::string joined(const List& list) {
    std::string text;
    for (const auto& each : list)
        text += (text.empty() ? "" : ", ") + each;
    return text;
}

/// The uplink whose interface has this name; empty if none has.
inline std::string uplink_at(const core::Config& config, const std::string& interface) {
    const auto found = std::ranges::find(config.uplinks, interface, &core::Uplink::interface);
    return interface.empty() || found == config.uplinks.end() ? "" : found->name;
}

} // namespace multihomed::runtime
