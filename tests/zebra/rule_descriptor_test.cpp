// SPDX-License-Identifier: GPL-2.0-or-later
#include "rule_descriptor.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <string_view>

namespace {

mh_descriptor rule(bool is_goto, int suppress, std::uint32_t mask, std::uint32_t ingress) {
    mh_descriptor made{};
    made.kind = MH_KIND_RULE;
    made.is_goto = is_goto;
    made.has_suppress = suppress >= 0;
    made.suppress = suppress >= 0 ? static_cast<std::uint8_t>(suppress) : 0;
    made.mask = mask;
    made.ingress = ingress;
    return made;
}

mh_descriptor read(std::string_view name) {
    // exactly the bytes of the name: a read beyond them is seen by the sanitizer
    const std::string copy(name);
    return mh_descriptor_get(copy.data(), copy.size());
}

void expect_same(const mh_descriptor& a, const mh_descriptor& b) {
    EXPECT_EQ(a.kind, b.kind);
    EXPECT_EQ(a.is_goto, b.is_goto);
    EXPECT_EQ(a.has_suppress, b.has_suppress);
    EXPECT_EQ(a.suppress, b.suppress);
    EXPECT_EQ(a.mask, b.mask);
    EXPECT_EQ(a.ingress, b.ingress);
}

TEST(RuleDescriptor, RuleSurvivesTheWay) {
    for (const bool is_goto : {false, true})
        for (const int suppress : {-1, 0, 1, 32, 127, 128})
            for (const std::uint32_t mask : {0U, 1U, 0xf0U, 0x80000000U, 0xffffffffU})
                for (const std::uint32_t ingress : {0U, 1U, 64U, 4096U, 0xffffffU}) {
                    const auto before = rule(is_goto, suppress, mask, ingress);
                    std::array<char, MH_DESCRIPTOR_SIZE> name{};
                    ASSERT_TRUE(mh_descriptor_put_rule(name.data(), &before));
                    EXPECT_LT(std::string_view(name.data()).size(), name.size());
                    expect_same(before, mh_descriptor_get(name.data(), name.size()));
                }
}

TEST(RuleDescriptor, EveryMaskHasItsOwnName) {
    std::mt19937 random(7);
    for (int i = 0; i < 10'000; ++i) {
        const auto before = rule(random() % 2 != 0, static_cast<int>(random() % 130) - 1,
                                 static_cast<std::uint32_t>(random()), random() & MH_MAX_INGRESS);
        std::array<char, MH_DESCRIPTOR_SIZE> name{};
        ASSERT_TRUE(mh_descriptor_put_rule(name.data(), &before));
        expect_same(before, mh_descriptor_get(name.data(), name.size()));
    }
}

TEST(RuleDescriptor, ValuesThatDoNotFitAreRefused) {
    std::array<char, MH_DESCRIPTOR_SIZE> name{};
    const auto far = rule(false, -1, 0, MH_MAX_INGRESS + 1);
    EXPECT_FALSE(mh_descriptor_put_rule(name.data(), &far));
    EXPECT_STREQ(name.data(), "");
    const auto longer = rule(false, MH_MAX_SUPPRESS + 1, 0, 0);
    EXPECT_FALSE(mh_descriptor_put_rule(name.data(), &longer));
}

TEST(RuleDescriptor, InterfaceNamesAreNotOurs) {
    for (const char* name : {"", "eth0", "lo", "r--AAAAAAAAAA", "eth2.5", "?", "."})
        EXPECT_EQ(read(name).kind, MH_KIND_INTERFACE) << name;
}

TEST(RuleDescriptor, Signals) {
    EXPECT_EQ(read(MH_DESCRIPTOR_HELLO).kind, MH_KIND_HELLO);
    EXPECT_EQ(read(MH_DESCRIPTOR_COMPLETE).kind, MH_KIND_COMPLETE);
    EXPECT_EQ(read("/?x").kind, MH_KIND_INVALID);
    EXPECT_EQ(read("/..").kind, MH_KIND_INVALID);
}

TEST(RuleDescriptor, Answers) {
    std::array<char, MH_DESCRIPTOR_SIZE> name{};
    mh_descriptor_put_failure(name.data(), 17);
    auto answer = read(name.data());
    EXPECT_EQ(answer.kind, MH_KIND_FAILURE);
    EXPECT_EQ(answer.error, 17);

    mh_descriptor_put_module(name.data(), "0.1.0");
    EXPECT_STREQ(name.data(), "/=1 0.1.0");
    answer = read(name.data());
    EXPECT_EQ(answer.kind, MH_KIND_MODULE);
    EXPECT_EQ(answer.dialect, 1U);
    EXPECT_STREQ(answer.version, "0.1.0");

    mh_descriptor_put_module(name.data(), "1234.5678.91011-rc2");
    EXPECT_EQ(read(name.data()).kind, MH_KIND_MODULE);
}

TEST(RuleDescriptor, NonsenseIsInvalid) {
    for (const char* name : {"/",
                             "//",
                             "/r",
                             "/r--AAAAAAAAA",
                             "/r--AAAAAAAAAAA",
                             "/x--AAAAAAAAAA",
                             "/r-0AAAAAAAAAA",
                             "/r0-AAAAAAAAAA",
                             "/r81AAAAAAAAAA",
                             "/rFFAAAAAAAAAA",
                             "/r--_AAAAAAAAA",
                             "/r--AAAAA/AAAA",
                             "/!",
                             "/!x",
                             "/!17x",
                             "/!1234567890",
                             "/=",
                             "/=1",
                             "/=1 ",
                             "/=x 0.1.0",
                             "/!-1"})
        EXPECT_EQ(read(name).kind, MH_KIND_INVALID) << name;
}

TEST(RuleDescriptor, AnyTwentyBytesAreReadSafely) {
    static constexpr std::string_view likely = "/rg-?.!= 0123456789afAZ_\0";
    std::mt19937 random(11);
    for (int i = 0; i < 200'000; ++i) {
        std::string bytes(random() % 21, '\0');
        for (char& c : bytes)
            c = random() % 4 ? likely[random() % likely.size()] : static_cast<char>(random());
        const auto result = mh_descriptor_get(bytes.data(), bytes.size());
        if (result.kind != MH_KIND_RULE)
            continue;
        std::array<char, MH_DESCRIPTOR_SIZE> name{};
        ASSERT_TRUE(mh_descriptor_put_rule(name.data(), &result));
        EXPECT_EQ(std::string_view(name.data()),
                  std::string_view(bytes.data(), strnlen(bytes.data(), bytes.size())));
    }
}

} // namespace
