// SPDX-License-Identifier: GPL-2.0-or-later
//
// What free evidence costs. Reading the counters of forwarded traffic of 2, 64 and 512 lines, and
// beside it what reading the interfaces' own counters would cost (RTM_GETSTATS of each line,
// RTM_GETSTATS and RTM_GETLINK of all interfaces). Then what a forwarded packet costs with and
// without the chains that count and tell: UDP from one namespace through this one into a third, in
// processor time of the one thread that does it all. Run as root. Medians with range; microseconds
// for a reading, nanoseconds for a packet.
#include "apply/line_traffic.hpp"
#include "apply/nft_applier.hpp"

#include "../apply/plans.hpp"

#include <algorithm>
#include <array>
#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <ctime>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace multihomed;

constexpr int kReadings = 300;
constexpr int kRounds = 9;
constexpr unsigned kPackets = 300'000;
constexpr unsigned kAtOnce = 64;

void must(bool done, const std::string& what) {
    if (done)
        return;
    std::fprintf(stderr, "traffic_bench: %s failed\n", what.c_str());
    std::exit(1);
}

void run(const std::string& command) {
    must(std::system(command.c_str()) == 0, command); // NOLINT
}

/// Opens a new network namespace and returns to the one before.
int new_namespace() {
    const int outer = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    must(unshare(CLONE_NEWNET) == 0, "unshare");
    const int made = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    must(setns(outer, CLONE_NEWNET) == 0, "setns");
    close(outer);
    return made;
}

std::string path_of(int fd) {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd);
}

void run_in(int fd, const std::string& commands) {
    run("nsenter --net=" + path_of(fd) + " sh -ec '" + commands + "'");
}

void print(unsigned lines, const char* what, std::vector<double> values, const char* unit) {
    std::ranges::sort(values);
    std::printf("| %u | %s | %.1f %s | %.1f-%.1f |\n", lines, what, values[values.size() / 2], unit,
                values.front(), values.back());
}

void measure(unsigned lines, const char* what, const std::function<void()>& call) {
    std::vector<double> took;
    for (int i = 0; i < kReadings; ++i) {
        const auto began = std::chrono::steady_clock::now();
        call();
        took.push_back(
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began)
                .count());
    }
    print(lines, what, std::move(took), "us");
}

/// One socket of NETLINK_ROUTE that asks and reads until the end of the answer.
class Rtnetlink {
public:
    Rtnetlink() : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
        must(fd_ >= 0, "netlink socket");
    }
    ~Rtnetlink() { close(fd_); }
    Rtnetlink(const Rtnetlink&) = delete;
    Rtnetlink& operator=(const Rtnetlink&) = delete;

    template <class Body>
    std::size_t dump(std::uint16_t type, const Body& body) {
        ask(type, NLM_F_DUMP, body);
        std::size_t messages = 0;
        while (true)
            for (const nlmsghdr* each : receive()) {
                if (each->nlmsg_type == NLMSG_DONE)
                    return messages;
                must(each->nlmsg_type != NLMSG_ERROR, "dump");
                ++messages;
            }
    }
    template <class Body>
    void get(std::uint16_t type, const Body& body) {
        ask(type, 0, body);
        must(receive().at(0)->nlmsg_type != NLMSG_ERROR, "request");
    }

private:
    template <class Body>
    void ask(std::uint16_t type, int flags, const Body& body) {
        struct {
            nlmsghdr header;
            Body body;
        } message{};
        message.header.nlmsg_len = sizeof message;
        message.header.nlmsg_type = type;
        message.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
        message.body = body;
        must(send(fd_, &message, sizeof message, 0) == sizeof message, "send");
    }
    std::vector<const nlmsghdr*> receive() {
        const ssize_t got = recv(fd_, buffer_.data(), buffer_.size(), 0);
        must(got > 0, "receive");
        std::vector<const nlmsghdr*> messages;
        auto left = static_cast<unsigned>(got);
        for (auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data()); NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left))
            messages.push_back(header);
        return messages;
    }

    int fd_;
    alignas(nlmsghdr) std::array<char, 65536> buffer_{};
};

if_stats_msg stats_of(unsigned ifindex) {
    if_stats_msg body{};
    body.ifindex = ifindex;
    body.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
    return body;
}

