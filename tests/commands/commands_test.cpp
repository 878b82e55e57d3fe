// SPDX-License-Identifier: GPL-2.0-or-later
//
// The daemon's C API: what is taken, refused, printed and put in force, and that no word does harm.
#include "commands/fake_daemon.hpp"
#include "commands/reader.hpp"
#include "core/config_text.hpp"
#include "runtime/status.hpp"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

namespace multihomed::test {
namespace {

using core::Config;
using core::Family;

class Commands : public testing::Test {
protected:
    std::string running() {
        Printed config;
        mh_config_write(config.out());
        return config.text();
    }

    FakeDaemon daemon;
    Printed printed;
};

TEST_F(Commands, ARefusalSaysWhyAndChangesNothing) {
    ASSERT_TRUE(mh_config_router(true, printed.out()));
    ASSERT_TRUE(mh_config_uplink("charter", true, printed.out()));
    EXPECT_EQ(printed.text(), "");
    const Config before = daemon.config();
    const int changes = daemon.changes;
    EXPECT_FALSE(
        mh_config_uplink_source("charter", MH_IPV4, "198.51.100.50/29", true, printed.out()));
    EXPECT_EQ(printed.take(), "% 198.51.100.50/29 has host bits; the prefix is 198.51.100.48/29\n");
    EXPECT_FALSE(mh_config_uplink(std::string(300, 'a').c_str(), true, printed.out()));
    EXPECT_EQ(printed.take(), "% an uplink's name has 1 to 32 characters\n");
    EXPECT_FALSE(mh_config_uplink_number("charter", MH_WEIGHT, 4294967297, printed.out()));
    EXPECT_EQ(printed.take(), "% 4294967297 is no number for this\n");
    EXPECT_FALSE(mh_config_uplink_number("charter", MH_WEIGHT, -2, printed.out()));
    EXPECT_EQ(daemon.config(), before);
    EXPECT_EQ(daemon.changes, changes);
}

TEST_F(Commands, AThousandUplinksMeetTheLimit) {
    mh_config_router(true, printed.out());
    int taken = 0;
    for (int i = 0; i < 1000; ++i)
        taken += mh_config_uplink(("u" + std::to_string(i)).c_str(), true, printed.out()) ? 1 : 0;
    EXPECT_EQ(taken, static_cast<int>(core::kMaxUplinks));
    EXPECT_NE(printed.text().find("% there are 512 uplinks already, the limit\n"),
              std::string::npos);
}

TEST_F(Commands, AFileIsInForceAtItsEndAndNotBefore) {
    mh_config_begin();
    mh_config_router(true, printed.out());
    mh_config_uplink("charter", true, printed.out());
    daemon.end_turn();
    EXPECT_FALSE(daemon.engine().config().enabled);
    mh_config_uplink("att", true, printed.out());
    mh_config_end();
    EXPECT_EQ(daemon.engine().config().uplinks.size(), 2U);
}

TEST_F(Commands, WithoutADaemonEverythingIsRefused) {
    use(nullptr);
    EXPECT_FALSE(mh_config_router(true, printed.out()));
    EXPECT_EQ(printed.take(), "% multihomed is not ready yet\n");
    EXPECT_FALSE(mh_show_status(false, printed.out()));
    EXPECT_FALSE(mh_config_write(printed.out()));
    EXPECT_EQ(mh_debug_get(), 0U);
    mh_config_begin();
    mh_config_end();
    mh_debug_set(MH_DEBUG_ALL, true);
    use(&daemon);
}

TEST_F(Commands, ThereIsNothingToWriteWithoutAConfiguration) {
    EXPECT_FALSE(mh_config_write(printed.out()));
    mh_config_router(true, printed.out());
    EXPECT_EQ(running(), "router multihome\nexit\n!\n");
    mh_config_router(false, printed.out());
    EXPECT_EQ(running(), "");
}

TEST_F(Commands, NamesForCompletion) {
    mh_config_router(true, printed.out());
    for (const char* name : {"zeta", "alpha"})
        mh_config_uplink(name, true, printed.out());
    std::vector<std::string> names;
    mh_uplink_names(
        [](void* to, const char* name) {
            static_cast<std::vector<std::string>*>(to)->emplace_back(name);
        },
        &names);
    EXPECT_EQ(names, (std::vector<std::string>{"zeta", "alpha"}));
}

TEST_F(Commands, DebugByKind) {
    mh_debug_set(MH_DEBUG_PROBE, true);
    EXPECT_EQ(mh_debug_get(), unsigned{MH_DEBUG_PROBE});
    mh_debug_set(MH_DEBUG_ALL, true);
    mh_debug_set(MH_DEBUG_ZEBRA, false);
    EXPECT_EQ(mh_debug_get(), MH_DEBUG_ALL - unsigned{MH_DEBUG_ZEBRA});
    EXPECT_FALSE(daemon.debug().zebra);
    EXPECT_TRUE(daemon.debug().kernel);
}

/// The office, running.
class Operation : public Commands {
protected:
    void SetUp() override {
        daemon.config() = office_config();
        daemon.end_turn();
        for (const char* uplink : {"charter", "att"})
            daemon.world.answer(uplink);
        daemon.world.pass(std::chrono::seconds(1));
        daemon.world.news();
    }
};

TEST_F(Operation, EveryShowIsTextAndJson) {
    using Show = std::function<bool(bool)>;
    const std::vector<Show> shows{
        [&](bool json) { return mh_show_status(json, printed.out()); },
        [&](bool json) { return mh_show_uplinks(nullptr, json, printed.out()); },
        [&](bool json) { return mh_show_uplinks("att", json, printed.out()); },
        [&](bool json) { return mh_show_rules(json, printed.out()); },
        [&](bool json) { return mh_show_routes(json, printed.out()); },
        [&](bool json) { return mh_show_nat(json, printed.out()); },
        [&](bool json) { return mh_show_conntrack(nullptr, 0, json, printed.out()); },
        [&](bool json) { return mh_show_conntrack("att", 5, json, printed.out()); }};
    for (const Show& show : shows) {
        EXPECT_TRUE(show(false));
        const std::string text = printed.take();
        EXPECT_TRUE(text.ends_with("\n"));
        EXPECT_FALSE(text.starts_with("{"));
        EXPECT_TRUE(show(true));
        const std::string json = printed.take();
        EXPECT_TRUE(json.starts_with("{") && json.ends_with("}\n")) << json;
    }
}

TEST_F(Operation, AnUnknownUplinkIsRefusedAsTextOrJson) {
    EXPECT_FALSE(mh_show_uplinks("b\"ell", false, printed.out()));
    EXPECT_EQ(printed.take(), "% there is no uplink 'b\"ell'\n");
    EXPECT_FALSE(mh_show_uplinks("b\"ell\xff", true, printed.out()));
    status::Refusal refusal;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(printed.take(), &refusal).ok());
    EXPECT_EQ(refusal.error(), "there is no uplink 'b\"ell\xef\xbf\xbd'");
    EXPECT_FALSE(mh_clear_uplink("bell", printed.out()));
    EXPECT_FALSE(mh_clear_conntrack("bell", printed.out()));
    EXPECT_FALSE(mh_show_conntrack("bell", 1, false, printed.out()));
    EXPECT_TRUE(daemon.restarted.empty());
}

TEST_F(Operation, ClearRestartsALine) {
    EXPECT_TRUE(mh_clear_uplink("att", printed.out()));
    EXPECT_EQ(daemon.restarted, std::vector<std::string>{"att"});
}

TEST_F(Operation, ClearedCountersBeginAtZero) {
    daemon.world.nat.counts = {{"charter", Family::v4, 7, 700}};
    mh_show_nat(false, printed.out());
    EXPECT_NE(printed.take().find("dropped   7 packets"), std::string::npos);
    EXPECT_TRUE(mh_clear_counters(printed.out()));
    daemon.world.nat.counts[0].packets = 9;
    mh_show_nat(false, printed.out());
    EXPECT_NE(printed.take().find("dropped   2 packets"), std::string::npos);
    daemon.world.nat.fault = "no";
    EXPECT_FALSE(mh_clear_counters(printed.out()));
    EXPECT_EQ(printed.take(), "% no\n");
}

TEST_F(Operation, ClearConntrackForgetsThatLinesFlowsOnly) {
    EXPECT_TRUE(mh_clear_conntrack("att", printed.out()));
    EXPECT_EQ(printed.take(), "The translated flows of uplink att are being forgotten\n");
    daemon.world.turn();
    EXPECT_EQ(daemon.world.news(), Journal{"forget 203.0.113.57"});
    mh_show_uplinks("att", false, printed.out());
    EXPECT_NE(printed.take().find(" in 1.5 ms: by command"), std::string::npos);
}

TEST_F(Operation, ClearConntrackThatFailsIsInTheLog) {
    daemon.world.flows.fault = "Operation not permitted";
    EXPECT_TRUE(mh_clear_conntrack("att", printed.out()));
    daemon.world.turn();
    EXPECT_NE(
        std::ranges::find(daemon.world.log,
                          "flows of att ipv4 translated to 203.0.113.57: Operation not permitted"),
        daemon.world.log.end());
    EXPECT_TRUE(daemon.world.reconciler().settled());
}

// --- generated configurations ---

class Generator {
public:
    explicit Generator(unsigned seed) : random_(seed) {}

    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
    bool maybe() { return below(2) == 0; }
    std::int64_t between(std::int64_t least, std::int64_t most) {
        return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
    }
    std::string one_of(const std::vector<std::string>& list) {
        return list[below(static_cast<unsigned>(list.size()))];
    }
    std::string v4() {
        return "198.51." + std::to_string(below(256)) + "." + std::to_string(1 + below(254));
    }
    std::string v6() {
        return "2001:db8:" + std::to_string(below(10000)) + "::" + std::to_string(1 + below(9999));
    }
    std::string v4_prefix() {
        return core::Prefix(ip(v4()), static_cast<std::uint8_t>(16 + below(17))).to_string();
    }
    std::string v6_prefix() {
        return core::Prefix(ip(v6()), static_cast<std::uint8_t>(33 + below(96))).to_string();
    }
    /// Words that mean something to the commands, and words that do not.
    std::string word() {
        switch (below(9)) {
        case 0:
            return v4();
        case 1:
            return v6();
        case 2:
            return v4_prefix();
        case 3:
            return v6_prefix();
        case 4:
            return v4() + "/" + std::to_string(below(40));
        case 5:
            return std::to_string(between(-10, 70000));
        case 6:
            return one_of({"keep", "withdraw", "masquerade", "none", "source", "u1", "eth0", "lo"});
        case 7:
            return std::string(below(400), static_cast<char>('a' + below(26)));
        default: {
            std::string bytes(below(20), ' ');
            for (char& byte : bytes)
                byte = static_cast<char>(1 + below(255));
            return bytes;
        }
        }
    }

private:
    std::mt19937 random_;
};

/// Types one command with whatever words; what it answers is of no interest here.
void type_anything(Generator& any, const mh_out* out) {
    const std::string name = any.maybe() ? any.one_of({"u1", "u2", "u3"}) : any.word();
    const std::string first = any.word();
    const std::string second = any.word();
    const char* const uplink = name.c_str();
    const mh_family family = any.maybe() ? MH_IPV4 : MH_IPV6;
    const std::int64_t number =
        any.below(4) ? any.between(0, 70000) : any.between(INT64_MIN, INT64_MAX);
    switch (any.below(21)) {
    case 0:
        mh_config_router(any.below(40) != 0, out);
        break;
    case 1:
        mh_config_internal(first.c_str(), any.maybe(), out);
        break;
    case 2:
        mh_config_table_base(number, out);
        break;
    case 3:
        mh_config_rule_priority(number, out);
        break;
    case 4:
        mh_config_last_resort(any.maybe() ? first.c_str() : nullptr, out);
        break;
    case 5:
    case 6:
        mh_config_uplink(uplink, any.below(8) != 0, out);
        break;
    case 7:
        mh_config_uplink_interface(uplink, any.below(5) ? first.c_str() : nullptr, out);
        break;
    case 8:
        mh_config_uplink_description(uplink, any.below(5) ? first.c_str() : nullptr, out);
        break;
    case 9:
        mh_config_uplink_shutdown(uplink, any.maybe(), out);
        break;
    case 10:
        mh_config_uplink_number(uplink, static_cast<mh_number>(any.below(3)), number, out);
        break;
    case 11:
        mh_config_uplink_gateway(uplink, family, any.below(5) ? first.c_str() : nullptr,
                                 any.maybe(), out);
        if (any.maybe())
            mh_config_uplink_gateway_auto(uplink, family, any.maybe() ? number : MH_DEFAULT, out);
        break;
    case 12:
        mh_config_uplink_nat(uplink, family,
                             any.below(5) ? any.one_of({"source", "none", first}).c_str() : nullptr,
                             first.c_str(), any.maybe() ? second.c_str() : nullptr, out);
        break;
    case 13:
        mh_config_uplink_prefix_nat(uplink, MH_IPV6,
                                    any.below(9) ? any.one_of({"auto", first}).c_str() : nullptr,
                                    any.maybe() ? second.c_str() : nullptr, any.below(4) != 0, out);
        mh_config_uplink_source(uplink, family, first.c_str(), any.below(4) != 0, out);
        mh_config_uplink_delegation(uplink, any.below(4) != 0, any.maybe() ? number : MH_DEFAULT,
                                    out);
        break;
    case 14:
        mh_config_flow_affinity(
            any.maybe(), any.maybe() ? any.one_of({"0xff00", "255", first}).c_str() : nullptr, out);
        break;
    case 15:
        mh_config_knob(any.maybe() ? MH_OF_PROFILE : MH_OF_UPLINK, any.maybe() ? "fast" : uplink,
                       static_cast<mh_knob>(any.below(16)), number, out);
        break;
    case 16:
        mh_config_profile(any.maybe() ? "fast" : first.c_str(), any.below(4) != 0, out);
        mh_config_uplink_profile(uplink, any.maybe() ? "fast" : second.c_str(), out);
        break;
    case 17:
        mh_config_announce_while(any.one_of({"any", "usable", "up", first}).c_str(), out);
        mh_config_announce_number(static_cast<mh_announce_number>(any.below(3)), number, out);
        mh_config_announce_quality(out);
        mh_config_learn(any.maybe() ? any.one_of({"ospf", "static", first}).c_str() : nullptr,
                        any.maybe() ? second.c_str() : nullptr, any.below(4) != 0, out);
        mh_config_uplink_gateway_router(uplink, family,
                                        any.one_of({"10.0.0.2", "fd00::2", first}).c_str(), out);
        mh_config_load_sharing(any.one_of({"per-flow", "per-source", first}).c_str(), out);
        mh_config_failback(any.one_of({"drain", "now", "never", first}).c_str(),
                           any.maybe() ? number : MH_DEFAULT, out);
        mh_config_failback_class(any.one_of({"udp", "tcp", "esp", first}).c_str(),
                                 any.maybe() ? number : MH_DEFAULT, any.below(3) != 0, out);
        break;
    case 18:
        mh_config_uplink_standby(uplink, any.maybe(), out);
        mh_config_uplink_bfd(uplink, any.maybe(), any.maybe() ? first.c_str() : nullptr, out);
        break;
    case 19: {
        const std::string ifname = any.one_of({"eth1", "eth2", first});
        mh_config_advertise(ifname.c_str(), any.below(4) != 0, out);
        mh_config_advertise_number(ifname.c_str(), static_cast<mh_advertise_number>(any.below(8)),
                                   any.maybe() ? number : MH_DEFAULT, out);
        mh_config_advertise_flag(ifname.c_str(), static_cast<mh_advertise_flag>(any.below(4)),
                                 any.maybe(), out);
        mh_config_advertise_preference(ifname.c_str(), any.one_of({"low", "high", first}).c_str(),
                                       out);
        mh_config_advertise_rdnss(ifname.c_str(), any.one_of({"fd00::53", second}).c_str(),
                                  any.maybe() ? uplink : nullptr, any.below(4) != 0, out);
        mh_config_advertise_dnssl(ifname.c_str(), any.one_of({"example.org", second}).c_str(),
                                  any.below(4) != 0, out);
        break;
    }
    default: {
        const std::string kind =
            any.one_of({"icmp", "tcp", "dns", "http", "https", "arp", "nd", first});
        const auto maybe_number = [&] { return any.maybe() ? number : MH_DEFAULT; };
        const mh_target target{.kind = kind.c_str(),
                               .address = any.maybe() ? first.c_str() : nullptr,
                               .port = maybe_number(),
                               .name = any.maybe() ? second.c_str() : nullptr,
                               .path = any.maybe() ? first.c_str() : nullptr,
                               .status = maybe_number(),
                               .interval = maybe_number()};
        mh_config_uplink_probe(uplink, &target, any.below(4) != 0, out);
        break;
    }
    }
}

TEST_F(Commands, WhateverIsTypedTheConfigurationReadsBackEqual) {
    std::size_t uplinks = 0;
    for (unsigned seed = 0; seed < 300; ++seed) {
        Generator any(seed);
        mh_config_router(false, printed.out());
        mh_config_router(true, printed.out());
        for (int i = 0; i < 300; ++i)
            type_anything(any, printed.out());
        mh_config_router(true, printed.out());
        const Config typed = daemon.config();
        uplinks += typed.uplinks.size();
        const std::string text = running();
        mh_config_router(false, printed.out());
        ASSERT_EQ(read_config(text), "") << "seed " << seed << "\n" << text;
        ASSERT_EQ(daemon.config(), typed) << "seed " << seed << "\n" << text;
        ASSERT_EQ(running(), text);
        // typing all of it again changes nothing
        ASSERT_EQ(read_config(text), "");
        ASSERT_EQ(daemon.config(), typed) << "seed " << seed;
        const std::string messages = printed.take();
        for (const char c : messages)
            ASSERT_TRUE(static_cast<unsigned char>(c) >= ' ' || c == '\n') << messages;
    }
    EXPECT_GT(uplinks, 300U) << "the generator must get somewhere";
}

TEST_F(Commands, WhateverIsConfiguredCanBeDecidedAndShown) {
    for (unsigned seed = 0; seed < 40; ++seed) {
        Generator any(1000 + seed);
        mh_config_router(true, printed.out());
        for (int i = 0; i < 200; ++i)
            type_anything(any, printed.out());
        daemon.end_turn();
        printed.take();
        for (const bool json : {false, true}) {
            EXPECT_TRUE(mh_show_status(json, printed.out()));
            EXPECT_TRUE(mh_show_uplinks(nullptr, json, printed.out()));
            EXPECT_TRUE(mh_show_rules(json, printed.out()));
            EXPECT_TRUE(mh_show_routes(json, printed.out()));
            EXPECT_TRUE(mh_show_nat(json, printed.out()));
            EXPECT_TRUE(mh_show_conntrack(nullptr, 0, json, printed.out()));
        }
    }
}

} // namespace
} // namespace multihomed::test
