// SPDX-License-Identifier: GPL-2.0-or-later
//
// The sender on a veth pair: what goes out, what is answered, what is heard.
#include "apply/ra_sender.hpp"

#include "netns.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <sys/socket.h>

namespace multihomed::apply {
namespace {

using namespace multihomed::testing;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A host, or another router, at the far end.
class Peer {
public:
    explicit Peer(const char* interface)
        : index_(if_nametoindex(interface)), fd_(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)) {
        const int hops = 255;
        setsockopt(fd_, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);
        setsockopt(fd_, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index_, sizeof index_);
        setsockopt(fd_, SOL_SOCKET, SO_BINDTODEVICE, interface, IFNAMSIZ);
        const int off = 0;
        setsockopt(fd_, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof off);
        icmp6_filter filter;
        ICMP6_FILTER_SETBLOCKALL(&filter);
        ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
        setsockopt(fd_, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
    }
    ~Peer() { close(fd_); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    void send(const std::vector<std::uint8_t>& message, const char* to) const {
        sockaddr_in6 all{};
        all.sin6_family = AF_INET6;
        inet_pton(AF_INET6, to, &all.sin6_addr);
        all.sin6_scope_id = index_;
        ASSERT_GT(sendto(fd_, message.data(), message.size(), 0,
                         reinterpret_cast<const sockaddr*>(&all), sizeof all),
                  0)
            << strerror(errno);
    }
    /// The next advertisement; nothing if none comes.
    std::optional<HeardAdvertisement> receive(int patience_ms = 2000) const {
        pollfd wait{fd_, POLLIN, 0};
        if (poll(&wait, 1, patience_ms) != 1)
            return std::nullopt;
        std::array<std::uint8_t, 2048> bytes{};
        sockaddr_in6 from{};
        socklen_t length = sizeof from;
        const ssize_t size = recvfrom(fd_, bytes.data(), bytes.size(), 0,
                                      reinterpret_cast<sockaddr*>(&from), &length);
        return decode_advertisement(
            {core::address_from_bytes(core::Family::v6, from.sin6_addr.s6_addr), 255,
             std::span(bytes).first(static_cast<std::size_t>(size))});
    }

private:
    unsigned index_;
    int fd_;
};

class Sender : public InNamespace {
protected:
    void SetUp() override {
        InNamespace::SetUp();
        if (IsSkipped())
            return;
        // Both ends in one namespace: each has its own link-local address.
        run("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0");
        run("ip link add lan type veth peer name far");
        run("ip link set lan addrgenmode none up && ip link set far addrgenmode none up");
        run("ip addr add fe80::1/64 dev lan nodad && ip addr add fe80::2/64 dev far nodad");
        plan_.interface = "lan";
        plan_.ifindex = if_nametoindex("lan");
        plan_.source = core::parse_address("fe80::1");
        plan_.interval = 200s;
        plan_.content.lifetime_s = 1800;
        plan_.content.prefixes = {{*core::Prefix::parse("2001:db8:1::/64"), 5400, 2700}};
    }
    /// Lets the sender act until `done`, in the time of its own deadlines.
    void act_until(const std::function<bool()>& done) {
        for (int i = 0; i < 500 && !done(); ++i) {
            pollfd wait{sender_.fd(), POLLIN, 0};
            if (poll(&wait, 1, 10) == 1)
                sender_.on_readable(now_);
            else if (const auto next = sender_.next_deadline())
                sender_.on_time(now_ = std::max(now_, *next));
        }
        EXPECT_TRUE(done());
    }
    AdvertiserState state() { return sender_.states().at("lan"); }

    core::AdvertisePlan plan_;
    std::vector<std::string> warnings_;
    RaSender sender_{always(), [this](const std::string& text) { warnings_.push_back(text); }};
    Time now_ = Clock::now();
};

TEST_F(Sender, SaysAtOnceWhatIsNew) {
    const Peer host("far");
    sender_.want({plan_}, now_);
    auto heard = host.receive();
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->lifetime_s, 1800);
    EXPECT_EQ(heard->prefixes, plan_.content.prefixes);
    EXPECT_EQ(state().multicasts, 1U);
    sender_.want({plan_}, now_);
    EXPECT_FALSE(host.receive(50)) << "nothing new";
    plan_.content.prefixes[0].preferred_s = 0;
    sender_.want({plan_}, now_);
    heard = host.receive();
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->prefixes[0].preferred_s, 0U);
    EXPECT_EQ(state().error, "");
}

TEST_F(Sender, AnswersWhoAsks) {
    const Peer host("far");
    sender_.want({plan_}, now_);
    ASSERT_TRUE(host.receive());
    now_ += 1s;
    host.send({133, 0, 0, 0, 0, 0, 0, 0}, "ff02::2");
    act_until([this] { return state().unicasts == 1; });
    EXPECT_TRUE(host.receive());
    EXPECT_EQ(state().solicitations, 1U);
    host.send({133, 0, 0, 0, 0, 0, 0, 0, 1, 0}, "ff02::2");
    act_until([this] { return state().malformed == 1; });
    EXPECT_EQ(state().solicitations, 1U);
}

TEST_F(Sender, SaysGoodbye) {
    const Peer host("far");
    sender_.want({plan_}, now_);
    ASSERT_TRUE(host.receive());
    sender_.want({}, now_);
    const auto heard = host.receive();
    ASSERT_TRUE(heard);
    EXPECT_EQ(heard->lifetime_s, 0);
    EXPECT_EQ(heard->prefixes, plan_.content.prefixes);
    act_until([this] { return sender_.states().empty(); });
    EXPECT_TRUE(host.receive());
    EXPECT_TRUE(host.receive());
    EXPECT_FALSE(host.receive(50));
}

TEST_F(Sender, WhatCannotBeSentIsShownAndTriedAgain) {
    run("ip link set lan down");
    sender_.want({plan_}, now_);
    EXPECT_NE(state().error, "");
    EXPECT_EQ(state().multicasts, 0U);
    run("ip link set lan up && ip addr replace fe80::1/64 dev lan nodad");
    act_until([this] { return state().multicasts > 0; });
    EXPECT_EQ(state().error, "");
}

TEST_F(Sender, WithoutPrivilegesItSaysSo) {
    std::string error;
    with_capabilities(0, [&] {
        RaSender powerless(always(), [](const std::string&) {});
        powerless.want({plan_}, now_);
        error = powerless.states().at("lan").error;
    });
    EXPECT_EQ(error, "opening a raw ICMPv6 socket: Operation not permitted");
}

TEST_F(Sender, HearsOtherRouters) {
    sender_.want({plan_}, now_);
    const Peer other("far");
    core::RouterAdvertisement theirs;
    theirs.lifetime_s = 600;
    theirs.prefixes = {{*core::Prefix::parse("2001:db8:2::/64"), 10, 10}};
    other.send(encode_advertisement(theirs, std::nullopt), "ff02::1");
    act_until([this] { return !state().others.empty(); });
    const auto heard = state().others;
    ASSERT_TRUE(heard.contains(*core::parse_address("fe80::2")));
    EXPECT_EQ(heard.begin()->second.lifetime_s, 600);
    EXPECT_EQ(heard.begin()->second.prefixes, theirs.prefixes);
}

TEST_F(Sender, NoticesAnotherProgramThatAdvertisesHere) {
    sender_.want({plan_}, now_);
    sender_.on_time(now_ += 11s);
    sender_.on_time(now_ += 11s);
    EXPECT_EQ(state().rivals, 0U) << "its own are none";
    // As zebra and radvd do it, from our own address, unheard by ourselves.
    const Peer rival("lan");
    rival.send(encode_advertisement({}, std::nullopt), "ff02::1");
    rival.send(encode_advertisement({}, std::nullopt), "ff02::1");
    sender_.on_time(now_ += 11s);
    EXPECT_EQ(state().rivals, 2U);
    EXPECT_TRUE(state().last_rival);
    sender_.on_time(now_ += 11s);
    EXPECT_EQ(state().rivals, 2U);
    EXPECT_EQ(warnings_.size(), 1U);
}

} // namespace
} // namespace multihomed::apply
