// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the counters of lines make known, look after look.
#include "runtime/evidence.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace multihomed::test {
namespace {

using namespace std::chrono_literals;
using core::Family;
using core::LineTraffic;
using Told = std::vector<std::string>;

class FakeReader final : public apply::LineTrafficReader {
public:
    core::Result<std::vector<LineTraffic>> read() override { return samples; }

    core::Result<std::vector<LineTraffic>> samples{std::vector<LineTraffic>()};
};

class EvidenceOf : public testing::Test {
protected:
    runtime::Evidence::Tell tell(const char* what) {
        return [this, what](const core::ProbeKey& line, core::Time) {
            told_.push_back(line.uplink + " " + what);
        };
    }
    Told look(std::vector<LineTraffic> samples) {
        reader_.samples = std::move(samples);
        evidence_.look({}, now_ += 20ms);
        return std::exchange(told_, {});
    }
    static LineTraffic line(const std::string& uplink, std::uint64_t in, std::uint64_t guarded) {
        return {{uplink, Family::v4}, 0, in, guarded};
    }

    Told told_;
    Told log_;
    core::Time now_{};
    FakeReader reader_;
    runtime::Evidence evidence_{
        reader_,
        {.silent = tell("silent"), .answered = tell("answered"), .guarded = tell("guarded")},
        [this](runtime::Level, const std::string& text) { log_.push_back(text); }};
};

TEST_F(EvidenceOf, WhatWasBeforeTheFirstLookTellsNothing) {
    EXPECT_EQ(look({line("att", 7, 9)}), Told{});
    EXPECT_EQ(look({line("att", 7, 9), line("charter", 7, 9)}), Told{});
}

TEST_F(EvidenceOf, ACounterThatHasMovedIsTold) {
    look({line("att", 7, 9), line("charter", 1, 1)});
    EXPECT_EQ(look({line("att", 8, 9), line("charter", 1, 2)}),
              (Told{"att answered", "charter guarded"}));
    EXPECT_EQ(look({line("att", 8, 9), line("charter", 1, 2)}), Told{});
}

TEST_F(EvidenceOf, ANewCounterBeginsAnew) {
    look({line("att", 7, 9)});
    EXPECT_EQ(look({line("att", 0, 0)}), Told{});
    EXPECT_EQ(look({line("att", 0, 1)}), Told{"att guarded"});
}

TEST_F(EvidenceOf, AFailureIsLoggedOnceAndHidesNothing) {
    look({line("att", 7, 9)});
    reader_.samples = core::Error{4, "interrupted"};
    evidence_.look({}, now_ += 20ms);
    evidence_.look({}, now_ += 20ms);
    EXPECT_EQ(log_, Told{"reading the traffic of lines: interrupted"});
    EXPECT_EQ(look({line("att", 7, 10)}), Told{"att guarded"});
}

} // namespace
} // namespace multihomed::test
