// SPDX-License-Identifier: GPL-2.0-or-later
//
// The table in a real kernel, in a network namespace of the test's own: what packets see of it,
// what survives a change, and what is noticed when somebody else has his hands in it.
#include "apply/nft_applier.hpp"

#include "netns.hpp"
#include "plans.hpp"
#include "wire.hpp"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

namespace multihomed::apply {
namespace {

using core::Family;
using namespace multihomed::testing;

/// The table's content; the order of elements in a listing is an accident of how they came in.
std::string table() {
    return output_of("nft -s list table inet multihome | tr ',{}' '\\n' | tr -d '\\t ' | sort");
}
std::string table_handle() {
    return output_of("nft -a list table inet multihome | head -1");
}

class NftApplier : public InNamespace {
protected:
    void apply(const core::NatPlan& plan) {
        const auto applied = applier_.apply(plan);
        ASSERT_TRUE(applied) << applied.error().what;
    }
    bool verified() {
        const auto result = applier_.verify();
        EXPECT_TRUE(result) << result.error().what;
        return result && *result;
    }
    std::uint64_t dropped(const std::string& uplink, Family family) {
        const auto counts = applier_.counters();
        EXPECT_TRUE(counts) << counts.error().what;
        for (const GuardCount& count : *counts)
            if (count.uplink == uplink && count.family == family)
                return count.packets;
        ADD_FAILURE() << "no counter for " << uplink;
        return 0;
    }

    NftablesNatApplier applier_{always()};
};

/// Two lines with names as VLANs have them, and one host that has every source address in question.
class NftApplierPackets : public NftApplier {
protected:
    void SetUp() override {
        NftApplier::SetUp();
        if (IsSkipped())
            return;
        charter_ = std::make_unique<Wire>("eth2.5", "isp5", 10);
        att_ = std::make_unique<Wire>("eth2.4", "isp4", 20);
        for (const char* source : {"10.1.2.3", "192.0.2.50", "198.51.100.58", "203.0.113.200"})
            run(std::string("ip addr add ") + source + "/32 dev lo");
        for (const char* source : {"fd00::3", "2001:db8:c::3", "2001:db8:a::3", "2001:db8:bad::3"})
            run(std::string("ip addr add ") + source + "/128 dev lo nodad");
    }

    std::unique_ptr<Wire> charter_;
    std::unique_ptr<Wire> att_;
};

/// Keeps more descriptors open than select() can take.
class ManyDescriptors {
public:
    ManyDescriptors() {
        getrlimit(RLIMIT_NOFILE, &before_);
        rlimit limit{.rlim_cur = kMany + 100, .rlim_max = std::max(before_.rlim_max, kMany + 100)};
        setrlimit(RLIMIT_NOFILE, &limit);
        while (fds_.empty() || fds_.back() < static_cast<int>(kMany)) {
            const int fd = dup(STDERR_FILENO);
            if (fd < 0)
                break;
            fds_.push_back(fd);
        }
    }
    ~ManyDescriptors() {
        for (const int fd : fds_)
            close(fd);
        setrlimit(RLIMIT_NOFILE, &before_);
    }
    ManyDescriptors(const ManyDescriptors&) = delete;
    ManyDescriptors& operator=(const ManyDescriptors&) = delete;

