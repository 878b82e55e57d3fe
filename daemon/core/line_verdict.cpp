// SPDX-License-Identifier: GPL-2.0-or-later
//
// All that speaks for or against a line that could carry packets, in order of weight: BFD, the
// targets that count, the gateway's link-layer address.
#include "core/decide.hpp"
#include "core/plan.hpp"
#include "core/suspects.hpp"

#include <algorithm>

namespace multihomed::core {

NeighbourState gateway_state(const Line& line, const Observation& seen) {
    if (!line.gateway || !line.resolves_gateway)
        return NeighbourState::reachable;
    const auto found = seen.neighbours.find({line.ifindex, *line.gateway});
    return found == seen.neighbours.end() ? NeighbourState::none : found->second;
}

namespace {

std::string gateway_text(const Line& line) {
    return line.gateway ? "gateway " + line.gateway->to_string() : "the interface";
}

/// The gateway's link-layer address speaks for a line that has no target to ask.
Verdict gateway_verdict(const Line& line, const Observation& seen, const std::string& because) {
    switch (gateway_state(line, seen)) {
    case NeighbourState::reachable:
    case NeighbourState::stale:
        return {.kind = Verdict::Kind::alive,
                .reason = gateway_text(line) + (line.resolves_gateway ? " resolves" : " is up") +
                          " (" + because + ")"};
    case NeighbourState::failed:
        return {.kind = Verdict::Kind::dead,
                .reason = gateway_text(line) + " has no link-layer address",
                .fault = Fault::gateway};
    default:
        return {};
    }
}

/// A gateway that is probed for want of targets and has never answered an echo may simply not do
/// that.
bool is_silent_gateway(const Line& line, const std::vector<TargetFigures>& targets) {
    return probes_gateway_only(line) && line.resolves_gateway &&
           std::ranges::none_of(targets, &TargetFigures::ever_received);
}

/// `reachable` counts as proof only if it is younger than the last answer of any target.
NeighbourState proven_gateway_state(const Line& line, const Observation& seen,
                                    const std::vector<TargetFigures>& targets) {
    const NeighbourState state = gateway_state(line, seen);
    if (state != NeighbourState::reachable)
        return state;
    const auto since = seen.neighbour_since.find({line.ifindex, *line.gateway});
    if (since == seen.neighbour_since.end())
        return NeighbourState::stale;
    const bool is_proof = std::ranges::all_of(targets, [&](const TargetFigures& target) {
        return !target.last_reply || *target.last_reply < since->second;
    });
    return is_proof ? state : NeighbourState::stale;
}

std::optional<Verdict> bfd_verdict(const Line& line, const Observation& seen) {
    const auto session = seen.bfd.find(line.key());
    if (session == seen.bfd.end() || session->second != BfdState::down)
        return std::nullopt;
    return Verdict{.kind = Verdict::Kind::dead,
                   .reason = "BFD with " + gateway_text(line) + " is down",
                   .fault = Fault::gateway};
}

std::string names_of(const std::vector<ProbeTarget>& targets) {
    std::string text;
    for (const ProbeTarget& target : targets)
        text += (text.empty() ? "" : ", ") + name_of(target);
    return text;
}

std::string unprobed_text(const Line& line) {
    if (!line.by_router())
        return "nothing to probe";
    const std::string way = "routing leads to the router, by " + gateway_text(line);
    if (probes_gateway_only(line))
        return way + "; no target to probe";
    return way + "; no address of this router within the line's sources to probe from";
}

Verdict waiting(const ProbeTarget& target) {
    return {.kind = Verdict::Kind::unknown,
            .reason = name_of(target) + " may fail on every line, which would be its own fault",
            .waits = true};
}

Verdict verdict_of(const Line& line, const std::vector<TargetDoubt>& doubts,
                   const Observation& seen) {
    if (const auto verdict = bfd_verdict(line, seen))
        return *verdict;
    if (probe_targets(line).empty())
        return {.kind = Verdict::Kind::alive, .reason = unprobed_text(line)};
    const auto found = seen.probes.find(line.key());
    if (found == seen.probes.end())
        return {.kind = Verdict::Kind::unknown, .reason = "no probe has been sent yet"};
    if (is_silent_gateway(line, found->second)) {
        const Verdict verdict = gateway_verdict(line, seen, "it answers no echo");
        if (verdict.kind != Verdict::Kind::unknown)
            return verdict;
    }
    Judged judged{.targets = {}, .probing = line.probing};
    if (line.gateway && line.resolves_gateway) {
        judged.gateway = proven_gateway_state(line, seen, found->second);
        judged.gateway_name = line.gateway->to_string();
    }
    std::vector<ProbeTarget> suspected;
    std::optional<ProbeTarget> undecided;
    for (const TargetFigures& figures : found->second) {
        const TargetDoubt* doubt = find_doubt(doubts, figures.target);
        if (doubt && doubt->kind == TargetDoubt::Kind::waits && is_dead(figures, line.probing))
            undecided = figures.target;
        if (doubt && doubt->kind == TargetDoubt::Kind::suspected)
            suspected.push_back(figures.target);
        else
            judged.targets.push_back(figures);
    }
    if (judged.targets.empty() && !suspected.empty()) {
        Verdict verdict = gateway_verdict(
            line, seen, names_of(suspected) + " fails on every line, so it does not count");
        if (verdict.kind == Verdict::Kind::alive)
            verdict.fault = Fault::target;
        return verdict;
    }
    Verdict verdict = judge(judged);
    if (undecided && verdict.kind == Verdict::Kind::dead)
        return waiting(*undecided);
    if (!suspected.empty() && verdict.kind == Verdict::Kind::alive)
        verdict.fault = Fault::target;
    if (!suspected.empty())
        verdict.reason += "; " + names_of(suspected) + " fails on every line, so it does not count";
    return verdict;
}

} // namespace

std::map<ProbeKey, Verdict> verdicts_of(const std::vector<const Line*>& lines,
                                        const Observation& seen) {
    const auto doubts = doubt_targets(lines, seen);
    std::map<ProbeKey, Verdict> verdicts;
    for (const Line* line : lines)
        verdicts[line->key()] = line->blocked ? Verdict{} : verdict_of(*line, doubts, seen);
    return verdicts;
}

} // namespace multihomed::core
