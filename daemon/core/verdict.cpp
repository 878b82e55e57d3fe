// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/verdict.hpp"

#include "core/config_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace multihomed::core {

namespace {

constexpr std::array<std::pair<Fault, const char*>, 9> kNames{{
    {Fault::none, "none"},
    {Fault::carrier, "carrier"},
    {Fault::address, "address"},
    {Fault::gateway, "gateway"},
    {Fault::beyond_gateway, "beyond-gateway"},
    {Fault::target, "target"},
    {Fault::dns, "dns"},
    {Fault::quality, "quality"},
    {Fault::unknown, "unknown"},
}};

/// Fewer decided probes than these say nothing about loss or latency.
constexpr std::uint32_t kFewest = 10;
/// Fewer lost ones are chance: while the window fills, one alone is 10 %.
constexpr std::uint32_t kFewestLost = 3;

std::string milliseconds_text(Microseconds value) {
    const auto tenths = value.count() / 100;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " ms";
}

std::uint32_t decided(const TargetFigures& target) {
    return target.received + target.lost - target.outage_lost;
}

std::uint32_t loss_percent(const TargetFigures& target) {
    const std::uint32_t lost = target.lost - target.outage_lost;
    return decided(target) < kFewest || lost < kFewestLost ? 0 : 100 * lost / decided(target);
}

Microseconds latency(const TargetFigures& target) {
    return target.received < kFewest ? Microseconds(0) : target.rtt_average;
}

Microseconds jitter(const TargetFigures& target) {
    return target.received < kFewest ? Microseconds(0) : target.rtt_deviation;
}

using Targets = std::vector<const TargetFigures*>;

std::string dead_text(const Targets& targets) {
    std::string text;
    for (const TargetFigures* target : targets) {
        if (!text.empty())
            text += ", ";
        text += name_of(target->target) + " lost " + std::to_string(target->consecutive_lost) +
                " in a row";
        if (!target->last_error.empty())
            text += " (" + target->last_error + ")";
    }
    return text;
}

std::string alive_text(const Targets& targets) {
    std::string text;
    for (const TargetFigures* target : targets)
        text += (text.empty() ? "" : ", ") + name_of(target->target) + " answers in " +
                milliseconds_text(target->rtt_average);
    return text;
}

bool asks_dns(const TargetFigures* target) {
    return target->target.kind == ProbeTarget::Kind::dns;
}

bool asks_gateway(const TargetFigures* target) {
    return target->target.kind == ProbeTarget::Kind::neighbour;
}

struct Sorted {
    Targets alive;
    Targets dead;
    std::size_t unknown = 0;
};

Sorted sort_out(const Judged& judged) {
    Sorted sorted;
    for (const TargetFigures& target : judged.targets) {
        if (is_dead(target, judged.probing))
            sorted.dead.push_back(&target);
        else if (target.received == 0)
            ++sorted.unknown;
        else
            sorted.alive.push_back(&target);
    }
    return sorted;
}

/// Fewer than needed answer: where did it break?
Verdict dead_verdict(const Judged& judged, const Sorted& sorted) {
    Verdict verdict{.kind = Verdict::Kind::dead, .reason = dead_text(sorted.dead)};
    const bool only_gateway = std::ranges::all_of(sorted.alive, asks_gateway);
    if (!sorted.alive.empty() && only_gateway) {
        verdict.fault = Fault::beyond_gateway;
        verdict.reason = "beyond the gateway " + judged.gateway_name + ": " + verdict.reason;
    } else if (!sorted.alive.empty()) {
        const bool only_dns = std::ranges::all_of(sorted.dead, asks_dns);
        verdict.fault = only_dns ? Fault::dns : Fault::target;
        verdict.reason += "; " + alive_text(sorted.alive) + ", too few for the quorum";
    } else if (judged.gateway == NeighbourState::reachable) {
        verdict.fault = Fault::beyond_gateway;
        verdict.reason = "beyond the gateway " + judged.gateway_name + ": " + verdict.reason;
    } else if (judged.gateway == NeighbourState::failed ||
               judged.gateway == NeighbourState::incomplete) {
        verdict.fault = Fault::gateway;
        verdict.reason =
            "gateway " + judged.gateway_name + " does not answer on the link: " + verdict.reason;
    } else {
        verdict.fault = Fault::unknown;
    }
    return verdict;
}

/// The value of `measure` that at least `needed` targets do not exceed.
template <class Measure>
auto nth_best(const Targets& targets, std::size_t needed, Measure measure) {
    std::vector<decltype(measure(*targets.front()))> values;
    for (const TargetFigures* target : targets)
        values.push_back(measure(*target));
    std::ranges::sort(values);
    return values[needed - 1];
}

/// One figure of a line against its thresholds, in percent or milliseconds; 0: no threshold.
struct Measured {
    const char* what;
    const char* unit;
    std::uint32_t low;
    std::uint32_t high;
    double value;
    std::string text;
};

/// What the figure says beyond `alive`; narrow alone: nothing yet.
Verdict against_thresholds(const Measured& measured, Milliseconds window) {
    const auto reached = [&](double limit) { return limit > 0 && measured.value >= limit; };
    Verdict verdict{.kind = Verdict::Kind::alive};
    verdict.narrow = reached(measured.low / 2.0);
    if (!reached(measured.low) && !reached(measured.high))
        return verdict;
    const bool high = reached(measured.high);
    verdict.kind = high ? Verdict::Kind::dead : Verdict::Kind::degraded;
    verdict.fault = Fault::quality;
    verdict.reason = std::string(measured.what) + " " + measured.text + " over " +
                     std::to_string(window.count() / 1000) + " s has reached " +
                     std::to_string(high ? measured.high : measured.low) + measured.unit;
    return verdict;
}

/// Loss, latency and jitter of a line that answers: what the worst of them says.
Verdict quality_verdict(const Targets& alive, std::size_t needed, const Probing& probing) {
    const auto loss = nth_best(alive, needed, loss_percent);
    const auto rtt = nth_best(alive, needed, latency);
    const auto deviation = nth_best(alive, needed, jitter);
    const auto milliseconds = [](Microseconds value) {
        return static_cast<double>(value.count()) / 1000;
    };
    Verdict worst{.kind = Verdict::Kind::alive};
    for (const Measured& measured :
         {Measured{"loss", " %", probing[Knob::loss_low], probing[Knob::loss_high],
                   static_cast<double>(loss), std::to_string(loss) + " %"},
          Measured{"latency", " ms", probing[Knob::latency_low], probing[Knob::latency_high],
                   milliseconds(rtt), milliseconds_text(rtt)},
          Measured{"jitter", " ms", probing[Knob::jitter_high], 0, milliseconds(deviation),
                   milliseconds_text(deviation)}}) {
        const bool narrow = worst.narrow;
        const Verdict each = against_thresholds(measured, probing.time(Knob::window));
        if (each.kind > worst.kind)
            worst = each;
        worst.narrow = narrow || each.narrow;
    }
    return worst;
}

std::size_t needed_of(const Judged& judged) {
    const std::uint32_t quorum = judged.probing[Knob::quorum];
    return std::min<std::size_t>(quorum, judged.targets.size());
}

} // namespace

