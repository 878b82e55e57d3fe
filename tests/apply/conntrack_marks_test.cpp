// SPDX-License-Identifier: GPL-2.0-or-later
//
// Forgetting flows by mark, protocol and port in a real kernel's table, both ways: as this kernel
// lets us, and by dumping and deleting. Every test looks at what must survive.
#include "apply/conntrack_applier.hpp"

#include "apply/conntrack_codec.hpp"
#include "conntrack_maker.hpp"
#include "forgetting.hpp"
#include "netns.hpp"

#include <algorithm>
#include <cstdio>
#include <gtest/gtest.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <netlink/msg.h>
#include <string>
#include <sys/utsname.h>
#include <tuple>
#include <vector>

namespace multihomed::apply {
namespace {

using core::Family;
using core::FlowSelector;
using namespace multihomed::testing;
using Mode = ConntrackFlowApplier::Mode;
using Method = ForgetReport::Method;

constexpr std::uint32_t kMark = 0x01000000;
constexpr std::uint32_t kOtherMark = 0x02000000;
constexpr std::uint32_t kMask = 0x3f000000;

bool kernel_selects() {
    utsname system{};
    int major = 0;
    int minor = 0;
    return uname(&system) == 0 &&
           std::sscanf(system.release, "%d.%d", &major, &minor) == 2 && // NOLINT
           (major > 6 || (major == 6 && minor >= 10));
}

/// The last part of the source, which tells flows apart, of all that are in the table.
std::vector<int> tracked(Family family) {
    NetfilterSocket socket;
    EXPECT_TRUE(socket.open());
    std::vector<int> found;
    const auto dumped = socket.dump(*make_whole_dump(), [&](const nlmsghdr& entry) {
        const auto flow = decode_flow(entry);
        EXPECT_TRUE(flow);
        if (flow->family != family)
            return true;
        const auto bytes = core::address_bytes(flow->original.source);
        found.push_back(bytes[core::address_bits(family) / 8U - 1]);
        return true;
    });
    EXPECT_TRUE(dumped) << dumped.error().what;
    std::ranges::sort(found);
    return found;
}

class Marks : public InNamespace, public ::testing::WithParamInterface<std::tuple<Mode, Family>> {
protected:
    static Family family() { return std::get<1>(GetParam()); }
    static std::uint8_t icmp() {
        return family() == Family::v4 ? std::uint8_t{IPPROTO_ICMP} : std::uint8_t{IPPROTO_ICMPV6};
    }

    static MadeFlow flow(int source, std::uint8_t protocol, std::uint16_t port,
                         std::uint32_t mark = kMark, std::uint16_t source_port = 1000) {
        MadeFlow made;
        made.source = family() == Family::v4 ? "10.0.0." : "fd00::";
        made.source += family() == Family::v4 ? std::to_string(source) : hexadecimal(source);
        made.destination = family() == Family::v4 ? "203.0.113.1" : "2001:db8:f::1";
        made.source_port = source_port;
        made.destination_port = port;
        made.protocol = protocol;
        made.mark = mark;
        return made;
    }
    static FlowSelector marked(std::uint8_t protocol = 0, std::uint16_t port = 0) {
        FlowSelector selector;
        selector.family = family();
        selector.kind = FlowSelector::Kind::marked;
        selector.mark = kMark;
        selector.mask = kMask;
        selector.protocol = protocol;
        selector.destination_port = port;
        return selector;
    }
    Method forget(const FlowSelector& selector) {
        const auto report = forget_and_wait(applier_, selector);
        EXPECT_TRUE(report) << report.error().what;
        return report ? report->method : Method::one_message;
    }
    static Method if_narrowed() {
        return std::get<0>(GetParam()) == Mode::automatic && kernel_selects()
                   ? Method::one_message
                   : Method::dump_and_delete;
    }
    /// Something of every kind that a telephone's flows could be taken for.
    static void make_telephony() {
        make_flows({flow(1, IPPROTO_UDP, 5060),
                    flow(2, IPPROTO_UDP, 5060, kMark | 0x4001), // others' bits do not matter
                    flow(3, IPPROTO_UDP, 5061), flow(4, IPPROTO_UDP, 53, kMark, 5060),
                    flow(5, IPPROTO_TCP, 5060), flow(6, IPPROTO_TCP, 443),
                    flow(7, IPPROTO_SCTP, 5060), flow(8, IPPROTO_SCTP, 5061), flow(9, icmp(), 0),
                    flow(11, IPPROTO_UDP, 5060, kOtherMark),
                    flow(12, IPPROTO_UDP, 5060, kMark | kOtherMark), flow(13, IPPROTO_UDP, 5060, 0),
                    flow(14, IPPROTO_TCP, 5060, kOtherMark), flow(15, icmp(), 0, kOtherMark)});
        ASSERT_EQ(tracked(family()).size(), 14U);
        // The same in the other family must survive all of it.
        MadeFlow other;
        other.source = family() == Family::v4 ? "fd00::1" : "10.0.0.1";
        other.destination = family() == Family::v4 ? "2001:db8:f::1" : "203.0.113.1";
        other.destination_port = 5060;
        other.mark = kMark;
        make_flows({other});
    }
    void TearDown() override {
        if (!HasFailure() && !IsSkipped() && telephony_) {
            EXPECT_EQ(tracked(family() == Family::v4 ? Family::v6 : Family::v4).size(), 1U);
        }
    }

