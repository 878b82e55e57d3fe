// SPDX-License-Identifier: GPL-2.0-or-later
//
// The prober with real sockets: two lines lead to one "Internet" namespace, which holds the same
// target for both. Families run through the same tests.
#include "probe/echo_socket.hpp"
#include "probe/prober.hpp"

#include "observe/peer_namespace.hpp"

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <functional>
#include <optional>

namespace multihomed::probe {
namespace {

using namespace std::chrono_literals;
using core::Family;
using testing::run;

core::Time now() {
    return std::chrono::steady_clock::now();
}

struct Names {
    Family family;
    const char* source[2];
    const char* gateway[2];
    const char* target;
    const char* unreachable;
};
const Names kNames[] = {
    {Family::v4,
     {"192.0.2.1", "198.51.100.1"},
     {"192.0.2.2", "198.51.100.2"},
     "203.0.113.99",
     "203.0.113.66"},
    {Family::v6,
     {"2001:db8::1", "2001:db8:1::1"},
     {"2001:db8::2", "2001:db8:1::2"},
     "2001:db8:99::99",
     "2001:db8:99::66"},
};

TEST(RawProbeSockets, LeaveDescriptorsToOthers) {
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit few{.rlim_cur = 60, .rlim_max = before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    const auto open = raw_icmp_sockets([](const std::function<void()>& call) { call(); });
    const auto socket = open({.key = {"dsl", Family::v4},
                              .interface = "lo",
                              .ifindex = 1,
                              .source = *core::parse_address("127.0.0.1"),
                              .targets = {},
                              .interval = 200ms,
                              .timeout = 400ms},
                             EchoIdentity{});
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_FALSE(socket);
    EXPECT_NE(socket.error().what.find("LimitNOFILE"), std::string::npos) << socket.error().what;
}

/// A raw socket without bounds and filters: it sees what reaches the machine.
class Witness {
public:
    explicit Witness(Family family)
        : v4_(family == Family::v4),
          fd_(socket(v4_ ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                     v4_ ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6})) {}
    ~Witness() { close(fd_); }
    Witness(const Witness&) = delete;
    Witness& operator=(const Witness&) = delete;

    /// Echo replies seen so far, of this identifier or of all.
    int replies(std::optional<std::uint16_t> identifier = {}) {
        std::array<std::uint8_t, 512> packet{};
        while (recv(fd_, packet.data(), packet.size(), 0) > 0) {
            const std::uint8_t* icmp = packet.data() + (v4_ ? 20 : 0);
            const auto seen = static_cast<std::uint16_t>(icmp[4] << 8U | icmp[5]);
            count_ += icmp[0] == (v4_ ? 0 : 129) && seen == identifier.value_or(seen) ? 1 : 0;
        }
        return count_;
    }

private:
    bool v4_;
    int fd_;
    int count_ = 0;
};

class Lines : public testing::InNamespace {
protected:
    void SetUp() override {
        InNamespace::SetUp();
        if (IsSkipped())
            return;
        for (const int i : {0, 1}) {
            const std::string line = "line" + std::to_string(i);
            const std::string far = "far" + std::to_string(i);
            run("ip link add " + line + " index 1" + std::to_string(i) + " type veth peer name " +
                far + " index 2" + std::to_string(i));
            run("ip link set " + far + " netns " + internet_.path() + "; ip link set " + line +
                " up");
            internet_.run_inside("ip link set " + far + " up");
            internet_.run_inside("ip -6 address add fe80::1/64 dev " + far + " nodad");
            run("ip -6 address add fe80::2/64 dev " + line + " nodad");
            for (const Names& names : kNames) {
                const char* length = names.family == Family::v4 ? "/24" : "/64 nodad";
                run(std::string("ip address add ") + names.source[i] + length + " dev " + line);
                internet_.run_inside(std::string("ip address add ") + names.gateway[i] + length +
                                     " dev " + far);
                const std::string version = names.family == Family::v4 ? "ip -4" : "ip -6";
                const std::string table = std::to_string(1001 + i);
                run(version + " route add default via " + names.gateway[i] + " table " + table);
                run(version + " rule add from " + names.source[i] + " lookup " + table);
            }
        }
        // Replies may come in by the other line, which the test for that needs to be delivered.
        run("for i in all line0 line1; do sysctl -qw net.ipv4.conf.$i.rp_filter=0; done");
        internet_.run_inside("ip link set lo up; sysctl -qw net.ipv4.ip_forward=1;"
                             "sysctl -qw net.ipv6.conf.all.forwarding=1;"
                             "sysctl -qw net.ipv4.conf.all.rp_filter=0;"
                             "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0;"
                             "ip address add 203.0.113.99/32 dev lo;"
                             "ip address add 2001:db8:99::99/128 dev lo nodad;"
                             "ip route add unreachable 203.0.113.66;"
                             "ip -6 route add unreachable 2001:db8:99::66");
    }