void bench_reading(unsigned lines) {
    const int own = new_namespace();
    must(setns(own, CLONE_NEWNET) == 0, "setns");
    const int far = new_namespace();
    std::string links;
    for (unsigned i = 0; i < lines; ++i)
        links += "link add wan" + std::to_string(i) + " type veth peer name far" +
                 std::to_string(i) + " netns " + path_of(far) + "\n";
    run("printf '" + links + "' | ip -batch -");
    const auto privileged = [](const std::function<void()>& call) { call(); };
    apply::NftablesNatApplier applier(privileged);
    must(applier.apply(testing::many_lines(lines)).has_value(), "apply");
    apply::NftLineTrafficReader reader(privileged);
    measure(lines, "the lines' counters of forwarded packets (nf_tables)", [&] {
        const auto read = reader.read();
        must(read && read->size() == 2 * lines, "reading");
    });
    Rtnetlink rtnetlink;
    std::vector<unsigned> indexes;
    for (unsigned i = 0; i < lines; ++i)
        indexes.push_back(if_nametoindex(("wan" + std::to_string(i)).c_str()));
    measure(lines, "RTM_GETSTATS, one request a line", [&] {
        for (const unsigned index : indexes)
            rtnetlink.get(RTM_GETSTATS, stats_of(index));
    });
    measure(lines, "RTM_GETSTATS, all interfaces",
            [&] { must(rtnetlink.dump(RTM_GETSTATS, stats_of(0)) > lines, "all lines"); });
    measure(lines, "RTM_GETLINK, all interfaces",
            [&] { must(rtnetlink.dump(RTM_GETLINK, ifinfomsg{}) > lines, "all lines"); });
    close(far);
    close(own);
}

double cpu_nanoseconds() {
    timespec now{};
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "clock");
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// Sends kPackets and returns the nanoseconds of one. Sending does all the work of forwarding, in
/// this thread, so its processor time is what is asked for.
double packet_cost(int fd) {
    std::array<char, 18> payload{};
    iovec part{payload.data(), payload.size()};
    std::array<mmsghdr, kAtOnce> batch{};
    for (mmsghdr& message : batch) {
        message.msg_hdr.msg_iov = &part;
        message.msg_hdr.msg_iovlen = 1;
    }
    const double began = cpu_nanoseconds();
    for (unsigned sent = 0; sent < kPackets; sent += kAtOnce)
        must(sendmmsg(fd, batch.data(), kAtOnce, 0) == static_cast<int>(kAtOnce), "sendmmsg");
    return (cpu_nanoseconds() - began) / kPackets;
}

/// A UDP socket of another namespace towards the far end, at one flow.
int flow_in(int where) {
    const int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    must(setns(where, CLONE_NEWNET) == 0, "setns");
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(setns(own, CLONE_NEWNET) == 0, "setns");
    close(own);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    inet_pton(AF_INET, "203.0.113.9", &to.sin_addr);
    must(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0, "connect");
    return fd;
}

void bench_forwarding(unsigned lines) {
    const int router = new_namespace();
    must(setns(router, CLONE_NEWNET) == 0, "setns");
    const int inside = new_namespace();
    const int outside = new_namespace();
    run("sysctl -qw net.ipv4.ip_forward=1;"
        "ip link add lan type veth peer name eth0 netns " +
        path_of(inside) + ";ip link add wan0 type veth peer name isp netns " + path_of(outside) +
        ";ip link set lan up;ip link set wan0 up;ip addr add 10.1.2.1/24 dev lan;"
        "ip addr add 100.0.0.2/24 dev wan0;ip route add default via 100.0.0.1");
    run_in(inside, "ip link set eth0 up;ip addr add 10.1.2.3/24 dev eth0;"
                   "ip route add default via 10.1.2.1");
    run_in(outside, "ip link set isp up;ip addr add 100.0.0.1/24 dev isp;"
                    "ip route add blackhole 203.0.113.9");
    const auto privileged = [](const std::function<void()>& call) { call(); };
    core::NatPlan plan = testing::many_lines(lines);
    plan.mark_mask = core::kDefaultMarkMask;
    plan.lines[0].mark = 0x01000000;
    const int fd = flow_in(inside);
    std::vector<double> without;
    std::vector<double> with;
    apply::NftablesNatApplier applier(privileged);
    must(applier.apply(plan).has_value(), "apply");
    apply::NftLineTrafficReader reader(privileged);
    packet_cost(fd);
    for (int i = 0; i < kRounds; ++i) {
        must(applier.apply(plan).has_value(), "apply");
        with.push_back(packet_cost(fd));
        run("nft 'delete chain inet multihome forward; delete chain inet multihome lost'");
        without.push_back(packet_cost(fd));
    }
    const auto read = reader.read();
    must(read && std::ranges::find(*read, core::ProbeKey{"line0", core::Family::v4},
                                   &core::LineTraffic::line)
                         ->packets_out > kRounds * kPackets * 9 / 10,
         "forwarding most packets");
    print(lines, "a packet forwarded, without the chains", without, "ns");
    print(lines, "a packet forwarded, with them", with, "ns");
    for (const int each : {fd, inside, outside, router})
        close(each);
}

} // namespace

int main() {
    const int home = new_namespace();
    must(setns(home, CLONE_NEWNET) == 0, "a network namespace (needs root)");
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    must(sched_setaffinity(0, sizeof one, &one) == 0, "one processor");
    std::printf("| lines | what | median | range |\n|---|---|---|---|\n");
    for (const unsigned lines : {2U, 64U, 512U})
        bench_reading(lines);
    for (const unsigned lines : {2U, 64U})
        bench_forwarding(lines);
    return 0;
}
