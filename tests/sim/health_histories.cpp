// SPDX-License-Identifier: GPL-2.0-or-later
#include "sim/health_histories.hpp"

#include <algorithm>

namespace multihomed::sim {

namespace {

using namespace core;
using namespace std::chrono_literals;
using testing::FakeNetwork;

constexpr auto kSlice = 20ms;
/// As often as the daemon looks when there is no news.
constexpr auto kLook = 500ms;
constexpr const char* kShared = "198.51.100.200";

std::string name_of_line(std::size_t line) {
    return "line" + std::to_string(line);
}

std::vector<const Line*> lines_of(const Decision& decision) {
    std::vector<const Line*> lines;
    for (const LineReport& report : decision.lines)
        lines.push_back(&report.line);
    return lines;
}

std::vector<std::string> carriers_of(const Decision& decision) {
    std::vector<std::string> names;
    for (const LineReport& report : decision.lines)
        if (report.carries)
            names.push_back(report.line.uplink->name);
    return names;
}

} // namespace

LossyOffice::LossyOffice(std::size_t lines, Random& random) : random_(random), paths_(lines) {
    router_.config.enabled = true;
    router_.config.uplinks.reserve(lines);
    for (std::size_t i = 0; i < lines; ++i) {
        const std::string net = "192.0." + std::to_string(2 + i) + ".";
        const auto interface = "wan" + std::to_string(i);
        test::add(router_.seen, test::ethernet(interface, static_cast<std::uint32_t>(10 + i),
                                               {(net + "2/24").c_str()}));
        Uplink& uplink =
            router_.config.uplinks.emplace_back(test::uplink(name_of_line(i), interface));
        uplink.preference = static_cast<std::uint32_t>(10 * (i + 1));
        uplink.family[Family::v4].gateway = test::gateway(net + "1");
        uplink.probes = {{.address = test::ip("198.51.100." + std::to_string(i + 1))}};
        router_.seen.neighbours[{static_cast<std::uint32_t>(10 + i), test::ip(net + "1")}] =
            NeighbourState::reachable;
    }
    network_.fate = [this](const ProbePlan& plan, const Address& target, const auto& request) {
        return fate(plan, target, request);
    };
    prober_ = std::make_unique<probe::Prober>(network_.factory(), random_.next());
}

void LossyOffice::ask_shared_target() {
    for (Uplink& uplink : router_.config.uplinks)
        uplink.probes.push_back({.address = test::ip(kShared)});
}

std::vector<FakeNetwork::Packet> LossyOffice::fate(const ProbePlan& plan, const Address& target,
                                                   const std::vector<std::uint8_t>& request) {
    const Path& path = paths_[plan.ifindex - 10];
    if (path.silent || random_.percent(path.loss) ||
        (shared_silent_ && target == test::ip(kShared)))
        return {};
    const auto delay = path.delay + random_.between(0, static_cast<int>(path.jitter.count()));
    return {network_.reply(plan, target, request, delay)};
}

void LossyOffice::start() {
    decide();
}

std::map<ProbeKey, LossyOffice::Told> LossyOffice::verdicts() const {
    std::map<ProbeKey, Told> told;
    for (const auto& [key, verdict] : verdicts_of(lines_of(router_.last), router_.seen))
        told[key] = {verdict.kind, verdict.fault, verdict.narrow};
    return told;
}

void LossyOffice::decide() {
    const Decision before = router_.last;
    router_.now = network_.now;
    router_.seen.probes = prober_->figures(network_.now);
    router_.decide();
    ++decisions_;
    prober_->set_plan(router_.last.desired.probes, network_.now);
    if (!before.lines.empty())
        check(before);
    verdicts_ = verdicts();
}

void LossyOffice::check(const Decision& before) {
    const auto& lines = router_.last.lines;
    const bool some_up = std::ranges::any_of(
        lines, [](const LineReport& line) { return line.health.state == State::up; });
    for (const LineReport& line : lines) {
        const State state = line.health.state;
        if (line.carries && some_up && state != State::up && state != State::init)
            wrong_ = line.line.uplink->name + " carries and is " + to_string(state) +
                     " although another one is up";
        if (line.health.reason.empty())
            wrong_ = "a state without a reason";
    }
    if (carriers_of(before) == carriers_of(router_.last))
        return;
    ++moves_;
    const bool willing = std::ranges::all_of(before.lines, [&](const LineReport& line) {
        return !line.carries || router_.state(line.line.uplink->name) == State::up;
    });
    willing_moves_ += willing;
    if (router_.last.transitions.empty() || router_.last.choice_reason[Family::v4].empty())
        wrong_ = "a move without a reason";
    for (const Transition& transition : router_.last.transitions)
        if (transition.reason.empty())
            wrong_ = "a transition without a reason";
}

void LossyOffice::pass(std::chrono::milliseconds time) {
    const Time end = network_.now + time;
    while (network_.now < end && wrong_.empty()) {
        const bool news = network_.advance(*prober_, std::min(end, network_.now + kSlice));
        const auto deadline = router_.last.next_deadline;
        const bool due = deadline && *deadline <= network_.now;
        if (!news && !due && network_.now < look_at_)
            continue;
        look_at_ = network_.now + kLook;
        router_.seen.probes = prober_->figures(network_.now);
        if (due || verdicts() != verdicts_)
            decide();
    }
}

void LossyOffice::wait_for_holds() {
    for (int i = 0; i < 100 && router_.last.next_deadline; ++i) {
        network_.now = std::max(network_.now, *router_.last.next_deadline);
        pass(2s); // answers again, after a time without any
        const bool waits = std::ranges::any_of(router_.last.lines, [](const LineReport& line) {
            return line.health.state == State::hold || line.health.state == State::degraded;
        });
        if (!waits)
            return;
    }
}

State LossyOffice::state(std::size_t line) const {
    return router_.state(name_of_line(line));
}

const std::string& LossyOffice::reason(std::size_t line) const {
    return router_.reason(name_of_line(line));
}

int LossyOffice::carrier() const {
    const auto carriers = router_.carrying();
    return carriers.empty() ? -1 : std::stoi(carriers.front().substr(4));
}

} // namespace multihomed::sim
