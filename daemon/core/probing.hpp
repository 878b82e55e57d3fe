// SPDX-License-Identifier: GPL-2.0-or-later
//
// The numbers that say how a line is probed and judged. Every one of them can be typed for an
// uplink or in a profile; what an uplink leaves out its profile says, what the profile leaves out
// the built-in one of its name says (`default`, `fast`, `metered`), or else `default`. kKnobs is
// the one list of them: words, ranges and built-in values; parser, text and validation follow it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace multihomed::core {

using Milliseconds = std::chrono::milliseconds;

enum class Knob : std::uint8_t {
    interval,     ///< ms between two probes to one target
    timeout,      ///< ms after which a probe without an answer is lost
    fail_after,   ///< probes lost in a row that make a target dead
    stable_for,   ///< ms of good probes before a line that was left is used again
    window,       ///< ms over which loss, latency and jitter are computed
    loss_low,     ///< percent; from here on a line is degraded
    loss_high,    ///< percent; from here on a line is down
    latency_low,  ///< ms, mean of the window; as loss. 0: not looked at
    latency_high, ///< ms
    jitter_high,  ///< ms, deviation of the round-trip time; from here on degraded. 0: not looked at
    quorum,       ///< targets that have to answer; kQuorumAll: every one
    half_life,    ///< s in which the penalty of a flapping line halves (RFC 2439). 0: no dampening
    suppress,     ///< penalty from which on a line is not taken back; a failure costs 1000
    reuse,        ///< penalty below which it is
    max_suppress, ///< s after which a line is taken back whatever it did before
    spare_probes, ///< 1: no probes while traffic comes back by the line
};
inline constexpr std::size_t kKnobs = 16;
inline constexpr std::uint32_t kQuorumAll = 255;

struct KnobRange {
    const char* words; ///< as typed, behind `probe` in an uplink
    const char* what;  ///< for messages
    std::uint32_t least;
    std::uint32_t most;
};
const KnobRange& range_of(Knob knob);

/// What was typed; the rest is absent.
struct ProbeSettings {
    std::array<std::optional<std::uint32_t>, kKnobs> typed{};

    std::optional<std::uint32_t>& operator[](Knob knob) {
        return typed[static_cast<std::size_t>(knob)];
    }
    const std::optional<std::uint32_t>& operator[](Knob knob) const {
        return typed[static_cast<std::size_t>(knob)];
    }
    bool operator==(const ProbeSettings&) const = default;
};

/// All numbers that are in force for a line.
struct Probing {
    std::array<std::uint32_t, kKnobs> values{};

    std::uint32_t operator[](Knob knob) const { return values[static_cast<std::size_t>(knob)]; }
    Milliseconds time(Knob knob) const { return Milliseconds((*this)[knob]); }
    /// What was typed takes the place of what stands here.
    Probing with(const ProbeSettings& settings) const;
    bool operator==(const Probing&) const = default;
};

/// The built-in profile of this name, or `default`.
Probing built_in(std::string_view profile);
inline constexpr std::array kBuiltInProfiles{"default", "fast", "metered"};
bool is_built_in(std::string_view profile);

/// "interval 200", "quorum all", "spare-probes": the line without `probe`.
std::string to_text(Knob knob, std::uint32_t value);

} // namespace multihomed::core
