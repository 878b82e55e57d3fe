// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/suspects.hpp"

#include "core/verdict.hpp"

#include <algorithm>

namespace multihomed::core {

namespace {

/// Silent "at once": the last replies lie no further apart, besides an interval of each line.
constexpr Milliseconds kAtOnce{3'000};

/// One line's experience with a target.
struct Witness {
    const Line* line = nullptr;
    const TargetFigures* figures = nullptr;
    bool has_living = false; ///< another target of the line answers
    bool is_only = false;    ///< the line has no other target
    bool dead = false;
};

struct Case {
    ProbeTarget target;
    std::vector<Witness> witnesses;
};

bool answers(const TargetFigures& figures, const Probing& probing) {
    return figures.received > 0 && !is_dead(figures, probing);
}

Case& case_of(std::vector<Case>& cases, const ProbeTarget& target) {
    for (Case& each : cases)
        if (is_same_target(each.target, target))
            return each;
    return cases.emplace_back(Case{target, {}});
}

void add_witnesses(std::vector<Case>& cases, const Line& line,
                   const std::vector<TargetFigures>& all) {
    for (const TargetFigures& figures : all) {
        if (figures.target.kind == ProbeTarget::Kind::neighbour)
            continue;
        const bool has_living = std::ranges::any_of(all, [&](const TargetFigures& other) {
            return &other != &figures && answers(other, line.probing);
        });
        case_of(cases, figures.target)
            .witnesses.push_back(
                {&line, &figures, has_living, all.size() == 1, is_dead(figures, line.probing)});
    }
}

/// Did all lines hear the last of it at the same time, or none ever anything?
bool fell_silent_at_once(const std::vector<Witness>& witnesses) {
    if (std::ranges::none_of(witnesses,
                             [](const Witness& witness) { return witness.figures->ever_received; }))
        return true;
    Time first = Time::max();
    Time last = Time::min();
    Milliseconds slack = kAtOnce;
    for (const Witness& witness : witnesses) {
        if (!witness.figures->last_reply)
            return false;
        first = std::min(first, *witness.figures->last_reply);
        last = std::max(last, *witness.figures->last_reply);
        slack += witness.line->probing.time(Knob::interval);
    }
    return last - first <= slack;
}

/// A reply that takes no longer should be there when a burst has condemned another line.
constexpr Microseconds kPrompt{60'000};
/// So long after the dead line's last reply its silence may have begun.
constexpr Milliseconds kMissed{200};

bool is_prompt(const TargetFigures& figures) {
    return figures.rtt_average + 4 * figures.rtt_deviation <= kPrompt;
}

/// Might the lines on which the target is not dead be about to lose it as well? They have lost a
/// probe, or wait for a reply that comes promptly as a rule, and have had none since the silence.
bool is_undecided(const std::vector<Witness>& witnesses) {
    Time missed{};
    for (const Witness& witness : witnesses)
        if (witness.dead && witness.figures->last_reply)
            missed =
                std::max(missed, *witness.figures->last_reply +
                                     std::min(kMissed, witness.line->probing.time(Knob::interval)));
    return std::ranges::all_of(witnesses, [&](const Witness& witness) {
        const TargetFigures& figures = *witness.figures;
        const bool waits = figures.sent > figures.received + figures.lost && is_prompt(figures);
        return witness.dead || figures.consecutive_lost > 0 ||
               (waits && figures.last_reply && *figures.last_reply <= missed);
    });
}

std::optional<TargetDoubt::Kind> doubt(const Case& about) {
    const auto& witnesses = about.witnesses;
    if (witnesses.size() < 2)
        return std::nullopt;
    const auto dead = std::ranges::count_if(witnesses, &Witness::dead);
    if (dead == 0)
        return std::nullopt;
    if (static_cast<std::size_t>(dead) < witnesses.size())
        return is_undecided(witnesses) && fell_silent_at_once(witnesses)
                   ? std::optional(TargetDoubt::Kind::waits)
                   : std::nullopt;
    if (std::ranges::any_of(witnesses, &Witness::has_living) ||
        (std::ranges::all_of(witnesses, &Witness::is_only) && fell_silent_at_once(witnesses)))
        return TargetDoubt::Kind::suspected;
    return std::nullopt;
}

} // namespace

std::vector<TargetDoubt> doubt_targets(const std::vector<const Line*>& lines,
                                       const Observation& seen) {
    std::vector<Case> cases;
    for (const Line* line : lines) {
        const auto figures = seen.probes.find(line->key());
        if (!line->blocked && figures != seen.probes.end())
            add_witnesses(cases, *line, figures->second);
    }
    std::vector<TargetDoubt> doubts;
    for (const Case& about : cases)
        if (const auto kind = doubt(about))
            doubts.push_back({about.target, *kind});
    return doubts;
}

const TargetDoubt* find_doubt(const std::vector<TargetDoubt>& doubts, const ProbeTarget& target) {
    const auto found = std::ranges::find_if(
        doubts, [&](const TargetDoubt& each) { return is_same_target(each.target, target); });
    return found == doubts.end() ? nullptr : &*found;
}

} // namespace multihomed::core
