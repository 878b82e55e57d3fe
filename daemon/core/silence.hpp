// SPDX-License-Identifier: GPL-2.0-or-later
//
// Free evidence: users' packets leave by a line and nothing comes back.
//
// The figures come from counters of forwarded packets, read many times a second. A line is silent
// when, since the last packet that came in by it, at least three went out, seen in two samples or
// more, and the first of them is older than what an answer takes: 2 x RTT + 4 x deviation of its
// probes, 60 to 400 ms. That is no verdict, since some traffic is never answered (syslog, a stream
// to a listener): it is a reason to probe now instead of later. So a silence is told once, and
// again after 1 s, 2 s, 4 s ... 30 s while it lasts and packets go out. What comes in ends it; but
// two of them are never told within a second. Who was wrong learns: when an answer comes after all,
// the line is given the time that it took, up to 400 ms, for a minute. SilenceWatch::take() is
// central. Time is handed in.
#pragma once

#include "core/observation.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::core {

/// Packets of one line since its counters were made: forwarded out of and in from it, and dropped
/// by its egress guard.
struct LineTraffic {
    ProbeKey line;
    std::uint64_t packets_out = 0;
    std::uint64_t packets_in = 0;
    std::uint64_t packets_guarded = 0;

    bool operator==(const LineTraffic&) const = default;
};

struct RoundTrip {
    Microseconds average{0};
    Microseconds deviation{0};
};

/// Of each line the quickest target that has answered; lines without an answer are not there.
std::map<ProbeKey, RoundTrip> round_trips(const Observation& seen);

/// Nothing came in by the line although packets went out.
struct Silence {
    ProbeKey line;
    std::uint64_t packets_out = 0;
    Time since{}; ///< when the first of them was seen

    bool operator==(const Silence&) const = default;
};

/// "12 packets went out in 150 ms and none came in"
std::string describe(const Silence& silence, Time now);

class SilenceWatch {
public:
    /// The counters of all lines at `now`. Lines that are not among them are forgotten. A counter
    /// that is less than it was is a new one.
    std::vector<Silence> take(const std::vector<LineTraffic>& samples,
                              const std::map<ProbeKey, RoundTrip>& round_trips, Time now);

private:
    /// What has gone out since something came in.
    struct Unanswered {
        Time since{};
        Time latest{};
        std::uint64_t packets = 0;
        unsigned samples = 0;
    };
    struct Watched {
        LineTraffic last;
        std::optional<Unanswered> unanswered;
        std::optional<Time> told;   ///< when a silence was told last
        Microseconds pause{0};      ///< from then to the next one
        Microseconds next_pause{0}; ///< after that one
        Microseconds learned{0};    ///< what an answer took that we had not waited for
        Time learned_at{};
    };

    static void answered(Watched& line, Time now);
    static void sent(Watched& line, std::uint64_t packets, Time now);
    static bool is_silent(const Watched& line, Microseconds limit, Time now);
    static bool is_time_to_tell(const Watched& line, Time now);
    static Silence tell(Watched& line, Time now);
    static void count(Watched& line, const LineTraffic& sample, Time now);

    std::map<ProbeKey, Watched> lines_;
};

} // namespace multihomed::core