    static core::ProbePlan plan(int line, const std::string& source, const std::string& target) {
        core::ProbePlan made;
        made.source = core::parse_address(source).value();
        made.key = {"line" + std::to_string(line), core::family_of(made.source)};
        made.interface = made.key.uplink;
        made.ifindex = static_cast<std::uint32_t>(10 + line);
        made.targets = {{.address = core::parse_address(target).value()}};
        made.interval = 20ms;
        made.timeout = 200ms;
        return made;
    }
    /// Drives the prober as the daemon does until the condition holds; false after five seconds.
    bool eventually(const std::function<bool()>& condition) {
        const auto limit = now() + 5s;
        while (!condition()) {
            if (now() > limit)
                return false;
            const auto wait = std::chrono::ceil<std::chrono::milliseconds>(
                prober_.next_deadline().value_or(limit) - now());
            pollfd entry{prober_.fd(), POLLIN, 0};
            if (poll(&entry, 1, std::max(0, static_cast<int>(wait.count()))) > 0)
                prober_.on_readable(now());
            if (*prober_.next_deadline() <= now())
                prober_.on_time(now());
        }
        return true;
    }

    testing::PeerNamespace internet_;
    Prober prober_{testing::always()};
};

class LiveProber : public Lines, public ::testing::WithParamInterface<const Names*> {
protected:
    core::ProbePlan plan(int line, const std::string& target) const {
        return Lines::plan(line, GetParam()->source[line], target);
    }
    core::TargetFigures figures(int line) {
        return prober_.figures(now()).at({"line" + std::to_string(line), GetParam()->family}).at(0);
    }
    bool answered(int line, std::uint32_t replies = 3) {
        return eventually([&] { return figures(line).received >= replies; });
    }
};

INSTANTIATE_TEST_SUITE_P(Families, LiveProber, ::testing::Values(&kNames[0], &kNames[1]),
                         [](const auto& names) {
                             return names.param->family == Family::v4 ? "ipv4" : "ipv6";
                         });

TEST_P(LiveProber, TheSameTargetByTwoLines) {
    prober_.set_plan({plan(0, GetParam()->target), plan(1, GetParam()->target)}, now());
    ASSERT_TRUE(answered(0));
    ASSERT_TRUE(answered(1));
    EXPECT_EQ(figures(0).consecutive_lost, 0U);
    EXPECT_GT(figures(0).rtt_average, 0us);
    EXPECT_LT(figures(0).rtt_average, 150ms);
    EXPECT_EQ(figures(0).last_error, "");
    // One of them falls silent: only that one is lost.
    run("ip link set line1 down");
    const auto received = figures(0).received;
    ASSERT_TRUE(eventually([&] { return figures(1).consecutive_lost >= 5; }));
    EXPECT_NE(figures(1).last_error, "") << "the kernel refuses to send";
    ASSERT_TRUE(eventually([&] { return figures(0).received > received + 5; }));
    EXPECT_EQ(figures(0).consecutive_lost, 0U);
}

TEST_P(LiveProber, RepliesOnTheWrongDeviceAreNotTaken) {
    // What is for line 0's address comes back by line 1. An unbound socket sees that it does.
    const bool v4 = GetParam()->family == Family::v4;
    const std::string host = std::string(GetParam()->source[0]) + (v4 ? "/32" : "/128");
    internet_.run_inside("ip route add " + host + " via " + GetParam()->source[1] + " dev far1");
    run("sysctl -qw net.ipv4.ip_forward=0");
    Witness witness(GetParam()->family);
    prober_.set_plan({plan(0, GetParam()->target), plan(1, GetParam()->target)}, now());
    ASSERT_TRUE(answered(1, 10));
    ASSERT_TRUE(eventually([&] { return figures(0).lost >= 10; }));
    const auto by_line1 = static_cast<int>(figures(1).received);
    ASSERT_TRUE(eventually([&] { return witness.replies() >= by_line1 + 10; }))
        << "replies to line 0's probes reach the machine";
    EXPECT_EQ(figures(0).received, 0U);
}

TEST_P(LiveProber, TimeSpentElsewhereIsNotRoundTripTime) {
    auto slow = plan(0, GetParam()->target);
    slow.timeout = 100ms;
    slow.interval = 60s;
    auto other = plan(1, GetParam()->target); // its socket stays open
    prober_.set_plan({plan(0, GetParam()->target), other}, now());
    ASSERT_TRUE(answered(0, 1));
    // The kernel begins to stamp packets a while after somebody asked for it (a deferred static
    // key); until then it stamps them when they are read.
    core::TargetFigures seen;
    for (int attempt = 0; attempt < 20 && (attempt == 0 || seen.rtt_average > 100ms); ++attempt) {
        prober_.set_plan({other}, now());
        prober_.set_plan({slow, other}, now());
        prober_.on_time(now());
        // The reply is there, and the daemon does something else for two timeouts.
        for (const auto until = now() + 200ms; now() < until;)
            poll(nullptr, 0, 10);
        prober_.on_time(now());
        seen = figures(0);
        EXPECT_EQ(seen.lost, 0U);
        ASSERT_EQ(seen.received, 1U);
    }
    EXPECT_LT(seen.rtt_average, 100ms);
}

TEST_P(LiveProber, ErrorsComeWithTheRoutersName) {
    prober_.set_plan({plan(0, GetParam()->unreachable)}, now());
    ASSERT_TRUE(eventually([&] { return !figures(0).last_error.empty(); }));
    EXPECT_NE(figures(0).last_error.find("unreachable"), std::string::npos);
    EXPECT_NE(figures(0).last_error.find(GetParam()->gateway[0]), std::string::npos);
    EXPECT_TRUE(eventually([&] { return figures(0).consecutive_lost >= 3; }));
}

TEST_P(LiveProber, AForeignSourceAddressIsAnErrorUntilItIsOurs) {
    const bool v4 = GetParam()->family == Family::v4;
    const char* later = v4 ? "192.0.2.7" : "2001:db8::7";
    auto early = plan(0, GetParam()->gateway[0]);
    early.source = core::parse_address(later).value();
    prober_.set_plan({early}, now());
    ASSERT_TRUE(eventually([&] { return figures(0).consecutive_lost >= 3; }));
    EXPECT_NE(figures(0).last_error.find(later), std::string::npos) << figures(0).last_error;
    run(std::string("ip address add ") + later + (v4 ? "/24" : "/64 nodad") + " dev line0");
    EXPECT_TRUE(answered(0));
    EXPECT_EQ(figures(0).consecutive_lost, 0U);
}

TEST_P(LiveProber, ForeignEchoesDoNotReachIt) {
    prober_.set_plan({plan(0, GetParam()->target)}, now());
    ASSERT_TRUE(answered(0));
    ASSERT_TRUE(eventually([&] { return figures(0).received == figures(0).sent; }));
    // Another program of ours asks the same target from the same address.
    const EchoIdentity theirs{0x4242, {8, 7, 6, 5, 4, 3, 2, 1}};
    Witness witness(GetParam()->family);
    const auto socket = raw_icmp_sockets(testing::always())(plan(0, GetParam()->target), theirs);
    ASSERT_TRUE(socket) << socket.error().what;
    for (std::uint16_t i = 0; i < 10; ++i)
        ASSERT_TRUE(socket.value()->send(plan(0, GetParam()->target).targets[0].address,
                                         encode_echo_request(GetParam()->family, {theirs, i})));
    const auto limit = now() + 5s;
    while (witness.replies(theirs.identifier) < 10 && now() < limit) {
    }
    ASSERT_EQ(witness.replies(theirs.identifier), 10);
    pollfd entry{prober_.fd(), POLLIN, 0};
    EXPECT_EQ(poll(&entry, 1, 0), 0);
    entry.fd = socket.value()->fd();
    EXPECT_EQ(poll(&entry, 1, 0), 1) << "they got them";
}

TEST_F(Lines, LinkLocalTargets) {
    // fe80::1 is the gateway of both, and fe80::2 our own address on both.
    const auto line0 = plan(0, "fe80::2", "fe80::1");
    const auto line1 = plan(1, "fe80::2", "fe80::1");
    prober_.set_plan({line0, line1}, now());
    for (const auto& key : {line0.key, line1.key})
        ASSERT_TRUE(eventually([&] { return prober_.figures(now()).at(key).at(0).received >= 3; }))
            << key.uplink;
}

} // namespace
} // namespace multihomed::probe
