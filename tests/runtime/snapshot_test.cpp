// SPDX-License-Identifier: GPL-2.0-or-later
//
// The saved state: what goes in comes out, and no file whatsoever does harm.
#include "runtime/snapshot.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

namespace multihomed::runtime {
namespace {

using core::Family;
using core::State;

core::Time time(int seconds) {
    return core::Time(std::chrono::seconds(seconds));
}

Saved example() {
    Saved saved;
    saved.engine.tables = {{"charter", 1001}, {"att", 4294967295U}};
    saved.engine.lines[{"charter", Family::v4}] = {State::up, true};
    saved.engine.advertised["eth1"] = {{*core::Prefix::parse("2001:db8:1::/64"), std::nullopt},
                                       {*core::Prefix::parse("2001:db8:2::/64"),
                                        core::Time(std::chrono::milliseconds(987'654'321))}};
    saved.engine.lines[{"charter", Family::v6}] = {State::no_gateway, false};
    saved.engine.lines[{"att", Family::v4}] = {
        .state = State::down,
        .penalty = {.value = 2310.5, .at = time(7), .peak = 3000},
        .drains_since = time(9),
        .drained = true,
        .moving = true};
    saved.sysctls[{Family::v4, "eth2.5", "ignore_routes_with_linkdown"}] = {0, 1};
    saved.sysctls[{Family::v6, "eth2.5", "ignore_routes_with_linkdown"}] = {-1, 1};
    saved.sysctls[{Family::v4, "", "fib_multipath_hash_policy"}] = {0, 1};
    return saved;
}

class SnapshotFile : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "multihomed-snapshot-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
        path_ = directory_ + "/multihomed.state";
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    void write(const std::string& text) { std::ofstream(path_) << text; }
    std::string content() {
        std::ostringstream all;
        all << std::ifstream(path_).rdbuf();
        return all.str();
    }

    std::string directory_;
    std::string path_;
};

TEST_F(SnapshotFile, KeepsEverything) {
    ASSERT_TRUE(save(path_, example()));
    const auto loaded = load(path_);
    ASSERT_TRUE(loaded) << loaded.error().what;
    ASSERT_TRUE(loaded->has_value());
    EXPECT_EQ(**loaded, example());
}

TEST_F(SnapshotFile, ReplacesTheFileAndLeavesNoOther) {
    ASSERT_TRUE(save(path_, example()));
    write("what stood there before");
    std::ofstream(path_ + ".new") << "left by a daemon that was killed";
    ASSERT_TRUE(save(path_, Saved{}));
    EXPECT_EQ(**load(path_), Saved{});
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(SnapshotFile, IsNotReadableByEverybody) {
    ASSERT_TRUE(save(path_, example()));
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07, 0U);
}

TEST_F(SnapshotFile, SaysWhatFailed) {
    const std::string nowhere = directory_ + "/no/such/directory";
    const auto saved = save(nowhere, example());
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().code, ENOENT);
    EXPECT_NE(saved.error().what.find(nowhere), std::string::npos);
}

TEST_F(SnapshotFile, OldFileSurvivesAFailedSave) {
    ASSERT_TRUE(save(path_, example()));
    std::filesystem::create_directories(path_ + ".new/in/the/way");
    EXPECT_FALSE(save(path_, Saved{}));
    EXPECT_EQ(**load(path_), example());
}

TEST_F(SnapshotFile, MissingFileIsNoError) {
    const auto loaded = load(path_);
    ASSERT_TRUE(loaded);
    EXPECT_FALSE(loaded->has_value());
}

TEST_F(SnapshotFile, RefusesAnotherVersion) {
    ASSERT_TRUE(save(path_, example()));
    std::string text = content();
    const auto at = text.find("\"version\": 1");
    ASSERT_NE(at, std::string::npos);
    write(text.replace(at, 12, "\"version\": 2"));
    const auto loaded = load(path_);
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().what.find("version 2"), std::string::npos);
}

TEST_F(SnapshotFile, IgnoresFieldsOfALaterDaemon) {
    ASSERT_TRUE(save(path_, example()));
    write("{\"penalty\": {\"charter\": 3}, " + content().substr(1));
    EXPECT_EQ(**load(path_), example());
}

TEST_F(SnapshotFile, ALineOfAnEarlierDaemonHasNoPenaltyAndDrainsNothing) {
    const auto saved = decode_saved(
        R"({"version": 1, "lines": [{"uplink": "a", "family": "ipv4", "state": "up", "carried": true}]})");
    ASSERT_TRUE(saved) << saved.error().what;
    const Snapshot::LineState expected{.state = State::up, .carried = true};
    EXPECT_EQ(saved->engine.lines.at({"a", Family::v4}), expected);
}

TEST_F(SnapshotFile, RefusesEveryTruncation) {
    const std::string text = encode_saved(example());
    const std::size_t end = text.find_last_of('}');
    for (std::size_t length = 0; length < end; ++length)
        EXPECT_FALSE(decode_saved(text.substr(0, length))) << "of " << length << " bytes";
}

TEST_F(SnapshotFile, RefusesWhatTheDaemonWouldNotHaveWritten) {
    const char* const bad[] = {
        "",
        "[]",
        "null",
        "{}",
        R"({"version": 1, "tables": [{"uplink": "a/b", "table": 1001}]})",
        R"({"version": 1, "tables": [{"uplink": "a", "table": 254}]})",
        R"({"version": 1, "tables": [{"uplink": "a"}]})",
        R"({"version": 1, "lines": [{"uplink": "a", "family": "ipv5", "state": "up"}]})",
        R"({"version": 1, "lines": [{"uplink": "a", "family": "ipv4", "state": "well"}]})",
        R"({"version": 1, "lines": [{"family": "ipv4", "state": "up"}]})",
        R"({"version": 1, "lines": [{"uplink": "a", "family": "ipv4", "state": "up", "penalty": -1}]})",
        R"({"version": 1, "lines": [{"uplink": "a", "family": "ipv4", "state": "up", "penalty": "NaN"}]})",
        R"({"version": 1, "lines": [{"uplink": "a", "family": "ipv4", "state": "up", "failed_at": 1e30}]})",
        R"({"version": 1, "sysctls": [{"family": "ipv4", "interface": "..", "name": "x"}]})",
        R"({"version": 1, "sysctls": [{"family": "ipv4", "interface": "eth0", "name": "../../x"}]})",
        R"({"version": 1, "sysctls": [{"family": "", "interface": "eth0", "name": "x"}]})",
    };
    for (const char* text : bad)
        EXPECT_FALSE(decode_saved(text)) << text;
}

TEST_F(SnapshotFile, AnEndlessFileIsNotReadToItsEnd) {
    EXPECT_FALSE(load("/dev/zero"));
}

TEST_F(SnapshotFile, RandomDamageIsRefusedOrHarmless) {
    std::mt19937 random(1);
    const std::string good = encode_saved(example());
    for (int round = 0; round < 3000; ++round) {
        std::string text = good;
        for (unsigned hits = 1 + random() % 8; hits > 0; --hits)
            text[random() % text.size()] = static_cast<char>(random());
        const auto saved = decode_saved(text);
        if (!saved)
            continue;
        for (const auto& [key, hold] : saved->sysctls)
            EXPECT_EQ((key.interface + key.name).find('/'), std::string::npos);
    }
}

} // namespace
} // namespace multihomed::runtime
