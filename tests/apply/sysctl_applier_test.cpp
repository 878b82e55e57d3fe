// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sysctls of real interfaces in a network namespace, and what a fake tree can show that a real one
// cannot.
#include "apply/sysctl_applier.hpp"

#include "netns.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace multihomed::apply {
namespace {

using core::Family;
using core::Sysctl;
using namespace multihomed::testing;

constexpr const char* kName = "ignore_routes_with_linkdown";

Sysctl wanted(Family family, const std::string& interface, int value) {
    return {family, interface, kName, value};
}

class Sysctls : public InNamespace {
protected:
    void SetUp() override {
        InNamespace::SetUp();
        if (!IsSkipped())
            run("ip link add eth2.5 type veth peer name far");
    }
    static std::string value(const std::string& family, const std::string& interface) {
        std::ifstream file("/proc/sys/net/" + family + "/conf/" + interface + "/" + kName);
        std::string text = "absent";
        file >> text;
        return text;
    }
    static void set(const std::string& family, const std::string& interface, int to) {
        std::ofstream file("/proc/sys/net/" + family + "/conf/" + interface + "/" + kName);
        ASSERT_TRUE(file << to << std::flush);
    }
    void apply(const std::vector<Sysctl>& sysctls) {
        const auto applied = applier_.apply(sysctls);
        ASSERT_TRUE(applied) << applied.error().what;
    }

