// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/prober.hpp"

#include <algorithm>
#include <array>
#include <sys/epoll.h>
#include <unistd.h>
#include <utility>

namespace multihomed::probe {

namespace {

/// Probes that are due this soon go out with those that are due now; less than the jitter.
constexpr std::chrono::milliseconds kTogether{10};

/// Of up to 64 sockets with 64 packets each.
constexpr int kDrainRounds = 8;

std::chrono::milliseconds together(core::Milliseconds interval) {
    return std::min(kTogether,
                    std::chrono::duration_cast<std::chrono::milliseconds>(interval / 20));
}

WindowLimits limits_of(const core::ProbePlan& plan) {
    return {plan.timeout, plan.window, plan.fail_after};
}

bool same_path(const core::ProbePlan& one, const core::ProbePlan& other) {
    return one.interface == other.interface && one.ifindex == other.ifindex &&
           one.source == other.source;
}

} // namespace

Prober::Prober(core::Privileged privileged) : Prober(raw_probe_sockets(std::move(privileged))) {}

Prober::Prober(ProbeSocketFactory sockets)
    : sockets_(std::move(sockets)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    std::random_device entropy;
    identity_.identifier = static_cast<std::uint16_t>(entropy());
    for (std::uint8_t& byte : identity_.cookie)
        byte = static_cast<std::uint8_t>(entropy());
    random_.seed(entropy());
}

Prober::~Prober() {
    lines_.clear();
    if (epoll_ >= 0)
        close(epoll_);
}

void Prober::set_plan(const std::vector<core::ProbePlan>& plans, Time now) {
    std::map<core::ProbeKey, Line> next;
    for (const core::ProbePlan& plan : plans) {
        Line line;
        std::vector<Target> kept;
        const auto before = lines_.find(plan.key);
        if (before != lines_.end() && same_path(before->second.plan, plan)) {
            line = std::move(before->second);
            kept = std::exchange(line.targets, {});
        }
        line.plan = plan;
        add_targets(line, std::move(kept), now);
        next.insert_or_assign(plan.key, std::move(line));
    }
    lines_ = std::move(next); // closing a socket takes it out of the epoll set
    for (auto& [key, line] : lines_)
        open(line);
}

void Prober::add_targets(Line& line, std::vector<Target> kept, Time now) {
    const auto& plan = line.plan;
    for (std::size_t i = 0; i < plan.targets.size(); ++i) {
        const auto found = std::ranges::find(kept, plan.targets[i], &Target::probe);
        if (found != kept.end()) {
            found->window.set_limits(limits_of(plan));
            found->next_send = std::min(found->next_send, now + plan.interval);
            found->next_loss = found->window.next_loss(now);
            line.targets.push_back(std::move(*found));
            kept.erase(found);
            continue;
        }
        const auto share =
            plan.interval * static_cast<int>(i) / static_cast<int>(plan.targets.size());
        line.targets.push_back({.probe = plan.targets[i],
                                .window = ProbeWindow(limits_of(plan)),
                                .next_send = now + share,
                                .next_loss = std::nullopt,
                                .send_error = "",
                                .complaint = "",
                                .lost_in_row = 0,
                                .answered = false});
    }
}

void Prober::open(Line& line) {
    if (line.socket)
        return;
    auto opened = sockets_(line.plan, identity_);
    if (!opened) {
        line.socket_error = opened.error().what;
        return;
    }
    line.socket = std::move(opened.value());
    line.socket_error.clear();
    if (line.socket->fd() < 0)
        return;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = line.socket->fd();
    epoll_ctl(epoll_, EPOLL_CTL_ADD, line.socket->fd(), &event);
}

Time Prober::jittered(Time from, core::Milliseconds interval) {
    const auto spread = std::chrono::duration_cast<Microseconds>(interval).count() / 10;
    std::uniform_int_distribution<std::int64_t> tenth(-spread, spread);
    return from + interval + Microseconds(tenth(random_));
}

void Prober::send(Line& line, Target& target, Time now) {
    // Keep the rate, but never send a burst for the time in which we slept.
    const Time due = jittered(target.next_send, line.plan.interval);
    target.next_send = due > now ? due : jittered(now, line.plan.interval);
    open(line);
    const std::uint16_t sequence = line.next_sequence++;
    core::Result<Time> sent = core::Error{0, line.socket_error};
    if (line.socket)
        sent = line.socket->send(target.probe.address,
                                 encode_echo_request(line.plan.key.family, {identity_, sequence}));
    if (sent) {
        target.window.sent(sequence, *sent);
        target.send_error.clear();
    } else {
        target.window.failed(sequence, now);
        target.send_error = sent.error().what;
    }
}

/// Has the target's part in a verdict changed since the last look?
bool Prober::look(Target& target, Time now) {
    target.next_loss = target.window.next_loss(now);
    const auto lost = target.window.consecutive_lost(now);
    return std::exchange(target.lost_in_row, lost) != lost;
}

bool Prober::take_reply(Line& line, const Echo& echo, const Arrival& arrival, Time now) {
    if (echo.identity != identity_)
        return false;
    bool news = false;
    for (Target& target : line.targets) {
        if (target.probe.address != arrival.from ||
            !target.window.received(echo.sequence, arrival.at))
            continue;
        target.complaint.clear();
        news |= !std::exchange(target.answered, true);
        news |= look(target, now);
    }
    return news;
}

void Prober::take_error(Line& line, const EchoError& error, const core::Address& from) const {
    if (error.identifier != identity_.identifier)
        return;
    for (Target& target : line.targets)
        if (target.probe.address == error.target && target.window.awaits(error.sequence))
            target.complaint = error.text + ", says " + from.to_string();
}

bool Prober::receive(Line& line, Time now) {
    bool news = false;
    const core::Family family = line.plan.key.family;
    line.socket->receive([&](const Arrival& arrival) {
        if (const auto echo = decode_echo_reply(family, arrival.packet))
            news |= take_reply(line, *echo, arrival, now);
        else if (const auto error = decode_echo_error(family, arrival.packet))
            take_error(line, *error, arrival.from);
    });
    return news;
}

/// Takes in replies until none is left, or very many have been.
bool Prober::drain(Time now) {
    std::array<epoll_event, 64> ready{};
    bool news = false;
    for (int round = 0; round < kDrainRounds; ++round) {
        const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), 0);
        for (int i = 0; i < count; ++i) {
            const int fd = ready[static_cast<std::size_t>(i)].data.fd;
            const auto line = std::ranges::find_if(lines_, [fd](const auto& entry) {
                return entry.second.socket && entry.second.socket->fd() == fd;
            });
            if (line != lines_.end())
                news |= receive(line->second, now);
        }
        if (count <= 0)
            break;
    }
    return news;
}