    bool made() const { return fds_.back() >= static_cast<int>(kMany); }

private:
    static constexpr rlim_t kMany = FD_SETSIZE + 10;
    rlimit before_{};
    std::vector<int> fds_;
};

TEST_F(NftApplier, MarksComeGoAndChangeWithTheirLines) {
    core::NatPlan plan = two_lines();
    apply(plan);
    plan.mark_mask = 0x3f000000;
    plan.lines[0].mark = 0x03000000;
    plan.lines[1].mark = 0x01000000;
    apply(plan);
    EXPECT_TRUE(verified());
    EXPECT_NE(table().find("ctmark&0x02000000!=0x00000000metamarksetmetamark|0x02000000"),
              std::string::npos)
        << table();
    const std::string handle = table_handle();
    plan.lines[0].mark = 0x02000000;
    apply(plan);
    EXPECT_TRUE(verified());
    EXPECT_EQ(table_handle(), handle) << "the rules stay";
    plan.mark_mask = 0xfc00;
    plan.lines[0].mark = 0x0400;
    plan.lines[1].mark = 0x0800;
    apply(plan);
    EXPECT_TRUE(verified());
    EXPECT_EQ(table().find("0x02000000"), std::string::npos);
    apply(two_lines());
    EXPECT_EQ(table().find("ctmark"), std::string::npos);
    EXPECT_EQ(table().find("metamark"), std::string::npos);
}

// libnftables would end the process if its socket were opened after all those.
TEST_F(NftApplier, WorksBesideMoreDescriptorsThanSelectTakes) {
    applier_.open();
    const ManyDescriptors many;
    ASSERT_TRUE(many.made());
    apply(two_lines());
    EXPECT_TRUE(verified());
}

TEST_F(NftApplierPackets, TranslateInternalSourcesByOutgoingInterface) {
    apply(two_lines());
    charter_->send("10.1.2.3", 'a');
    EXPECT_EQ(charter_->heard(), "192.0.2.50 a");
    att_->send("10.1.2.3", 'b');
    const std::string pooled = att_->heard();
    EXPECT_GE(pooled, "198.51.100.57 b");
    EXPECT_LE(pooled, "198.51.100.60 b");
    run("ip addr add 2001:db8:a::1/64 dev eth2.4 nodad");
    att_->send("fd00::3", 'c');
    EXPECT_EQ(att_->heard(), "2001:db8:a::1 c");
}

TEST_F(NftApplierPackets, LeaveOwnSourcesOfTheLineAlone) {
    core::NatPlan plan = two_lines();
    plan.lines[1].nat[Family::v4] = source_nat("192.0.2.51", "192.0.2.51");
    apply(plan);
    charter_->send("192.0.2.50", 'a');
    EXPECT_EQ(charter_->heard(), "192.0.2.50 a");
    charter_->send("2001:db8:c::3", 'b');
    EXPECT_EQ(charter_->heard(), "2001:db8:c::3 b");
}

TEST_F(NftApplierPackets, GuardDropsForeignSourcesAndCountsThemByLineAndFamily) {
    apply(two_lines());
    charter_->send("203.0.113.200", 'x');
    charter_->send("198.51.100.58", 'x');
    charter_->send("2001:db8:a::3", 'x');
    charter_->send("fd00::3", 'x'); // internal, but this line translates no IPv6
    att_->send("2001:db8:bad::3", 'x');
    charter_->send("10.1.2.3", 'a');
    EXPECT_EQ(charter_->heard(), "192.0.2.50 a") << "nothing may have come before it";
    att_->send("2001:db8:a::3", 'b');
    EXPECT_EQ(att_->heard(), "2001:db8:a::3 b") << "nothing may have come before it";
    EXPECT_EQ(dropped("charter", Family::v4), 2U);
    EXPECT_EQ(dropped("charter", Family::v6), 2U);
    EXPECT_EQ(dropped("att", Family::v4), 0U);
    EXPECT_EQ(dropped("att", Family::v6), 1U);
}

TEST_F(NftApplierPackets, GuardDropsWhatLeavesALineWithoutAnyPrefix) {
    core::NatPlan plan = two_lines();
    plan.lines[1] = line("charter", "eth2.5");
    apply(plan);
    charter_->send("10.1.2.3", 'x');
    charter_->send("2001:db8:c::3", 'x');
    EXPECT_EQ(dropped("charter", Family::v4), 1U);
    EXPECT_EQ(dropped("charter", Family::v6), 1U);
}

TEST_F(NftApplierPackets, GuardLetsLinkLocalSourcesPass) {
    apply(two_lines());
    run("ip addr add fe80::77/64 dev eth2.5 nodad");
    charter_->send("fe80::77", 'a');
    EXPECT_EQ(charter_->heard(), "fe80::77 a");
    EXPECT_EQ(dropped("charter", Family::v6), 0U);
}

TEST_F(NftApplier, GuardLetsDhcpClientsAskForAnAddress) {
    const Wire bare("eth2.5", "isp5", 10);
    apply(two_lines());
    bare.broadcast('a');
    EXPECT_EQ(bare.heard(), "0.0.0.0 a");
    EXPECT_EQ(dropped("charter", Family::v4), 0U);
}

TEST_F(NftApplierPackets, GuardMindsLinesOnly) {
    const Wire lan("lan", "host", 30);
    apply(two_lines());
    lan.send("203.0.113.200", 'a');
    EXPECT_EQ(lan.heard(), "203.0.113.200 a");
}

TEST_F(NftApplierPackets, CountersSurviveChangesAndASecondLife) {
    apply(two_lines());
    charter_->send("203.0.113.200", 'x');
    att_->send("203.0.113.200", 'x');
    core::NatPlan plan = two_lines();
    plan.lines[1].nat[Family::v4] = source_nat("192.0.2.51", "192.0.2.51");
    apply(plan);
    EXPECT_EQ(dropped("charter", Family::v4), 1U) << "after a change";
    NftablesNatApplier second(always());
    ASSERT_TRUE(second.apply(plan));
    EXPECT_EQ(dropped("charter", Family::v4), 1U) << "after a takeover";
    plan.lines.pop_back();
    ASSERT_TRUE(second.apply(plan));
    const auto counts = second.counters();
    ASSERT_TRUE(counts);
    ASSERT_EQ(counts->size(), 2U) << "a removed uplink's counters are gone";
    EXPECT_EQ((*counts)[0], (GuardCount{"att", Family::v4, 1, (*counts)[0].bytes}));
    EXPECT_GT((*counts)[0].bytes, 0U);
}

TEST_F(NftApplier, AppliedVerifiesAndRemovedVerifies) {
    EXPECT_FALSE(verified()) << "nothing was applied yet";
    apply(two_lines());
    EXPECT_TRUE(verified());
    ASSERT_TRUE(applier_.remove());
    EXPECT_TRUE(verified());
    EXPECT_EQ(output_of("nft list ruleset"), "");
    const auto counts = applier_.counters();
    ASSERT_TRUE(counts) << counts.error().what;
    EXPECT_TRUE(counts->empty());
    ASSERT_TRUE(applier_.remove()) << "nothing to remove is fine";
    run("nft add table inet multihome");
    EXPECT_FALSE(verified()) << "somebody made one";
}

TEST_F(NftApplier, ResultDoesNotDependOnTheWayThere) {
    apply(two_lines());
    const std::string direct = table();
    core::NatPlan other = many_lines(20);
    other.internal[Family::v4] = prefixes({"0.0.0.0/0"});
    other.internal[Family::v6] = prefixes({"::/0"});
    apply(other);
    EXPECT_NE(table(), direct);
    apply({});
    EXPECT_TRUE(verified());
    other.internal[Family::v4] = prefixes({"10.1.0.0/16", "10.2.0.0/16", "172.16.0.0/12"});
    apply(other);
    apply(two_lines());
    EXPECT_EQ(table(), direct);
}

TEST_F(NftApplier, SameAgainIsNoTransaction) {
    apply(two_lines());
    NftMonitor monitor(always());
    ASSERT_TRUE(monitor.open());
    const std::string handles = output_of("nft -a list table inet multihome");
    apply(two_lines());
    EXPECT_EQ(output_of("nft -a list table inet multihome"), handles);
    char nothing = 0;
    EXPECT_EQ(recv(monitor.fd(), &nothing, 1, MSG_DONTWAIT | MSG_PEEK), -1) << "was told of one";
}

TEST_F(NftApplier, NoticesAndMendsWhatOthersDid) {
    apply(two_lines());
    const std::string intact = table();
    const std::vector<std::string> deeds{
        "nft delete table inet multihome",
        "nft flush chain inet multihome guard",
        "nft add element inet multihome sources_v4 '{ \"eth2.5\" . 0.0.0.0/0 }'",
        "nft delete element inet multihome snat_v4 '{ \"eth2.5\" : 192.0.2.50 }'",
        "nft add rule inet multihome nat accept",
        "nft 'add chain inet multihome evil { type filter hook forward priority 0; policy drop; }'",
        "nft add counter inet multihome guard_ghost_v4",
        "nft 'delete table inet multihome; add table inet multihome; "
        "add set inet multihome snat_v4 { type ipv4_addr; }'",
    };
    for (const std::string& deed : deeds) {
        EXPECT_TRUE(verified());
        run(deed);
        EXPECT_FALSE(verified()) << deed;
        apply(two_lines());
        EXPECT_EQ(table(), intact) << deed;
    }
}

TEST_F(NftApplier, TouchesNoOtherTable) {
    run("nft 'add table ip multihome; add chain ip multihome c { type nat hook postrouting "
        "priority 100; }; add rule ip multihome c masquerade; add table inet other; "
        "add counter inet other guard_x_v4'");
    const std::string before = output_of("nft -a list ruleset");
    apply(two_lines());
    apply(many_lines(3));
    const auto counts = applier_.counters();
    ASSERT_TRUE(counts);
    EXPECT_EQ(counts->size(), 6U) << "other tables' counters are not ours";
    ASSERT_TRUE(applier_.remove());
    EXPECT_EQ(output_of("nft -a list ruleset"), before);
}

TEST_F(NftApplier, TakesOddInterfaceNames) {
    core::NatPlan plan = two_lines();
    plan.lines.clear();
    const std::vector<std::string> names{"eth0.100", "a@b",      "-",    "123",
                                         "x$y",      "\xc3\xa9", "wg_0", "{a;}",
                                         "#no",      "a,b",      "drop", "fifteen-letters"};
    for (const std::string& name : names) {
        core::LineNat made = line("u" + std::to_string(plan.lines.size()), name);
        made.nat[Family::v4] = source_nat("192.0.2.1", "192.0.2.1");
        made.nat[Family::v6] = source_nat("2001:db8::1", "2001:db8::9");
        made.sources[Family::v4] = prefixes({"192.0.2.0/24", "0.0.0.0/1"});
        made.sources[Family::v6] = prefixes({"::/0"});
        plan.lines.push_back(made);
    }
    apply(plan);
    EXPECT_TRUE(verified());
    const std::string listing = output_of("nft list map inet multihome snat_v4");
    for (const std::string& name : names)
        EXPECT_NE(listing.find("\"" + name + "\""), std::string::npos) << name;
    const Wire odd("x$y", "far", 10);
    run("ip addr add 10.1.2.3/32 dev lo");
    odd.send("10.1.2.3", 'a');
    EXPECT_EQ(odd.heard(), "192.0.2.1 a");
}

TEST_F(NftApplier, TakesOddUplinkNames) {
    core::NatPlan plan;
    const std::vector<std::string> names{"-", ".", "0", "a.b-c_d", "a_v4", std::string(32, 'x')};
    for (const std::string& name : names)
        plan.lines.push_back(line(name, "wan" + std::to_string(plan.lines.size())));
    apply(plan);
    const auto counts = applier_.counters();
    ASSERT_TRUE(counts);
    ASSERT_EQ(counts->size(), 2 * names.size());
    for (std::size_t i = 0; i < names.size(); ++i)
        EXPECT_EQ((*counts)[2 * i].uplink, names[i]);
}

TEST_F(NftApplier, ManyLinesVerifyEveryTime) {
    apply(many_lines(512));
    for (int i = 0; i < 5; ++i)
        EXPECT_TRUE(verified());
    core::NatPlan plan = many_lines(512);
    plan.lines[100].nat[Family::v4] = source_nat("192.0.2.7", "192.0.2.7");
    plan.lines[7].sources[Family::v6] = prefixes({"2001:db8:7777::/48"});
    apply(plan);
    EXPECT_TRUE(verified());
    const std::string updated = table();
    NftablesNatApplier fresh(always());
    ASSERT_TRUE(fresh.apply(plan));
    EXPECT_TRUE(table() == updated);
}

/// A plan of up to eight lines drawn from few names, addresses and prefixes, so that successive
/// plans share much and differ in everything a plan can differ in.
core::NatPlan random_plan(std::mt19937& random) {
    const auto draw = [&](unsigned int n) { return static_cast<unsigned int>(random() % n); };
    const auto some = [&](const std::vector<std::string>& from) {
        std::vector<std::string> kept;
        for (const std::string& text : from)
            if (draw(2) == 0)
                kept.push_back(text);
        return prefixes(kept);
    };
    const std::vector<std::string> v4{"10.0.0.0/8",  "10.0.0.0/16", "10.0.0.0/15", "10.1.0.0/16",
                                      "10.1.2.3/32", "0.0.0.0/0",   "9.0.0.0/8",   "11.0.0.0/8"};
    const std::vector<std::string> v6{"2001:db8::/32", "2001:db8::/48", "2001:db8::1/128",
                                      "2001:db8:1::/48", "::/0"};
    core::NatPlan plan;
    plan.internal[Family::v4] = some(v4);
    plan.internal[Family::v6] = some(v6);
    for (unsigned int i = 0; i < 8; ++i) {
        if (draw(3) == 0)
            continue;
        core::LineNat made = line("u" + std::to_string((i + draw(2)) % 9), "w" + std::to_string(i));
        if (std::ranges::any_of(plan.lines, [&](const auto& o) { return o.uplink == made.uplink; }))
            continue;
        const std::string last = std::to_string(2 + draw(3));
        const std::array<core::Nat, 4> nat4{core::Nat{}, masquerade(),
                                            source_nat("192.0.2.2", "192.0.2.2"),
                                            source_nat("192.0.2.2", "192.0.2." + last)};
        const std::array<core::Nat, 4> nat6{core::Nat{}, masquerade(),
                                            source_nat("2001:db8::2", "2001:db8::2"),
                                            source_nat("2001:db8::2", "2001:db8::" + last)};
        made.nat[Family::v4] = nat4[draw(4)];
        made.nat[Family::v6] = nat6[draw(4)];
        made.sources[Family::v4] = some(v4);
        made.sources[Family::v6] = some(v6);
        plan.lines.push_back(made);
    }
    return plan;
}

TEST_F(NftApplier, EveryUpdateEndsWhereANewTableWouldBegin) {
    std::mt19937 random(20); // NOLINT: the same walk every time
    for (int step = 0; step < 25; ++step) {
        const core::NatPlan plan = random_plan(random);
        apply(plan);
        ASSERT_TRUE(verified());
        const std::string updated = table();
        const std::string handle = table_handle();
        NftablesNatApplier fresh(always());
        ASSERT_TRUE(fresh.apply(plan));
        ASSERT_EQ(table(), updated) << "step " << step;
        ASSERT_NE(table_handle(), handle);
        ASSERT_FALSE(verified()) << "the other one has made it anew";
        apply(plan);
    }
}

TEST_F(NftApplier, ChangesKeepTheTableAndItsRules) {
    apply(two_lines());
    const auto handles = [] {
        return output_of("nft -as list table inet multihome | grep -E 'table|chain|snat|drop'");
    };
    const std::string before = handles();
    core::NatPlan plan = two_lines();
    plan.lines[0].uplink = "telco";
    plan.lines[1].nat[Family::v4] = masquerade();
    plan.lines.push_back(line("third", "ppp0"));
    apply(plan);
    EXPECT_EQ(handles(), before);
    EXPECT_TRUE(verified());
}

TEST_F(NftApplier, OthersChurnDoesNotMakeOursLookChanged) {
    apply(two_lines());
    for (int i = 0; i < 3; ++i) {
        run("nft add table inet other" + std::to_string(i));
        EXPECT_TRUE(verified());
    }
    const std::string handle = table_handle();
    core::NatPlan plan = two_lines();
    plan.lines.pop_back();
    apply(plan);
    EXPECT_EQ(table_handle(), handle) << "was made anew";
}

/// Root without capabilities, as the daemon is between two calls; privileged() has them back.
class LoweredPrivileges {
public:
    LoweredPrivileges() { EXPECT_EQ(seteuid(65534), 0); }
    ~LoweredPrivileges() { EXPECT_EQ(seteuid(0), 0); }
    static core::Privileged privileged() {
        return [](const std::function<void()>& call) {
            ASSERT_EQ(seteuid(0), 0);
            call();
            ASSERT_EQ(seteuid(65534), 0);
        };
    }
};

TEST_F(NftApplier, ErrorsCarryTheKernelsWords) {
    const LoweredPrivileges lowered;
    NftablesNatApplier powerless(always()); // "always raised" is a lie here
    const auto applied = powerless.apply(two_lines());
    ASSERT_FALSE(applied);
    EXPECT_NE(applied.error().what.find("Operation not permitted"), std::string::npos)
        << applied.error().what;
    EXPECT_NE(applied.error().what.find("inet multihome"), std::string::npos);
    EXPECT_FALSE(powerless.remove());
    EXPECT_FALSE(powerless.counters());
    NftMonitor monitor(always());
    EXPECT_FALSE(monitor.open());
}

TEST_F(NftApplier, NeedsPrivilegesOnlyInsideTheCallback) {
    const LoweredPrivileges lowered;
    NftablesNatApplier applier(LoweredPrivileges::privileged());
    NftMonitor monitor(LoweredPrivileges::privileged());
    ASSERT_TRUE(monitor.open());
    const auto applied = applier.apply(two_lines());
    ASSERT_TRUE(applied) << applied.error().what;
    EXPECT_FALSE(monitor.on_readable());
    const auto intact = applier.verify();
    ASSERT_TRUE(intact) << intact.error().what;
    EXPECT_TRUE(*intact);
    EXPECT_TRUE(applier.counters());
    EXPECT_TRUE(applier.remove());
}

TEST_F(NftApplier, MonitorTellsOthersDeedsFromOurOwn) {
    NftMonitor monitor(always());
    EXPECT_EQ(monitor.fd(), -1);
    ASSERT_TRUE(monitor.open());
    EXPECT_FALSE(monitor.on_readable()) << "nothing happened";
    apply(two_lines());
    apply(many_lines(3));
    EXPECT_FALSE(monitor.on_readable()) << "it was us";
    run("nft 'add table inet other; add table ip multihome; add set inet other s { type ifname; }; "
        "add element inet other s { \"multihome\" }'");
    EXPECT_FALSE(monitor.on_readable()) << "another table";
    run("nft add element inet multihome lines '{ \"lan\" }'");
    EXPECT_TRUE(monitor.on_readable());
    EXPECT_FALSE(monitor.on_readable()) << "told once";
    run("nft delete table inet multihome");
    apply(two_lines());
    EXPECT_TRUE(monitor.on_readable()) << "theirs is not hidden by ours that follows";
}

TEST_F(NftApplier, MonitorKnowsOurOwnDeedsInAContainer) {
    const int status = status_in_pid_namespace([] {
        NftMonitor monitor(always());
        NftablesNatApplier applier(always());
        if (!monitor.open() || !applier.apply(two_lines()))
            return 1;
        return monitor.on_readable() ? 2 : 0;
    });
    EXPECT_EQ(status, 0) << "2: our own change looked foreign";
}

TEST_F(NftApplier, MonitorSaysMaybeWhenNotificationsWereLost) {
    NftMonitor monitor(always());
    ASSERT_TRUE(monitor.open());
    const int tiny = 2048;
    ASSERT_EQ(setsockopt(monitor.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &tiny, sizeof tiny), 0);
    for (int i = 0; i < 20; ++i)
        run("nft add table inet other" + std::to_string(i));
    EXPECT_TRUE(monitor.on_readable());
    EXPECT_FALSE(monitor.on_readable());
}

} // namespace
} // namespace multihomed::apply