    const Sysctl four_ = wanted(Family::v4, "eth2.5", 1);
    const Sysctl six_ = wanted(Family::v6, "eth2.5", 1);
    const SysctlKey four_key_{Family::v4, "eth2.5", kName};
    ProcSysctlApplier applier_{always()};
};

TEST_F(Sysctls, SetWhileWantedAndPutBackAfterwards) {
    set("ipv6", "eth2.5", 1);
    apply({four_, six_});
    EXPECT_EQ(value("ipv4", "eth2.5"), "1");
    EXPECT_EQ(value("ipv6", "eth2.5"), "1");
    EXPECT_EQ(value("ipv4", "far"), "0");
    EXPECT_EQ(applier_.originals().at(four_key_), (SysctlHold{0, 1}));
    apply({six_});
    EXPECT_EQ(value("ipv4", "eth2.5"), "0");
    ASSERT_TRUE(applier_.release());
    EXPECT_EQ(value("ipv6", "eth2.5"), "1") << "it was 1 before us";
    EXPECT_TRUE(applier_.originals().empty());
}

TEST_F(Sysctls, FirstOriginalIsRememberedOverChanges) {
    apply({four_});
    apply({four_});
    set("ipv4", "eth2.5", 0);
    EXPECT_EQ(applier_.missing({four_, six_}), (std::vector<Sysctl>{four_, six_}));
    apply({four_});
    EXPECT_EQ(value("ipv4", "eth2.5"), "1") << "set again";
    EXPECT_EQ(applier_.missing({four_}), std::vector<Sysctl>{});
    ASSERT_TRUE(applier_.release());
    EXPECT_EQ(value("ipv4", "eth2.5"), "0");
}

TEST_F(Sysctls, ValueOfSomebodyElseStays) {
    set("ipv4", "eth2.5", 1);
    apply({wanted(Family::v4, "eth2.5", 0)});
    set("ipv4", "eth2.5", 1);
    apply({});
    EXPECT_EQ(value("ipv4", "eth2.5"), "1");
    EXPECT_TRUE(applier_.originals().empty());
}

TEST_F(Sysctls, SecondLifeAdoptsTheFirstOnesHolds) {
    apply({four_, six_});
    ProcSysctlApplier second(always());
    second.adopt(applier_.originals());
    ASSERT_TRUE(second.apply({six_}));
    EXPECT_EQ(value("ipv4", "eth2.5"), "0") << "no longer wanted";
    EXPECT_EQ(second.originals().size(), 1U);
    ASSERT_TRUE(second.release());
    EXPECT_EQ(value("ipv6", "eth2.5"), "0");
}

TEST_F(Sysctls, AdoptionDoesNotOverwriteWhatThisLifeKnows) {
    apply({four_});
    applier_.adopt({{four_key_, {7, 8}}});
    EXPECT_EQ(applier_.originals().at(four_key_), (SysctlHold{0, 1}));
}

TEST_F(Sysctls, VanishedInterfaceNeedsNothing) {
    apply({four_, six_});
    run("ip link del eth2.5");
    EXPECT_EQ(applier_.missing({four_, six_}), std::vector<Sysctl>{});
    apply({four_, six_});
    EXPECT_TRUE(applier_.originals().empty());
    run("ip link add eth2.5 type veth peer name far");
    apply({four_});
    EXPECT_EQ(value("ipv4", "eth2.5"), "1") << "it came back";
    run("ip link del eth2.5");
    ASSERT_TRUE(applier_.release());
    EXPECT_TRUE(applier_.originals().empty());
}

TEST_F(Sysctls, OfTheNamespaceAreSetAndPutBack) {
    const auto text_of = [](const std::string& path) {
        std::ifstream file("/proc/sys/net/" + path);
        std::string text = "absent";
        file >> text;
        return text;
    };
    const std::string fields = text_of("ipv4/fib_multipath_hash_fields");
    for (const Family family : core::kFamilies) {
        const std::string directory = core::to_string(family) + std::string("/");
        apply({{family, "", "fib_multipath_hash_fields", 1},
               {family, "", "fib_multipath_hash_policy", 3},
               four_});
        EXPECT_EQ(text_of(directory + "fib_multipath_hash_fields"), "1");
        EXPECT_EQ(text_of(directory + "fib_multipath_hash_policy"), "3");
        EXPECT_EQ(applier_.originals().at({family, "", "fib_multipath_hash_policy"}),
                  (SysctlHold{0, 3}));
        apply({{family, "", "fib_multipath_hash_policy", 1}, four_});
        EXPECT_EQ(text_of(directory + "fib_multipath_hash_fields"), fields);
        EXPECT_EQ(text_of(directory + "fib_multipath_hash_policy"), "1");
        apply({four_});
        EXPECT_EQ(text_of(directory + "fib_multipath_hash_policy"), "0");
    }
    const auto unknown = applier_.apply({{Family::v4, "", "no_such_thing", 1}});
    ASSERT_FALSE(unknown);
    EXPECT_NE(unknown.error().what.find("ipv4/no_such_thing"), std::string::npos)
        << unknown.error().what;
}

TEST_F(Sysctls, RefusesWhatIsNoInterfaceOrNoSysctlAndDoesTheRest) {
    const auto applied = applier_.apply({wanted(Family::v4, "all", 1),
                                         wanted(Family::v4, "../lo", 1),
                                         {Family::v4, "eth2.5", "no_such_thing", 1},
                                         {Family::v4, "eth2.5", "../eth2.5/forwarding", 1},
                                         four_});
    ASSERT_FALSE(applied);
    for (const char* named : {"/all/", "../lo", "no_such_thing", "../eth2.5/forwarding"})
        EXPECT_NE(applied.error().what.find(named), std::string::npos) << applied.error().what;
    EXPECT_EQ(value("ipv4", "all"), "0");
    EXPECT_EQ(value("ipv4", "eth2.5"), "1");
    EXPECT_EQ(applier_.originals().size(), 1U);
}

TEST_F(Sysctls, RefusedByTheKernelIsNotHeld) {
    const auto applied = applier_.apply({{Family::v6, "eth2.5", "addr_gen_mode", 99}});
    ASSERT_FALSE(applied);
    EXPECT_NE(applied.error().what.find("addr_gen_mode to 99: Invalid argument"), std::string::npos)
        << applied.error().what;
    EXPECT_TRUE(applier_.originals().empty());
}

TEST_F(Sysctls, NeedPrivilegesOnlyInsideTheCallback) {
    ASSERT_EQ(seteuid(65534), 0);
    ProcSysctlApplier powerless(always());
    const auto refused = powerless.apply({four_});
    ProcSysctlApplier lowered([](const std::function<void()>& call) {
        ASSERT_EQ(seteuid(0), 0);
        call();
        ASSERT_EQ(seteuid(65534), 0);
    });
    const auto applied = lowered.apply({four_});
    const auto missing = lowered.missing({four_, six_});
    ASSERT_EQ(seteuid(0), 0);
    EXPECT_FALSE(refused);
    EXPECT_TRUE(applied);
    EXPECT_EQ(missing, std::vector<Sysctl>{six_});
}

} // namespace
} // namespace multihomed::apply