    bool telephony_ = false;
    ConntrackFlowApplier applier_{always(), std::get<0>(GetParam())};

private:
    static std::string hexadecimal(int value) {
        char text[8];
        (void)std::snprintf(text, sizeof text, "%x", static_cast<unsigned int>(value)); // NOLINT
        return text;
    }
};

class Telephony : public Marks {
protected:
    void SetUp() override {
        Marks::SetUp();
        if (IsSkipped())
            return;
        make_telephony();
        telephony_ = true;
    }
};

std::string name_of(const ::testing::TestParamInfo<std::tuple<Mode, Family>>& info) {
    return std::string(std::get<0>(info.param) == Mode::automatic ? "AsTheKernelCan"
                                                                  : "DumpAndDelete") +
           (std::get<1>(info.param) == Family::v4 ? "V4" : "V6");
}
const auto kEveryWay = ::testing::Combine(::testing::Values(Mode::automatic, Mode::dump_and_delete),
                                          ::testing::Values(Family::v4, Family::v6));
INSTANTIATE_TEST_SUITE_P(Ways, Marks, kEveryWay, name_of);
INSTANTIATE_TEST_SUITE_P(Ways, Telephony, kEveryWay, name_of);

TEST_P(Telephony, GoesByMarkAlone) {
    EXPECT_EQ(forget(marked()), Method::one_message);
    EXPECT_EQ(tracked(family()), (std::vector<int>{11, 12, 13, 14, 15}));
}

TEST_P(Telephony, GoesByProtocolAndPort) {
    EXPECT_EQ(forget(marked(IPPROTO_UDP, 5060)), if_narrowed());
    EXPECT_EQ(tracked(family()), (std::vector<int>{3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15}));
    EXPECT_EQ(forget(marked(IPPROTO_TCP, 443)), if_narrowed());
    EXPECT_EQ(tracked(family()), (std::vector<int>{3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 15}));
}

TEST_P(Telephony, GoesByProtocol) {
    EXPECT_EQ(forget(marked(IPPROTO_UDP)), if_narrowed());
    EXPECT_EQ(tracked(family()), (std::vector<int>{5, 6, 7, 8, 9, 11, 12, 13, 14, 15}));
    EXPECT_EQ(forget(marked(icmp())), if_narrowed());
    EXPECT_EQ(tracked(family()), (std::vector<int>{5, 6, 7, 8, 11, 12, 13, 14, 15}));
    EXPECT_EQ(forget(marked(IPPROTO_SCTP)), if_narrowed());
    EXPECT_EQ(tracked(family()), (std::vector<int>{5, 6, 11, 12, 13, 14, 15}));
}

/// The kernel's filter would pass over their ports and delete all of them.
TEST_P(Telephony, PortsOfOtherProtocolsAreComparedByUs) {
    EXPECT_EQ(forget(marked(IPPROTO_SCTP, 5060)), Method::dump_and_delete);
    EXPECT_EQ(tracked(family()), (std::vector<int>{1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15}));
}

TEST_P(Telephony, APortOfAnyProtocol) {
    EXPECT_EQ(forget(marked(0, 5060)), Method::dump_and_delete);
    EXPECT_EQ(tracked(family()), (std::vector<int>{3, 4, 6, 8, 9, 11, 12, 13, 14, 15}));
}

/// An echo request's type stands where others have a port.
TEST_P(Telephony, AnIcmpTypeIsNoPort) {
    const std::uint16_t echo = family() == Family::v4 ? 8 << 8 : 128 << 8;
    forget(marked(0, echo));
    EXPECT_EQ(tracked(family()).size(), 14U);
    EXPECT_FALSE(forget_and_wait(applier_, marked(icmp(), echo)));
    EXPECT_EQ(tracked(family()).size(), 14U);
}

/// A kernel that does not know CTA_FILTER in a deletion sees the message without it.
TEST_P(Telephony, WithoutTheFilterOurMessageDeletesNothing) {
    refuse_without_filter(make_narrowed_delete(family(), {kMark, kMask}, IPPROTO_UDP, 5060));
    EXPECT_EQ(tracked(family()).size(), 14U);
}

TEST_P(Marks, ThatSelectEverythingOrNothingAreRefused) {
    make_flows({flow(1, IPPROTO_UDP, 443)});
    FlowSelector selector = marked();
    selector.mark = 0;
    EXPECT_FALSE(forget_and_wait(applier_, selector));
    selector.mark = 0x40000000;
    EXPECT_FALSE(forget_and_wait(applier_, selector));
    selector.mark = kMark;
    selector.mask = 0;
    EXPECT_FALSE(forget_and_wait(applier_, selector));
    EXPECT_EQ(tracked(family()).size(), 1U);
}

TEST_P(Marks, NoSuchFlowIsFine) {
    forget(marked(IPPROTO_UDP, 5060));
    make_flows({flow(1, IPPROTO_UDP, 443)});
    forget(marked(IPPROTO_UDP, 5060));
    EXPECT_EQ(tracked(family()).size(), 1U);
}

} // namespace
} // namespace multihomed::apply
