// SPDX-License-Identifier: GPL-2.0-or-later
//
// The zebra module's view of the kernel, against the real kernel in a namespace of the test's own.
#include "apply/netns.hpp"
#include "rule_descriptor.h"
#include "zebra_multihome_kernel.h"
#include "zebra_multihome_rules.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <random>
#include <string>
#include <vector>

namespace {

void call_directly(void (*call)(void*), void* arg) {
    call(arg);
}

mh_rule rule(std::uint8_t family, std::uint32_t priority, std::uint32_t table) {
    mh_rule made{};
    made.family = family;
    made.priority = priority;
    made.table = table;
    made.suppress = -1;
    return made;
}

mh_rule from(mh_rule made, const char* address, std::uint8_t length) {
    EXPECT_EQ(inet_pton(made.family, address, made.src), 1);
    made.src_len = length;
    return made;
}

mh_rule suppress(mh_rule made, std::int16_t length) {
    made.suppress = length;
    return made;
}

mh_rule mark(mh_rule made, std::uint32_t value, std::uint32_t mask) {
    made.mark = value;
    made.mask = mask;
    return made;
}

mh_rule jump(mh_rule made, std::uint32_t target) {
    made.table = 0;
    made.target = target;
    return made;
}

mh_rule iif(mh_rule made, const char* name) {
    strncpy(made.iif, name, sizeof(made.iif) - 1);
    return made;
}

constexpr std::uint8_t kFamilies[] = {AF_INET, AF_INET6};

/// Every shape a rule of ours can take, in one family.
std::vector<mh_rule> shapes(std::uint8_t family) {
    const char* network = family == AF_INET ? "203.0.113.0" : "2001:db8:113::";
    const std::uint8_t length = family == AF_INET ? 29 : 59;
    auto to = rule(family, 10'000, 0);
    inet_pton(family, network, to.dst);
    to.dst_len = length;
    return {
        suppress(rule(family, 10'010, 254), 0),
        from(rule(family, 10'100, 1001), network, length),
        jump(to, 10'100),
        mark(rule(family, 10'200, 1001), 0x10, 0xf0),
        mark(rule(family, 10'201, 1001), 0, 0x80000000),
        iif(from(rule(family, 10'300, 0xfffffff0), network, length), "eth2.5"),
        rule(family, 32'767, 253),
    };
}

class KernelRules : public multihomed::testing::InNamespace {
protected:
    KernelRules() { mh_kernel_init(&kernel, call_directly); }
    ~KernelRules() override { mh_kernel_close(&kernel); }

    /// How many such rules the kernel has under this protocol.
    int count(const mh_rule& wanted, int protocol = MH_RULE_PROTOCOL) {
        EXPECT_EQ(mh_kernel_list(&kernel), 0);
        int n = 0;
        for (std::size_t i = 0; i < kernel.n_found; ++i)
            n += !kernel.found[i].exotic && kernel.found[i].protocol == protocol &&
                 mh_rule_equal(&kernel.found[i].rule, &wanted);
        return n;
    }
    std::size_t total() {
        EXPECT_EQ(mh_kernel_list(&kernel), 0);
        return kernel.n_found;
    }
    int add(const mh_rule& wanted) {
        mh_kernel_forget(&kernel);
        return mh_kernel_add(&kernel, &wanted);
    }
    int remove(const mh_rule& wanted) { return mh_kernel_delete(&kernel, &wanted); }

    mh_kernel kernel{};
};

TEST_F(KernelRules, EveryShapeComesAndGoes) {
    const std::size_t before = total();
    for (const std::uint8_t family : kFamilies) {
        for (const mh_rule& wanted : shapes(family)) {
            char text[256];
            SCOPED_TRACE(mh_rule_to_text(&wanted, text, sizeof(text)));
            EXPECT_EQ(add(wanted), 0);
            EXPECT_EQ(count(wanted), 1);
            EXPECT_EQ(add(wanted), 0) << "a rule that stands is as good as added";
            EXPECT_EQ(count(wanted), 1);
        }
    }
    for (const std::uint8_t family : kFamilies) {
        for (const mh_rule& wanted : shapes(family)) {
            EXPECT_EQ(remove(wanted), 0);
            EXPECT_EQ(count(wanted), 0);
            EXPECT_EQ(remove(wanted), 0) << "a rule that is gone is as good as deleted";
        }
    }
    EXPECT_EQ(total(), before);
}

TEST_F(KernelRules, SomebodyElsesEqualRuleStays) {
    const auto wanted = from(rule(AF_INET, 10'100, 1001), "203.0.113.0", 29);
    ASSERT_EQ(system("ip rule add pref 10100 from 203.0.113.0/29 lookup 1001 protocol 50"), 0);
    const int error = add(wanted);
    // EEXIST: a kernel that does not tell rules apart by protocol
    EXPECT_TRUE(error == 0 || error == EEXIST) << error;
    EXPECT_EQ(count(wanted), error ? 0 : 1);
    EXPECT_EQ(count(wanted, 50), 1);
    EXPECT_EQ(remove(wanted), 0);
    EXPECT_EQ(count(wanted), 0);
    EXPECT_EQ(count(wanted, 50), 1);
}

TEST_F(KernelRules, WhatIsNotOursIsNeverDeleted) {
    ASSERT_EQ(system("ip rule add pref 10100 from 203.0.113.0/29 lookup 1001"), 0);
    ASSERT_EQ(system("ip rule add pref 10101 lookup 1001 protocol 11"), 0);
    const auto first = from(rule(AF_INET, 10'100, 1001), "203.0.113.0", 29);
    EXPECT_EQ(remove(first), 0);
    EXPECT_EQ(remove(rule(AF_INET, 10'100, 1001)), 0);
    EXPECT_EQ(remove(rule(AF_INET, 10'101, 1001)), 0);
    EXPECT_EQ(count(first, RTPROT_UNSPEC), 1);
    EXPECT_EQ(count(rule(AF_INET, 10'101, 1001), 11), 1);
}

TEST_F(KernelRules, ABroadRuleIsToldFromNarrowOnes) {
    const auto broad = rule(AF_INET, 10'100, 1001);
    const std::vector<mh_rule> narrow = {from(broad, "203.0.113.0", 29), suppress(broad, 0),
                                         mark(broad, 1, 1), iif(broad, "lo")};
    for (const mh_rule& one : narrow)
        ASSERT_EQ(add(one), 0);
    EXPECT_EQ(add(broad), 0);
    EXPECT_EQ(count(broad), 1);
    EXPECT_EQ(remove(broad), 0);
    EXPECT_EQ(count(broad), 0);
    for (const mh_rule& one : narrow)
        EXPECT_EQ(count(one), 1);
    EXPECT_EQ(remove(broad), 0) << "gone, and the narrow ones are not taken for it";
    for (const mh_rule& one : narrow)
        EXPECT_EQ(count(one), 1);
}

TEST_F(KernelRules, JumpsAreToldApartByTarget) {
    const auto near = jump(rule(AF_INET6, 10'000, 0), 10'100);
    const auto far = jump(rule(AF_INET6, 10'000, 0), 10'200);
    ASSERT_EQ(add(near), 0);
    EXPECT_EQ(add(far), 0);
    EXPECT_EQ(count(far), 1);
    EXPECT_EQ(remove(far), 0);
    EXPECT_EQ(count(near), 1);
    EXPECT_EQ(count(far), 0);
}

TEST_F(KernelRules, RefusalsAreReported) {
    EXPECT_EQ(add(jump(rule(AF_INET, 10'000, 0), 9'999)), EINVAL);
}

TEST_F(KernelRules, TheSocketIsReplacedWhenItFails) {
    const auto wanted = rule(AF_INET, 10'100, 1001);
    ASSERT_EQ(add(wanted), 0);
    close(kernel.fd);
    EXPECT_EQ(remove(wanted), 0);
    EXPECT_EQ(count(wanted), 0);
    close(kernel.fd);
    EXPECT_EQ(mh_kernel_list(&kernel), 0);
}

TEST_F(KernelRules, ExoticRulesAreNeverOurs) {
    ASSERT_EQ(system("ip rule add pref 10100 lookup 1001 ipproto 6 dport 80 protocol 97"), 0);
    ASSERT_EQ(system("ip rule add not pref 10101 from 10.0.0.0/8 lookup 1001 protocol 97"), 0);
    ASSERT_EQ(system("ip rule add pref 10102 tos 0x10 lookup 1001 protocol 97"), 0);
    ASSERT_EQ(system("ip rule add pref 10103 blackhole protocol 97"), 0);
    ASSERT_EQ(mh_kernel_list(&kernel), 0);
    int exotic = 0;
    for (std::size_t i = 0; i < kernel.n_found; ++i)
        exotic += kernel.found[i].protocol == MH_RULE_PROTOCOL && kernel.found[i].exotic;
    EXPECT_EQ(exotic, 4);
}

class RuleTable : public KernelRules {
protected:
    RuleTable() { mh_rules_init(&rules, &kernel); }
    ~RuleTable() override { mh_rules_free(&rules); }
    int ask(const mh_rule& one, bool another = true) {
        mh_kernel_forget(&kernel);
        return mh_rules_add(&rules, &one, 0, another);
    }

    mh_rules rules{};
    const mh_rule wanted = rule(AF_INET, 10'100, 1001);
};

TEST_F(RuleTable, TheLastUserTakesTheRuleAlong) {
    EXPECT_EQ(ask(wanted), 0);
    EXPECT_EQ(ask(wanted), 0);
    EXPECT_EQ(mh_rules_delete(&rules, &wanted, 0, 0), 0);
    EXPECT_EQ(count(wanted), 1);
    EXPECT_EQ(mh_rules_delete(&rules, &wanted, 0, 0), 0);
    EXPECT_EQ(count(wanted), 0);
    EXPECT_EQ(rules.n_entries, 0U);
}

TEST_F(RuleTable, AskingAgainIsNoSecondUser) {
    EXPECT_EQ(ask(wanted), 0);
    ASSERT_EQ(system("ip rule del pref 10100"), 0);
    EXPECT_EQ(ask(wanted, false), 0);
    EXPECT_EQ(count(wanted), 1) << "put back";
    EXPECT_EQ(mh_rules_delete(&rules, &wanted, 0, 0), 0);
    EXPECT_EQ(count(wanted), 0);
}

TEST_F(RuleTable, HeldRulesStandUntilTheirTime) {
    const auto other = rule(AF_INET6, 10'100, 1001);
    EXPECT_EQ(ask(wanted), 0);
    EXPECT_EQ(ask(other), 0);
    EXPECT_EQ(mh_rules_oldest(&rules), -1);
    mh_rules_hold(&rules, &wanted, 0, 1'000);
    mh_rules_hold(&rules, &other, 0, 2'000);
    EXPECT_EQ(mh_rules_held(&rules), 2U);
    EXPECT_EQ(mh_rules_oldest(&rules), 1'000);
    mh_rules_expire(&rules, 999, 3'000);
    EXPECT_EQ(count(wanted), 1);
    mh_rules_expire(&rules, 1'000, 3'000);
    EXPECT_EQ(count(wanted), 0);
    EXPECT_EQ(count(other), 1);
    EXPECT_EQ(ask(other), 0);
    mh_rules_expire(&rules, INT64_MAX, 3'000);
    EXPECT_EQ(count(other), 1) << "asked for again";
    EXPECT_EQ(rules.counters.expired, 1U);
    EXPECT_EQ(rules.counters.reclaimed, 1U);
}

TEST_F(RuleTable, AnInterfaceMadeAnewGivesTheRuleASecondEntry) {
    const auto named = iif(wanted, "w0");
    EXPECT_EQ(mh_rules_add(&rules, &named, 5, true), 0);
    EXPECT_STREQ(mh_rules_name_of(&rules, &wanted, 5), "w0");
    EXPECT_EQ(mh_rules_name_of(&rules, &wanted, 6), nullptr);
    EXPECT_EQ(mh_rules_add(&rules, &named, 6, true), 0);
    EXPECT_EQ(mh_rules_delete(&rules, &named, 5, 0), 0);
    EXPECT_EQ(count(named), 1);
    EXPECT_EQ(mh_rules_add(&rules, &named, 7, true), 0);
    mh_rules_hold(&rules, &named, 6, 100);
    EXPECT_EQ(mh_rules_held(&rules), 0U);
    mh_rules_hold(&rules, &named, 7, 100);
    EXPECT_EQ(mh_rules_held(&rules), 1U);
    EXPECT_EQ(mh_rules_add(&rules, &named, 8, true), 0);
    EXPECT_EQ(rules.counters.reclaimed, 1U);
    EXPECT_EQ(mh_rules_delete(&rules, &named, 8, 0), 0);
    EXPECT_EQ(count(named), 0);
    EXPECT_EQ(rules.n_entries, 0U);
}

TEST_F(RuleTable, WhatWasRefusedCanBeGivenUp) {
    const auto backwards = jump(rule(AF_INET, 10'000, 0), 9'999);
    EXPECT_EQ(ask(backwards), EINVAL);
    EXPECT_EQ(mh_rules_delete(&rules, &backwards, 0, 0), 0);
}

TEST_F(RuleTable, LeftoversAreAdoptedAndHeld) {
    ASSERT_EQ(add(wanted), 0);
    ASSERT_EQ(system("ip rule add pref 10102 tos 0x10 lookup 1001 protocol 97"), 0);
    ASSERT_EQ(system("ip rule add pref 10103 lookup 1001 protocol 11"), 0);
    EXPECT_EQ(mh_rules_adopt(&rules, 500), 0);
    EXPECT_EQ(mh_rules_held(&rules), 1U);
    const std::size_t before = total();
    mh_rules_expire(&rules, 500, 600);
    EXPECT_EQ(total(), before - 1);
}

TEST_F(RuleTable, FailuresAreCounted) {
    const auto backwards = jump(rule(AF_INET, 10'000, 0), 9'999);
    EXPECT_EQ(ask(backwards), EINVAL);
    EXPECT_EQ(rules.n_entries, 0U);
    EXPECT_EQ(rules.counters.failures, 1U);
    EXPECT_EQ(rules.counters.last_error, EINVAL);
    EXPECT_STREQ(rules.counters.last_failure, "add goto 9999 pref 10000");
}

TEST(RuleParser, AnyBytesAreReadSafely) {
    std::mt19937 random(3);
    for (int i = 0; i < 100'000; ++i) {
        std::vector<std::uint32_t> words(1 + random() % 40);
        for (auto& word : words)
            word = random() % 3 ? static_cast<std::uint32_t>(random() % 64) | 4U
                                : static_cast<std::uint32_t>(random());
        auto* message = reinterpret_cast<nlmsghdr*>(words.data());
        const std::size_t size = words.size() * sizeof(words[0]);
        if (size >= sizeof(nlmsghdr)) {
            message->nlmsg_len =
                random() % 4 ? static_cast<std::uint32_t>(size) : message->nlmsg_len;
            message->nlmsg_type = random() % 2 ? RTM_NEWRULE : RTM_DELRULE;
        }
        if (size >= NLMSG_LENGTH(sizeof(fib_rule_hdr)))
            static_cast<fib_rule_hdr*>(NLMSG_DATA(message))->family =
                random() % 2 ? AF_INET : AF_INET6;
        mh_found_rule found;
        if (size < sizeof(nlmsghdr) || !mh_rule_parse(message, size, &found))
            continue;
        char text[64];
        EXPECT_LT(std::string(mh_rule_to_text(&found.rule, text, sizeof(text))).size(),
                  sizeof(text));
        EXPECT_EQ(strnlen(found.rule.iif, IFNAMSIZ) < IFNAMSIZ, true);
    }
}

} // namespace
