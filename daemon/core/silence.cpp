// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/silence.hpp"

#include <algorithm>
#include <utility>

namespace multihomed::core {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kEnoughPackets = 3;
constexpr unsigned kEnoughSamples = 2;
constexpr Microseconds kShortest = 60ms;
constexpr Microseconds kLongest = 400ms;
constexpr Microseconds kFirstPause = 1s;
constexpr Microseconds kLongestPause = 30s;
/// After that long without a packet out, older ones are no evidence: their answers may be long
/// past, and the next packet has to be given its time.
constexpr auto kEvidenceLasts = 1s;
constexpr auto kLearnedLasts = 60s;

Microseconds since(Time then, Time now) {
    return std::chrono::duration_cast<Microseconds>(now - then);
}

Microseconds limit_of(const RoundTrip* measured) {
    if (measured == nullptr)
        return kLongest;
    return std::clamp(2 * measured->average + 4 * measured->deviation, kShortest, kLongest);
}

const RoundTrip* find(const std::map<ProbeKey, RoundTrip>& round_trips, const ProbeKey& line) {
    const auto found = round_trips.find(line);
    return found == round_trips.end() ? nullptr : &found->second;
}

} // namespace

std::map<ProbeKey, RoundTrip> round_trips(const Observation& seen) {
    std::map<ProbeKey, RoundTrip> measured;
    for (const auto& [line, targets] : seen.probes)
        for (const TargetFigures& target : targets) {
            if (target.rtt_average == Microseconds::zero())
                continue;
            const RoundTrip round_trip{target.rtt_average, target.rtt_deviation};
            const auto [known, first] = measured.try_emplace(line, round_trip);
            if (!first && round_trip.average < known->second.average)
                known->second = round_trip;
        }
    return measured;
}

std::string describe(const Silence& silence, Time now) {
    const auto lasts = std::chrono::duration_cast<std::chrono::milliseconds>(now - silence.since);
    return std::to_string(silence.packets_out) + " packets went out in " +
           std::to_string(lasts.count()) + " ms and none came in";
}

void SilenceWatch::answered(Watched& line, Time now) {
    const bool was_told = line.unanswered && line.told && *line.told >= line.unanswered->since;
    const Microseconds took = was_told ? since(line.unanswered->since, now) : Microseconds::zero();
    // What took longer was no answer, it was the line's return.
    if (was_told && took <= 2 * kLongest) {
        line.learned = std::max(line.learned, std::min(took, kLongest));
        line.learned_at = now;
    }
    line.unanswered.reset();
    line.pause = line.next_pause = kFirstPause;
}

void SilenceWatch::sent(Watched& line, std::uint64_t packets, Time now) {
    if (!line.unanswered || now - line.unanswered->latest > kEvidenceLasts)
        line.unanswered = Unanswered{now, now, 0, 0};
    line.unanswered->latest = now;
    line.unanswered->packets += packets;
    ++line.unanswered->samples;
}

void SilenceWatch::count(Watched& line, const LineTraffic& sample, Time now) {
    if (now - line.learned_at > kLearnedLasts)
        line.learned = Microseconds::zero();
    if (sample.packets_in != line.last.packets_in)
        answered(line, now);
    else if (sample.packets_out != line.last.packets_out)
        sent(line, sample.packets_out - line.last.packets_out, now);
    line.last = sample;
}

bool SilenceWatch::is_silent(const Watched& line, Microseconds limit, Time now) {
    return line.unanswered && line.unanswered->packets >= kEnoughPackets &&
           line.unanswered->samples >= kEnoughSamples &&
           since(line.unanswered->since, now) >= limit;
}

bool SilenceWatch::is_time_to_tell(const Watched& line, Time now) {
    return !line.told || (line.unanswered->latest == now && since(*line.told, now) >= line.pause);
}

Silence SilenceWatch::tell(Watched& line, Time now) {
    line.told = now;
    line.pause = std::exchange(line.next_pause, std::min(2 * line.next_pause, kLongestPause));
    return {line.last.line, line.unanswered->packets, line.unanswered->since};
}

std::vector<Silence> SilenceWatch::take(const std::vector<LineTraffic>& samples,
                                        const std::map<ProbeKey, RoundTrip>& round_trips,
                                        Time now) {
    std::vector<Silence> silences;
    std::map<ProbeKey, Watched> watched;
    for (const LineTraffic& sample : samples) {
        auto known = lines_.extract(sample.line);
        if (known.empty() || sample.packets_out < known.mapped().last.packets_out ||
            sample.packets_in < known.mapped().last.packets_in) {
            Watched& fresh = watched[sample.line];
            fresh.last = sample;
            fresh.pause = fresh.next_pause = kFirstPause;
            continue;
        }
        Watched& line = watched.insert(std::move(known)).position->second;
        count(line, sample, now);
        const Microseconds limit = std::max(limit_of(find(round_trips, sample.line)), line.learned);
        if (is_silent(line, limit, now) && is_time_to_tell(line, now))
            silences.push_back(tell(line, now));
    }
    lines_ = std::move(watched);
    return silences;
}

} // namespace multihomed::core