bool Prober::on_readable(Time now) {
    const bool news = drain(now);
    return std::exchange(untold_news_, false) || news;
}

bool Prober::on_time(Time now) {
    bool news = on_readable(now);
    for (auto& [key, line] : lines_)
        for (Target& target : line.targets) {
            const bool due = target.next_send <= now + together(line.plan.interval);
            if (due)
                send(line, target, now);
            if (due || (target.next_loss && *target.next_loss <= now))
                news |= look(target, now);
        }
    return news;
}

std::optional<Time> Prober::next_deadline() const {
    std::optional<Time> next;
    const auto consider = [&next](Time when) {
        if (!next || when < *next)
            next = when;
    };
    for (const auto& [key, line] : lines_)
        for (const Target& target : line.targets) {
            consider(target.next_send);
            // Probes that went out together are lost together.
            if (target.next_loss)
                consider(std::chrono::ceil<std::chrono::milliseconds>(*target.next_loss));
        }
    return next;
}

std::map<core::ProbeKey, std::vector<core::TargetFigures>> Prober::figures(Time now) {
    untold_news_ |= drain(now);
    std::map<core::ProbeKey, std::vector<core::TargetFigures>> all;
    for (auto& [key, line] : lines_) {
        if (line.targets.empty())
            continue;
        auto& targets = all[key];
        targets.reserve(line.targets.size());
        for (Target& target : line.targets) {
            targets.push_back(target.window.figures(now));
            targets.back().target = target.probe;
            targets.back().last_error =
                target.send_error.empty() ? target.complaint : target.send_error;
        }
    }
    return all;
}

} // namespace multihomed::probe
