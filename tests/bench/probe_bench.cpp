// SPDX-License-Identifier: GPL-2.0-or-later
//
// What probing 64 lines with 8 targets each costs at five probes a second, a target: the share of
// one processor that the prober's thread takes, driven as the daemon drives it. Every line is a
// veth whose other end answers, in a namespace of its own; the kernel delivers an echo and its
// reply within the call that sends it, so answering is part of the system time. Run as root; it
// works in network namespaces of its own. Median of 5 with spread.
#include "probe/prober.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace multihomed;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kRuns = 5;
constexpr int kTargets = 8;
constexpr auto kRun = 10s;

void must(bool done, const char* what) {
    if (done)
        return;
    std::fprintf(stderr, "probe_bench: %s failed\n", what);
    std::exit(1);
}

std::string at(int line, int host) {
    return "10." + std::to_string(line) + ".0." + std::to_string(host);
}

void run(const std::string& command) {
    must(std::system(command.c_str()) == 0, command.c_str()); // NOLINT
}

/// Descriptor of the namespace that this thread is in.
int here() {
    const int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    must(fd >= 0, "opening a namespace");
    return fd;
}

/// For `ip link set ... netns PATH` and the like.
std::string path_of(int fd) {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd);
}

void make_line(int line, int internet) {
    const std::string number = std::to_string(line);
    std::string inside = "ip link set far" + number + " up";
    for (int target = 1; target <= kTargets; ++target)
        inside += "; ip address add " + at(line, 100 + target) + "/24 dev far" + number;
    const std::string made = "set -e; ip link add line" + number + " index " +
                             std::to_string(1000 + line) + " type veth peer name far" + number +
                             "; ip link set far" + number + " netns " + path_of(internet) +
                             "; ip address add " + at(line, 1) + "/24 dev line" + number +
                             "; ip link set line" + number + " up";
    run(made);
    run("nsenter --net=" + path_of(internet) + " sh -ec '" + inside + "'");
}

core::ProbePlan plan_of(int line) {
    core::ProbePlan plan;
    plan.key = {"line" + std::to_string(line), core::Family::v4};
    plan.interface = plan.key.uplink;
    plan.ifindex = static_cast<std::uint32_t>(1000 + line);
    plan.source = *core::parse_address(at(line, 1));
    for (int target = 1; target <= kTargets; ++target)
        plan.targets.push_back({.address = *core::parse_address(at(line, 100 + target))});
    plan.interval = 200ms;
    plan.timeout = 400ms;
    return plan;
}

struct Cost {
    double user = 0;
    double system = 0;
};

Cost spent() {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return {seconds(usage.ru_utime), seconds(usage.ru_stime)};
}

/// As the daemon's loop does. Returns how often it woke.
unsigned drive(probe::Prober& prober, Clock::time_point until) {
    unsigned wakeups = 0;
    while (Clock::now() < until) {
        const auto due = prober.next_deadline().value_or(until);
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now()).count();
        pollfd entry{prober.fd(), POLLIN, 0};
        ++wakeups;
        if (poll(&entry, 1, std::max(0, static_cast<int>(wait))) > 0)
            prober.on_readable(Clock::now());
        if (*prober.next_deadline() <= Clock::now())
            prober.on_time(Clock::now());
    }
    return wakeups;
}

void check(probe::Prober& prober, int lines) {
    for (const auto& [key, targets] : prober.figures(Clock::now()))
        for (const auto& target : targets)
            must(target.received > 40 && target.lost == 0, "a target that answers");
    must(prober.figures(Clock::now()).size() == static_cast<std::size_t>(lines), "every line");
}

void bench(int lines) {
    const int home = here();
    must(unshare(CLONE_NEWNET) == 0, "a second namespace");
    const int internet = here();
    must(setns(home, CLONE_NEWNET) == 0, "coming back");
    std::vector<core::ProbePlan> plans;
    for (int line = 0; line < lines; ++line) {
        make_line(line, internet);
        plans.push_back(plan_of(line));
    }
    probe::Prober prober([](const std::function<void()>& call) { call(); });
    prober.set_plan(plans, Clock::now());
    drive(prober, Clock::now() + 3s); // neighbours are resolved
    prober.set_plan({}, Clock::now());
    prober.set_plan(plans, Clock::now());
    std::array<double, kRuns> all{};
    std::array<double, kRuns> user{};
    unsigned wakeups = 0;
    for (std::size_t i = 0; i < kRuns; ++i) {
        const Cost before = spent();
        const auto began = Clock::now();
        wakeups = drive(prober, began + kRun);
        const std::chrono::duration<double> took = Clock::now() - began;
        const Cost after = spent();
        user[i] = 100 * (after.user - before.user) / took.count();
        all[i] = user[i] + 100 * (after.system - before.system) / took.count();
        check(prober, lines);
    }
    std::ranges::sort(all);
    std::ranges::sort(user);
    std::printf("%5d  %7d  %8u  %6.2f (%.2f-%.2f)  %10.2f (%.2f-%.2f)\n", lines, lines * kTargets,
                wakeups / static_cast<unsigned>(kRun.count()), all[kRuns / 2], all.front(),
                all.back(), user[kRuns / 2], user.front(), user.back());
    close(internet); // and its ends of the lines are gone
    close(home);
}

} // namespace

int main(int argc, char** argv) {
    must(unshare(CLONE_NEWNET) == 0, "a network namespace (needs root)");
    std::printf("lines  targets  wakes/s  %% of a processor    %% in the prober itself\n");
    for (const int lines : argc > 1 ? std::vector<int>{std::atoi(argv[1])} : std::vector<int>{2, 64})
        bench(lines);
    return 0;
}
