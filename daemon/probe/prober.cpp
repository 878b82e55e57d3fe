// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/prober.hpp"

#include <algorithm>
#include <array>
#include <sys/epoll.h>
#include <unistd.h>
#include <utility>

namespace multihomed::probe {

namespace {

using Kind = core::ProbeTarget::Kind;
using std::chrono::milliseconds;

/// Probes that are due this soon go out with those that are due now; less than the jitter.
constexpr milliseconds kTogether{10};

/// Between two looks for replies when they come thick. Each bears the time of its arrival, a loss
/// is declared by the clock after a look, and to wake up costs more than to take in a reply.
constexpr milliseconds kRest{5};

/// Of up to 64 sockets with 64 packets each.
constexpr int kDrainRounds = 8;

constexpr milliseconds kBurstStep{15};
constexpr std::uint32_t kMaxBurst = 10;
constexpr milliseconds kMinPatience{50};
/// A single loss is a weak suspicion, and often comes with queues that have just become long.
constexpr milliseconds kMinPatienceAfterLoss{250};
/// As long as this at least, a complaint explains the losses that follow.
constexpr milliseconds kComplaint{3'000};
/// A target that is asked less often than this is asked again at once when it does not answer.
constexpr milliseconds kRare{500};
/// A first probe may be lost because the line's own route is not there yet.
constexpr milliseconds kFirstRoute{1'000};

milliseconds together(core::Milliseconds interval) {
    return std::min(kTogether, std::chrono::duration_cast<milliseconds>(interval / 20));
}

core::Milliseconds interval_of(const core::ProbePlan& plan, const core::ProbeTarget& target) {
    return target.interval.value_or(plan.interval);
}

WindowLimits limits_of(const core::ProbePlan& plan) {
    return {plan.timeout, plan.window, plan.fail_after};
}

/// Such a probe is a whole conversation: one at a time.
bool is_heavy(Kind kind) {
    return kind == Kind::http || kind == Kind::https;
}

/// How long to wait for an answer if a verdict is wanted quickly.
Microseconds patience_of(const ProbeWindow& window, const core::ProbePlan& plan,
                         milliseconds least) {
    const auto rtt = window.round_trip();
    if (!rtt)
        return plan.timeout;
    const Microseconds usual = std::max(2 * rtt->average + 4 * rtt->deviation, 2 * rtt->newest);
    return std::min<Microseconds>(std::max<Microseconds>(usual, least), plan.timeout);
}

bool same_path(const core::ProbePlan& one, const core::ProbePlan& other) {
    return one.interface == other.interface && one.ifindex == other.ifindex &&
           one.source == other.source;
}

} // namespace

Prober::Prober(core::Privileged privileged) : Prober(probe_sockets(std::move(privileged))) {}

Prober::Prober(ProbeSocketFactory sockets, std::uint64_t seed)
    : sockets_(std::move(sockets)), epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wakes_(epoll_create1(EPOLL_CLOEXEC)), random_(seed) {
    watch(true);
}

Prober::~Prober() {
    lines_.clear();
    for (const int fd : {epoll_, wakes_})
        if (fd >= 0)
            close(fd);
}

// ---------------------------------------------------------------- the plan

void Prober::set_plan(const std::vector<core::ProbePlan>& plans, Time now) {
    std::map<core::ProbeKey, std::unique_ptr<Line>> next;
    for (const core::ProbePlan& plan : plans) {
        std::unique_ptr<Line> line;
        const auto before = lines_.find(plan.key);
        if (before != lines_.end() && before->second && same_path(before->second->plan, plan))
            line = std::move(before->second);
        else
            line = std::make_unique<Line>();
        line->plan = plan;
        line->changed = true;
        add_targets(*line, std::exchange(line->targets, {}), now);
        next.insert_or_assign(plan.key, std::move(line));
    }
    converses_ = std::ranges::any_of(plans, [](const core::ProbePlan& plan) {
        return std::ranges::any_of(plan.targets, is_heavy,
                                   [](const core::ProbeTarget& target) { return target.kind; });
    });
    lines_ = std::move(next); // closing a socket takes it out of the epoll set
    for (auto& [key, line] : lines_) {
        close_unused(*line);
        for (const Target& target : line->targets)
            open(*line, target.probe.kind);
    }
}

void Prober::add_targets(Line& line, std::vector<Target> kept, Time now) {
    const auto& plan = line.plan;
    for (std::size_t i = 0; i < plan.targets.size(); ++i) {
        const core::ProbeTarget& probe = plan.targets[i];
        const auto interval = interval_of(plan, probe);
        const auto found = std::ranges::find_if(
            kept, [&](const Target& target) { return is_same_target(target.probe, probe); });
        if (found != kept.end()) {
            found->probe = probe;
            found->window.set_limits(limits_of(plan));
            found->next_send = std::min(found->next_send, now + interval);
            found->next_loss = found->window.next_loss(now);
            line.targets.push_back(std::move(*found));
            kept.erase(found);
            continue;
        }
        const auto share = interval * static_cast<int>(i) / static_cast<int>(plan.targets.size());
        line.targets.push_back(
            {.probe = probe, .window = ProbeWindow(limits_of(plan)), .next_send = now + share});
    }
}

Prober::Channel& Prober::open(Line& line, Kind kind) {
    Channel& channel =
        line.channels.try_emplace(kind, Channel{.line = &line, .kind = kind}).first->second;
    if (channel.socket)
        return channel;
    auto opened = sockets_(line.plan, kind);
    if (!opened) {
        channel.error = opened.error().what;
        return channel;
    }
    channel.socket = std::move(opened.value());
    channel.error.clear();
    if (channel.socket->fd() < 0)
        return channel;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &channel;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, channel.socket->fd(), &event);
    return channel;
}

void Prober::close_unused(Line& line) {
    std::erase_if(line.channels, [&](const auto& entry) {
        return std::ranges::none_of(
            line.targets, [&](const Target& target) { return target.probe.kind == entry.first; });
    });
}

// ---------------------------------------------------------------- sending

Time Prober::jittered(Time from, core::Milliseconds interval) {
    const auto spread = std::chrono::duration_cast<Microseconds>(interval).count() / 10;
    std::uniform_int_distribution<std::int64_t> tenth(-spread, spread);
    return from + interval + Microseconds(tenth(random_));
}

void Prober::send(Line& line, Target& target, Time now, Microseconds patience) {
    const Channel& channel = open(line, target.probe.kind);
    const std::uint16_t sequence = line.next_sequence++;
    if (target.burst.left != 0 && !target.burst.first)
        target.burst.first = sequence;
    core::Result<Time> sent = core::Error{0, channel.error};
    if (channel.socket)
        sent = channel.socket->send(target.probe, sequence);
    if (sent) {
        target.window.sent(sequence, *sent, patience);
        target.send_error.clear();
    } else {
        target.window.failed(sequence, now);
        target.send_error = sent.error().what;
    }
}

void Prober::send_regular(Line& line, Target& target, Time now) {
    // Keep the rate, but never send many for the time in which we slept.
    const auto interval = interval_of(line.plan, target.probe);
    const Time due = jittered(target.next_send, interval);
    target.next_send = due > now ? due : jittered(now, interval);
    if (!std::exchange(target.asked, true) && interval > kRare)
        target.next_send = now + Microseconds(random_() % Microseconds(interval).count());
    const bool waits = target.burst.left != 0 || target.window.next_loss(now);
    if (!is_heavy(target.probe.kind) || !waits)
        send(line, target, now, Microseconds::max());
}

void Prober::send_of_burst(Line& line, Target& target, Time now) {
    Burst& burst = target.burst;
    if (is_heavy(target.probe.kind))
        if (const auto decided = target.window.next_loss(now)) {
            burst.next = *decided;
            return;
        }
    send(line, target, now, burst.patience);
    --burst.left;
    burst.next = now + kBurstStep;
}

bool Prober::send_due(Line& line, Target& target, Time now) {
    const bool regular = target.next_send <= now + together(interval_of(line.plan, target.probe));
    const bool quick = target.burst.left != 0 && target.burst.next <= now;
    if (regular)
        send_regular(line, target, now);
    if (quick)
        send_of_burst(line, target, now);
    return (regular || quick) && look(line, target, now);
}

void Prober::start_burst(Line& line, Time now, milliseconds least_patience) {
    line.changed = true;
    const bool under_way =
        now < line.burst_until || std::ranges::any_of(line.targets, [](const Target& target) {
            return target.burst.left != 0;
        });
    if (under_way)
        return;
    const std::uint32_t count = std::min(line.plan.fail_after, kMaxBurst);
    for (Target& target : line.targets) {
        const auto patience = patience_of(target.window, line.plan, least_patience);
        target.burst = {.left = count, .next = now, .first = {}, .patience = patience};
        if (is_heavy(target.probe.kind) && target.next_loss) {
            // The one under way is the first of the burst.
            target.window.hasten(now, patience);
            target.next_loss = now; // to be looked at
        }
        const auto steps = static_cast<int>(count) - 1;
        line.burst_until = std::max(line.burst_until, now + steps * kBurstStep + patience);
    }
}

void Prober::burst(const core::ProbeKey& key, Time now) {
    const auto asked = lines_.find(key);
    if (asked == lines_.end())
        return;
    start_burst(*asked->second, now, kMinPatience);
    for (const auto& [other, line] : lines_) {
        if (other == key || other.family != key.family || line->plan.spares_probes)
            continue;
        line->changed = true;
        for (Target& target : line->targets)
            if (!target.window.next_loss(now))
                target.next_send = std::min(target.next_send, now);
    }
}

void Prober::note_traffic(const core::ProbeKey& key, Time now) {
    const auto line = lines_.find(key);
    if (line == lines_.end() || !line->second->plan.spares_probes)
        return;
    line->second->changed = true;
    for (Target& target : line->second->targets)
        if (target.answered && target.lost_in_row == 0)
            target.next_send = std::max(
                target.next_send, jittered(now, interval_of(line->second->plan, target.probe)));
}

// ---------------------------------------------------------------- what comes of it

/// Has the target's part in a verdict changed since the last look?
bool Prober::look(Line& line, Target& target, Time now) {
    target.next_loss = target.window.next_loss(now);
    const auto lost = target.window.consecutive_lost(now);
    const auto before = std::exchange(target.lost_in_row, lost);
    if (before == 0 && lost != 0 && interval_of(line.plan, target.probe) > kRare)
        make_sure(line.plan.key, target.answered ? now : now + kFirstRoute);
    return before != lost;
}

/// What is wrong with a line is wrong with both of its families, most of the time: the one that is
/// asked first speaks for the other.
void Prober::make_sure(const core::ProbeKey& key, Time from) {
    for (const core::Family family : core::kFamilies)
        if (const auto line = lines_.find({key.uplink, family}); line != lines_.end())
            start_burst(*line->second, from, kMinPatienceAfterLoss);
}

bool Prober::take_answer(Line& line, Target& target, const Outcome& outcome, Time now) {
    if (!target.window.received(outcome.sequence, outcome.at))
        return false;
    target.complaint.clear();
    Burst& burst = target.burst;
    constexpr std::uint16_t kHalf = 0x8000; // sequence numbers wrap
    if (burst.first && static_cast<std::uint16_t>(outcome.sequence - *burst.first) < kHalf)
        burst = {};
    const bool first = !std::exchange(target.answered, true);
    return look(line, target, now) || first;
}

void Prober::complain(Target& target, const Outcome& outcome, Time now) {
    target.complaint = outcome.text;
    target.complained = now;
}

/// What was refused an hour ago may be silent since. Not every probe brings a complaint, though:
/// routers send them at a limited rate.
std::string Prober::error_of(const Line& line, const Target& target, Time now) {
    if (!target.send_error.empty())
        return target.send_error;
    const auto a_while = std::max<milliseconds>(
        kComplaint, 3 * (interval_of(line.plan, target.probe) + line.plan.timeout));
    return now - target.complained <= a_while ? target.complaint : "";
}

bool Prober::take(Channel& channel, const Outcome& outcome, Time now) {
    bool news = false;
    for (Target& target : channel.line->targets) {
        if (target.probe.kind != channel.kind || target.probe.address != outcome.target)
            continue;
        switch (outcome.kind) {
        case Outcome::Kind::answered:
            news |= take_answer(*channel.line, target, outcome, now);
            break;
        case Outcome::Kind::refused:
            if (target.window.refused(outcome.sequence)) {
                complain(target, outcome, now);
                news |= look(*channel.line, target, now);
            }
            break;
        case Outcome::Kind::complaint:
            if (target.window.awaits(outcome.sequence))
                complain(target, outcome, now);
            break;
        }
    }
    return news;
}

void Prober::watch(bool on) const {
    epoll_event event{};
    event.events = EPOLLIN;
    epoll_ctl(wakes_, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, epoll_, &event);
}

void Prober::pace(bool took, Time now) {
    const bool thick = took && !converses_ && now - took_ < kRest;
    if (took)
        took_ = now;
    if (thick) {
        if (!rests_until_)
            watch(false);
        rests_until_ = now + kRest;
    } else if (rests_until_ && now >= *rests_until_) {
        watch(true);
        rests_until_.reset();
    }
}

/// Takes in replies until none is left, or very many have been.
bool Prober::drain(Time now) {
    std::array<epoll_event, 64> ready{};
    bool news = false;
    bool took = false;
    for (int round = 0; round < kDrainRounds; ++round) {
        const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), 0);
        for (int i = 0; i < count; ++i) {
            Channel& channel = *static_cast<Channel*>(ready[static_cast<std::size_t>(i)].data.ptr);
            channel.line->changed = true;
            channel.socket->receive(
                [&](const Outcome& outcome) { news |= take(channel, outcome, now); });
        }
        if (count <= 0)
            break;
        took = true;
    }
    pace(took, now);
    return news;
}

