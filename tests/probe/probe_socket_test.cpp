// SPDX-License-Identifier: GPL-2.0-or-later
//
// The prober with real raw ICMP sockets. Families run through the same tests.
#include "probe/echo_socket.hpp"
#include "probe/prober.hpp"

#include "probe/lines.hpp"

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
using testing::kNames;
using testing::Lines;
using testing::Names;
using testing::now;
using testing::run;

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
