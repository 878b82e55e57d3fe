// SPDX-License-Identifier: GPL-2.0-or-later
//
// What probing 64 lines with 8 targets each costs at five probes a second, a target: the share of
// one processor that the prober's thread takes, driven as the daemon drives it.
//   at once    every line is a veth whose other end answers. The kernel delivers an echo and its
//              reply within the call that sends it, so answering is part of the system time.
//   10-30 ms   every line is a tun device; another process answers, each echo after a time of its
//              own, as the Internet does: nearly every answer is a wake-up.
// Run as root; it works in network namespaces of its own. Medians of 5 with spread.
#include "probe/prober.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <queue>
#include <random>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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
    const std::string made = "set -e; ip link add line" + number + " type veth peer name far" +
                             number + "; ip link set far" + number + " netns " + path_of(internet) +
                             "; ip address add " + at(line, 1) + "/24 dev line" + number +
                             "; ip link set line" + number + " up";
    run(made);
    run("nsenter --net=" + path_of(internet) + " sh -ec '" + inside + "'");
}

// ---------------------------------------------------------------- answers that take their time

int make_tun(int line) {
    const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    std::snprintf(request.ifr_name, sizeof request.ifr_name, "line%d", line);
    must(fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0, "a tun device");
    const std::string name = request.ifr_name;
    run("ip link set " + name + " up; ip address add " + at(line, 1) + "/24 dev " + name);
    return fd;
}

struct Answer {
    Clock::time_point at;
    int fd;
    std::vector<std::uint8_t> packet;
    bool operator>(const Answer& other) const { return at > other.at; }
};

/// The echo reply to an echo request with its IPv4 header of 20 bytes, in its place.
void turn_round(std::vector<std::uint8_t>& packet) {
    std::swap_ranges(packet.begin() + 12, packet.begin() + 16, packet.begin() + 16);
    packet[20] = 0;
    // 0x0800 less in the sum of the message (RFC 1624).
    unsigned sum = (static_cast<unsigned>(packet[22]) << 8U | packet[23]) + 0x0800U;
    sum = (sum & 0xffffU) + (sum >> 16U);
    packet[22] = static_cast<std::uint8_t>(sum >> 8U);
    packet[23] = static_cast<std::uint8_t>(sum & 0xffU);
}

/// Answers until it is killed.
[[noreturn]] void answer(const std::vector<int>& lines) {
    std::priority_queue<Answer, std::vector<Answer>, std::greater<>> waiting;
    std::minstd_rand random(1);
    const int set = epoll_create1(EPOLL_CLOEXEC);
    for (const int fd : lines) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
        epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
    }
    for (;;) {
        const auto until = waiting.empty() ? 100ms : waiting.top().at - Clock::now();
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until).count();
        epoll_event event{};
        if (epoll_wait(set, &event, 1, std::max(0, static_cast<int>(wait))) > 0) {
            std::vector<std::uint8_t> packet(512);
            const auto size = read(event.data.fd, packet.data(), packet.size());
            packet.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
            if (packet.size() < 28 || packet[0] != 0x45 || packet[9] != 1 || packet[20] != 8)
                continue;
            turn_round(packet);
            const auto delay = 10ms + std::chrono::microseconds(random() % 20'000);
            waiting.push({Clock::now() + delay, event.data.fd, std::move(packet)});
        }
        for (; !waiting.empty() && waiting.top().at <= Clock::now(); waiting.pop())
            (void)!write(waiting.top().fd, waiting.top().packet.data(),
                         waiting.top().packet.size());
    }
}

core::ProbePlan plan_of(int line) {
    core::ProbePlan plan;
    plan.key = {"line" + std::to_string(line), core::Family::v4};
    plan.interface = plan.key.uplink;
    plan.ifindex = if_nametoindex(plan.interface.c_str());
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

void bench(int lines, const char* answers) {
    probe::Prober prober([](const std::function<void()>& call) { call(); });
    std::vector<core::ProbePlan> plans;
    for (int line = 0; line < lines; ++line)
        plans.push_back(plan_of(line));
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
    std::printf("%5d  %7d  %8s  %8u  %6.2f (%.2f-%.2f)  %10.2f (%.2f-%.2f)\n", lines,
                lines * kTargets, answers, wakeups / static_cast<unsigned>(kRun.count()),
                all[kRuns / 2], all.front(), all.back(), user[kRuns / 2], user.front(),
                user.back());
}

void with_answers_at_once(int lines) {
    const int home = here();
    must(unshare(CLONE_NEWNET) == 0, "a second namespace");
    const int internet = here();
    must(setns(home, CLONE_NEWNET) == 0, "coming back");
    for (int line = 0; line < lines; ++line)
        make_line(line, internet);
    bench(lines, "at once");
    run("for i in $(seq 0 " + std::to_string(lines - 1) + "); do ip link delete line$i; done");
    close(internet);
    close(home);
}

void with_answers_that_take_time(int lines) {
    std::vector<int> tuns;
    for (int line = 0; line < lines; ++line)
        tuns.push_back(make_tun(line));
    const pid_t answering = fork();
    if (answering == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        answer(tuns);
    }
    for (const int fd : tuns)
        close(fd);
    bench(lines, "10-30 ms");
    kill(answering, SIGKILL);
    waitpid(answering, nullptr, 0);
}

} // namespace

int main() {
    must(unshare(CLONE_NEWNET) == 0, "a network namespace (needs root)");
    std::printf(
        "lines  targets  answers    wakes/s  %% of a processor    %% in the prober itself\n");
    for (const int lines : {2, 64}) {
        with_answers_at_once(lines);
        with_answers_that_take_time(lines);
    }
    return 0;
}