const char* to_string(Fault fault) {
    for (const auto& [value, name] : kNames)
        if (value == fault)
            return name;
    return "?";
}

bool is_dead(const TargetFigures& target, const Probing& probing) {
    return target.consecutive_lost >= probing[Knob::fail_after];
}

std::string name_of(const ProbeTarget& target) {
    return target.kind == ProbeTarget::Kind::icmp ? target.address.to_string() : to_text(target);
}

Verdict judge(const Judged& judged) {
    const Sorted sorted = sort_out(judged);
    const std::size_t needed = needed_of(judged);
    if (judged.targets.empty() ||
        (sorted.alive.size() < needed && sorted.alive.size() + sorted.unknown >= needed))
        return {.kind = Verdict::Kind::unknown, .reason = "no probe has been answered yet"};
    if (sorted.alive.size() < needed)
        return dead_verdict(judged, sorted);
    Verdict verdict = quality_verdict(sorted.alive, needed, judged.probing);
    if (verdict.kind != Verdict::Kind::alive) {
        verdict.reason += "; " + alive_text(sorted.alive);
        return verdict;
    }
    verdict.reason = alive_text(sorted.alive);
    if (!sorted.dead.empty()) {
        verdict.fault = std::ranges::all_of(sorted.dead, asks_dns) ? Fault::dns : Fault::target;
        verdict.reason += "; " + dead_text(sorted.dead);
    }
    return verdict;
}

} // namespace multihomed::core
