// SPDX-License-Identifier: GPL-2.0-or-later
//
// Probes of every kind against the real kernel and small servers: answered, refused, silent, late,
// and always by the right line. What a prober may cost, descriptors, is counted.
#include "probe/kind_lines.hpp"

#include <linux/capability.h>
#include <sys/syscall.h>

namespace multihomed::probe {
namespace {

// ---------------------------------------------------------------- every kind

class EveryKind : public KindLines, public ::testing::WithParamInterface<Case> {
protected:
    EveryKind() : KindLines(*GetParam().names, GetParam().kind) {}
};
INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind,
                         ::testing::ValuesIn(cases({Kind::icmp, Kind::tcp, Kind::dns, Kind::http,
                                                    Kind::https, Kind::neighbour})),
                         name_of_case);

TEST_P(EveryKind, IsAnsweredByItsLineOnly) {
    count_at("far0");
    count_at("far1");
    serve();
    probe();
    ASSERT_TRUE(answered());
    EXPECT_EQ(figures().last_error, "");
    EXPECT_GT(figures().rtt_average, 0us);
    EXPECT_LT(figures().rtt_average, 150ms);
    EXPECT_EQ(figures().target, target());
    const std::string counts = counted();
    const auto is_zero = [&](const std::string& device) {
        const auto at = counts.find("counter " + device);
        return counts.substr(at, counts.find('}', at) - at).find("packets 0 ") != std::string::npos;
    };
    EXPECT_FALSE(is_zero("far0")) << counts;
    EXPECT_TRUE(is_zero("far1")) << counts;
}

TEST_P(EveryKind, SilenceIsLossAndCostsNothingForLong) {
    serve();
    probe();
    ASSERT_TRUE(answered());
    ASSERT_TRUE(until([&] { return figures().received + figures().lost + 2 >= figures().sent; }));
    const auto before = descriptors();
    silence();
    const bool heavy = kind_ == Kind::http || kind_ == Kind::https;
    ASSERT_TRUE(lost(heavy ? 6 : 30));
    EXPECT_EQ(figures().last_error, "");
    EXPECT_LE(descriptors(), before + 200 / 20 + 3) << "what is lost is closed";
    end_silence();
    ASSERT_TRUE(answered());
    prober_.set_plan({}, now());
    stop_serving();
    EXPECT_LE(descriptors(), before);
}

TEST_P(EveryKind, ABurstDecidesWhileRegularProbesAreSlow) {
    serve();
    auto slow = plan(target());
    probe(slow);
    ASSERT_TRUE(answered());
    slow.interval = 60s;
    slow.timeout = 2s;
    probe(slow);
    ASSERT_TRUE(until([&] { return figures().received + figures().lost >= figures().sent; }));
    silence();
    const auto begin = now();
    prober_.burst({"line0", names_.family}, begin);
    ASSERT_TRUE(lost(3));
    EXPECT_LT(now() - begin, 1500ms) << "under the timeout, on a slow machine too";
}

TEST_P(EveryKind, AnInterfaceThatIsGoneIsAnError) {
    serve();
    probe();
    ASSERT_TRUE(answered());
    run("ip link set line0 down");
    ASSERT_TRUE(lost());
    EXPECT_TRUE(until([&] { return !figures().last_error.empty(); }));
    run("ip link delete line0");
    const auto before = figures().consecutive_lost;
    EXPECT_TRUE(lost(before + 4));
    EXPECT_NE(figures().last_error, "");
}

// ---------------------------------------------------------------- those with ports

class EveryService : public EveryKind {};
INSTANTIATE_TEST_SUITE_P(Kinds, EveryService,
                         ::testing::ValuesIn(cases({Kind::tcp, Kind::dns, Kind::http})),
                         name_of_case);

TEST_P(EveryService, ThatIsNotThereRefuses) {
    auto patient = plan(target());
    patient.timeout = 10s;
    probe(patient);
    ASSERT_TRUE(lost()) << "long before the timeout";
    EXPECT_EQ(figures().last_error, "connection refused");
    serve();
    ASSERT_TRUE(answered());
    EXPECT_EQ(figures().last_error, "");
    stop_serving();
    ASSERT_TRUE(lost());
    EXPECT_EQ(figures().last_error, "connection refused");
}

TEST_P(EveryService, NeedsNoPrivileges) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct all[2]{};
    ASSERT_EQ(syscall(SYS_capget, &header, all), 0);
    serve();
    __user_cap_data_struct none[2]{all[0], all[1]};
    none[0].effective = none[1].effective = 0;
    ASSERT_EQ(syscall(SYS_capset, &header, none), 0);
    probe();
    const bool good = answered();
    EXPECT_EQ(figures().last_error, "");
    ASSERT_EQ(syscall(SYS_capset, &header, all), 0);
    EXPECT_TRUE(good);
}

TEST_P(EveryService, AForeignSourceAddressIsAnError) {
    serve();
    auto foreign = plan(target());
    foreign.source =
        core::parse_address(names_.family == Family::v4 ? "192.0.2.7" : "2001:db8::7").value();
    probe(foreign);
    ASSERT_TRUE(lost());
    EXPECT_NE(figures().last_error.find(foreign.source.to_string()), std::string::npos)
        << figures().last_error;
}

// ---------------------------------------------------------------- tcp

class Tcp : public KindLines, public ::testing::WithParamInterface<Case> {
protected:
    Tcp() : KindLines(*GetParam().names, Kind::tcp) {}
};
INSTANTIATE_TEST_SUITE_P(Kinds, Tcp, ::testing::ValuesIn(cases({Kind::tcp})), name_of_case);

TEST_P(Tcp, LeavesNothingBehind) {
    serve();
    probe();
    ASSERT_TRUE(answered(10));
    prober_.set_plan({}, now());
    ASSERT_TRUE(eventually([&] {
        tcp_->step();
        return tcp_->reset >= 10;
    }));
    EXPECT_EQ(tcp_->otherwise_ended, 0);
    const std::string states = testing::output_of("ss -Htan");
    EXPECT_EQ(states, "") << "no connection in any state";
}

TEST_P(Tcp, ALateAnswerTakesAsLongAsItTook) {
    serve();
    silence();
    auto patient = plan(target());
    patient.interval = 60s;
    patient.timeout = 4s;
    probe(patient);
    ASSERT_TRUE(until([&] { return figures().sent == 1; }));
    end_silence(); // the kernel sends the SYN again, after a second
    ASSERT_TRUE(answered(1));
    EXPECT_GT(figures().rtt_average, 900ms);
}

TEST_P(Tcp, TheRoundTripIsNotThatOfTheLoop) {
    serve();
    auto rare = plan(target());
    rare.interval = 60s;
    rare.timeout = 300ms;
    probe(rare);
    prober_.on_time(now());
    for (const auto end = now() + 400ms; now() < end;) // busy elsewhere, beyond the timeout
        poll(nullptr, 0, 10);
    prober_.on_time(now());
    EXPECT_EQ(figures().received, 1U);
    EXPECT_LT(figures().rtt_average, 200ms);
}

} // namespace
} // namespace multihomed::probe