bool Prober::on_readable(Time now) {
    const bool news = drain(now);
    return std::exchange(untold_news_, false) || news;
}

bool Prober::find_losses(Line& line, Time now) {
    bool news = false;
    for (Target& target : line.targets)
        if (target.next_loss && *target.next_loss <= now)
            news |= look(line, target, now);
    for (auto& [kind, channel] : line.channels)
        if (channel.socket && channel.socket->oldest_pending())
            channel.socket->give_up(now - line.plan.timeout);
    return news;
}

bool Prober::on_time(Time now) {
    bool news = on_readable(now);
    for (auto& [key, line] : lines_) {
        const auto due = deadline_of(*line);
        if (!due || *due > now + kTogether)
            continue;
        line->changed = true;
        news |= find_losses(*line, now); // may start a burst, whose first probes are due now
        for (Target& target : line->targets)
            news |= send_due(*line, target, now);
    }
    return news;
}

std::optional<Time> Prober::next_of(const Line& line) {
    std::optional<Time> next;
    const auto consider = [&next](Time when) {
        if (!next || when < *next)
            next = when;
    };
    for (const Target& target : line.targets) {
        consider(target.next_send);
        if (target.burst.left != 0)
            consider(target.burst.next);
        // Probes that went out together are lost together.
        if (target.next_loss)
            consider(std::chrono::ceil<milliseconds>(*target.next_loss));
    }
    for (const auto& [kind, channel] : line.channels)
        if (const auto oldest = channel.socket ? channel.socket->oldest_pending() : std::nullopt)
            consider(std::chrono::ceil<milliseconds>(*oldest + line.plan.timeout));
    return next;
}

/// Answers change one line's at a time; there may be hundreds of others.
std::optional<Time> Prober::deadline_of(const Line& line) {
    if (std::exchange(line.changed, false))
        line.deadline = next_of(line);
    return line.deadline;
}

std::optional<Time> Prober::next_deadline() const {
    std::optional<Time> next = rests_until_;
    for (const auto& [key, line] : lines_)
        if (const auto mine = deadline_of(*line); mine && (!next || *mine < *next))
            next = mine;
    return next;
}

std::map<core::ProbeKey, std::vector<core::TargetFigures>> Prober::figures(Time now) {
    untold_news_ |= drain(now);
    std::map<core::ProbeKey, std::vector<core::TargetFigures>> all;
    for (auto& [key, line] : lines_) {
        if (line->targets.empty())
            continue;
        auto& targets = all[key];
        targets.reserve(line->targets.size());
        for (Target& target : line->targets) {
            targets.push_back(target.window.figures(now));
            targets.back().target = target.probe;
            targets.back().last_error = error_of(*line, target, now);
        }
    }
    return all;
}

} // namespace multihomed::probe
