// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/prober.hpp"

#include <algorithm>
#include <array>
#include <sys/epoll.h>
#include <unistd.h>
#include <utility>

namespace multihomed::probe {

namespace {

constexpr std::chrono::minutes kWindow{1};

bool same_path(const core::ProbePlan& one, const core::ProbePlan& other) {
    return one.interface == other.interface && one.ifindex == other.ifindex &&
           one.source == other.source;
}

} // namespace

Prober::Prober(core::Privileged privileged) : Prober(raw_probe_sockets(std::move(privileged))) {}

Prober::Prober(ProbeSocketFactory sockets)
    : sockets_(std::move(sockets)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    std::random_device entropy;
    identifier_ = static_cast<std::uint16_t>(entropy());
    for (std::uint8_t& byte : cookie_)
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
        const auto found = std::ranges::find(kept, plan.targets[i], &Target::address);
        if (found != kept.end()) {
            found->window.set_timeout(plan.timeout);
            line.targets.push_back(std::move(*found));
            kept.erase(found);
            continue;
        }
        const auto share =
            plan.interval * static_cast<int>(i) / static_cast<int>(plan.targets.size());
        line.targets.push_back({.address = plan.targets[i],
                                .window = ProbeWindow(plan.timeout, kWindow),
                                .next_send = now + share,
                                .next_loss = std::nullopt,
                                .last_error = "",
                                .lost_in_row = 0,
                                .answered = false});
    }
}

void Prober::open(Line& line) {
    if (line.socket)
        return;
    auto opened = sockets_(line.plan);
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

void Prober::send(Line& line, std::size_t target_index, Time now) {
    Target& target = line.targets[target_index];
    // Keep the rate, but never send a burst for the time in which we slept.
    const Time due = jittered(target.next_send, line.plan.interval);
    target.next_send = due > now ? due : jittered(now, line.plan.interval);
    open(line);
    const std::uint16_t sequence = line.next_sequence++;
    const Echo echo{identifier_, sequence, cookie_};
    core::Result<void> sent = core::Error{0, line.socket_error};
    if (line.socket)
        sent = line.socket->send(target.address, encode_echo_request(line.plan.key.family, echo));
    if (sent) {
        target.window.sent(sequence, now);
        target.last_error.clear();
    } else {
        target.window.failed(sequence, now);
        target.last_error = sent.error().what;
    }
}

/// Has the target's part in a verdict changed since the last look?
bool Prober::look(Target& target, Time now) {
    target.next_loss = target.window.next_loss(now);
    const auto lost = target.window.consecutive_lost(now);
    return std::exchange(target.lost_in_row, lost) != lost;
}

bool Prober::receive(Line& line, Time now) {
    bool news = false;
    line.socket->receive([&](const core::Address& from, std::span<const std::uint8_t> packet,
                             std::chrono::nanoseconds age) {
        const auto echo = decode_echo_reply(line.plan.key.family, packet);
        if (!echo || echo->identifier != identifier_ || echo->cookie != cookie_)
            return;
        const auto target =
            std::ranges::find(line.targets, from, [](const Target& each) { return each.address; });
        if (target == line.targets.end())
            return;
        if (!target->window.received(echo->sequence,
                                     now - std::chrono::duration_cast<Time::duration>(age)))
            return;
        news |= !std::exchange(target->answered, true);
        news |= look(*target, now);
    });
    return news;
}

bool Prober::on_readable(Time now) {
    std::array<epoll_event, 64> ready{};
    const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), 0);
    bool news = false;
    for (int i = 0; i < count; ++i) {
        const int fd = ready[static_cast<std::size_t>(i)].data.fd;
        const auto line = std::ranges::find_if(lines_, [fd](const auto& entry) {
            return entry.second.socket && entry.second.socket->fd() == fd;
        });
        if (line != lines_.end())
            news |= receive(line->second, now);
    }
    return news;
}

bool Prober::on_time(Time now) {
    bool news = false;
    for (auto& [key, line] : lines_)
        for (std::size_t i = 0; i < line.targets.size(); ++i) {
            Target& target = line.targets[i];
            const bool due = target.next_send <= now;
            if (due)
                send(line, i, now);
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
            if (target.next_loss)
                consider(*target.next_loss);
        }
    return next;
}

std::map<core::ProbeKey, std::vector<core::TargetFigures>> Prober::figures(Time now) const {
    std::map<core::ProbeKey, std::vector<core::TargetFigures>> all;
    for (const auto& [key, line] : lines_)
        for (const Target& target : line.targets) {
            core::TargetFigures figures = target.window.figures(now);
            figures.target = target.address;
            figures.last_error = target.last_error;
            all[key].push_back(std::move(figures));
        }
    return all;
}

} // namespace multihomed::probe
