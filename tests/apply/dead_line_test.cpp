// SPDX-License-Identifier: GPL-2.0-or-later
//
// What hosts inside are told about a line that is dead, in a real kernel with real packets: those
// whose address works by that line alone hear of it at once, and nobody else does.
#include "apply/nft_applier.hpp"
#include "office.hpp"
#include "plans.hpp"

#include <gtest/gtest.h>
#include <optional>

namespace multihomed::apply {
namespace {

using core::Family;
using namespace multihomed::testing;

/// The default leads out of charter, as it does until the routes have moved.
class DeadLine : public InNamespace, public ::testing::WithParamInterface<const Names4Or6*> {
protected:
    void SetUp() override {
        InNamespace::SetUp();
        if (IsSkipped())
            return;
        office_.emplace();
        apply();
    }
    void apply() {
        const auto applied = applier_.apply(plan_);
        ASSERT_TRUE(applied) << applied.error().what;
    }
    void declare_dead(bool dead) {
        plan_.lines[1].dead[family()] = dead;
        apply();
    }
    Family family() const { return GetParam()->family; }
    const char* server() const { return GetParam()->server; }
    Endpoint listening(std::uint16_t port) const {
        Endpoint made(office_->internet, SOCK_STREAM, server(), port);
        made.listen();
        return made;
    }
    Endpoint host(int type, const char* source) const { return {office_->inside, type, source, 0}; }
    /// A datagram from `source` and its echo.
    bool echoed(const char* source) const {
        const Endpoint echoing(office_->internet, SOCK_DGRAM, server(), 9);
        const Endpoint asking = host(SOCK_DGRAM, source);
        return asking.connect(server(), 9) == 0 && asking.send('a') == 0 && echoing.echo() &&
               asking.receive() == 'a';
    }
    /// The line's table as it is without carrier: its own packets have no route out.
    void take_its_route() const {
        const std::string ip = family() == Family::v4 ? "ip -4" : "ip -6";
        run(ip + " route del default table 1010; " + ip +
            " route add unreachable default table 1010");
    }
    int told() const { return family() == Family::v4 ? EHOSTUNREACH : EACCES; }

    std::optional<Office> office_;
    core::NatPlan plan_ = two_translating_lines();
    NftablesNatApplier applier_{always()};
};

INSTANTIATE_TEST_SUITE_P(Families, DeadLine, ::testing::Values(&kNames4, &kNames6),
                         [](const auto& names) {
                             return names.param->family == Family::v4 ? "ipv4" : "ipv6";
                         });

TEST_P(DeadLine, NewConnectionsFromItsAddressesAreRefused) {
    const Endpoint serving = listening(80);
    EXPECT_EQ(host(SOCK_STREAM, GetParam()->charter).connect(server(), 80), 0);
    declare_dead(true);
    EXPECT_EQ(host(SOCK_STREAM, GetParam()->charter).connect(server(), 80), ECONNREFUSED);
}

TEST_P(DeadLine, ConnectionsThatStandAreReset) {
    const Endpoint serving = listening(80);
    const Endpoint client = host(SOCK_STREAM, GetParam()->charter);
    ASSERT_EQ(client.connect(server(), 80), 0);
    const Endpoint accepted = serving.accept();
    ASSERT_EQ(client.send('a'), 0);
    ASSERT_EQ(accepted.receive(), 'a');
    declare_dead(true);
    ASSERT_EQ(client.send('b'), 0);
    EXPECT_EQ(client.receive(), -ECONNRESET);
    EXPECT_EQ(accepted.receive(50), -ETIMEDOUT) << "nothing went out";
}

TEST_P(DeadLine, DatagramsFromItsAddressesAreAnsweredWithAnError) {
    EXPECT_TRUE(echoed(GetParam()->charter));
    declare_dead(true);
    const Endpoint heard(office_->internet, SOCK_DGRAM, server(), 10);
    const Endpoint asking = host(SOCK_DGRAM, GetParam()->charter);
    ASSERT_EQ(asking.connect(server(), 10), 0);
    ASSERT_EQ(asking.send('a'), 0);
    EXPECT_EQ(asking.receive(), -told()) << "an ordinary socket is told";
    EXPECT_EQ(heard.receive(50), -ETIMEDOUT) << "nothing went out";
}

TEST_P(DeadLine, WithoutARouteConnectionsAreRefusedAndReset) {
    const Endpoint serving = listening(80);
    const Endpoint client = host(SOCK_STREAM, GetParam()->charter);
    ASSERT_EQ(client.connect(server(), 80), 0);
    take_its_route();
    declare_dead(true);
    EXPECT_EQ(host(SOCK_STREAM, GetParam()->charter).connect(server(), 80), ECONNREFUSED);
    ASSERT_EQ(client.send('b'), 0);
    EXPECT_EQ(client.receive(), -ECONNRESET);
    const Endpoint asking = host(SOCK_DGRAM, GetParam()->charter);
    ASSERT_EQ(asking.connect(server(), 10), 0);
    ASSERT_EQ(asking.send('a'), 0);
    EXPECT_EQ(asking.receive(), -told());
}

TEST_P(DeadLine, WithoutARouteWhatNeedsNoLineGoesOn) {
    take_its_route();
    declare_dead(true);
    const bool v4 = family() == Family::v4;
    office_->inside.run_inside(std::string("ping -n -c 1 -W 3 -I ") + GetParam()->charter + " " +
                               (v4 ? "10.1.2.1" : "fd00::1") + " > /dev/null");
    const Endpoint from_outside = Endpoint(office_->internet, SOCK_DGRAM, server(), 0);
    EXPECT_TRUE(echoed(GetParam()->att));
    const Endpoint listener(office_->inside, SOCK_DGRAM, GetParam()->charter, 7777);
    ASSERT_EQ(from_outside.connect(GetParam()->charter, 7777), 0);
    ASSERT_EQ(from_outside.send('x'), 0);
    EXPECT_EQ(listener.receive(), 'x') << "what comes in by it";
}

TEST_P(DeadLine, OthersAreNotTold) {
    const Endpoint serving = listening(80);
    declare_dead(true);
    EXPECT_TRUE(echoed(GetParam()->att));
    EXPECT_EQ(host(SOCK_STREAM, GetParam()->att).connect(server(), 80), 0);
    const Family other = family() == Family::v4 ? Family::v6 : Family::v4;
    const Names4Or6& names = other == Family::v4 ? kNames4 : kNames6;
    const Endpoint echoing(office_->internet, SOCK_DGRAM, names.server, 9);
    const Endpoint asking = host(SOCK_DGRAM, names.charter);
    ASSERT_EQ(asking.connect(names.server, 9), 0);
    ASSERT_EQ(asking.send('a'), 0);
    ASSERT_TRUE(echoing.echo());
    EXPECT_EQ(asking.receive(), 'a') << "the line is dead in one family only";
}

TEST_P(DeadLine, TranslatedFlowsAreNotTold) {
    const Endpoint echoing(office_->internet, SOCK_DGRAM, server(), 9);
    const Endpoint begun = host(SOCK_DGRAM, GetParam()->inside);
    ASSERT_EQ(begun.connect(server(), 9), 0);
    const auto works = [&] {
        return begun.send('a') == 0 && echoing.echo() && begun.receive() == 'a';
    };
    EXPECT_TRUE(works());
    declare_dead(true);
    EXPECT_TRUE(works()) << "one that stands";
    const Endpoint serving = listening(80);
    EXPECT_EQ(host(SOCK_STREAM, GetParam()->inside).connect(server(), 80), 0) << "a new one";
}

TEST_P(DeadLine, FlowsThatAnotherProgramTranslatesAreNotTold) {
    const bool v4 = family() == Family::v4;
    run(std::string("nft 'add table inet own; add chain inet own n { type nat hook postrouting "
                    "priority 90; }; add rule inet own n oifname eth2.5 udp dport 9 snat ") +
        (v4 ? "ip to 192.0.2.50'" : "ip6 to 2001:db8:c:ff::2'"));
    const Endpoint echoing(office_->internet, SOCK_DGRAM, server(), 9);
    const Endpoint begun = host(SOCK_DGRAM, GetParam()->charter);
    ASSERT_EQ(begun.connect(server(), 9), 0);
    for (const bool dead : {false, true}) {
        declare_dead(dead);
        ASSERT_EQ(begun.send('a'), 0);
        ASSERT_TRUE(echoing.echo());
        EXPECT_EQ(begun.receive(), 'a');
    }
}

TEST_P(DeadLine, InsideAddressesThatAreNotTranslatedAreTold) {
    plan_.lines[1].nat[family()] = core::Nat{};
    plan_.lines[1].sources[family()].push_back(
        prefix(GetParam()->inside + std::string(family() == Family::v4 ? "/32" : "/128")));
    declare_dead(true);
    const Endpoint serving = listening(80);
    EXPECT_EQ(host(SOCK_STREAM, GetParam()->inside).connect(server(), 80), ECONNREFUSED);
}

TEST_P(DeadLine, TheRoutersOwnProbesPass) {
    declare_dead(true);
    run(std::string("ping -n -c 2 -i 0.01 -W 3 -I eth2.5 ") + server() + " > /dev/null");
}

TEST_P(DeadLine, WhatComesInByItPasses) {
    declare_dead(true);
    const Endpoint open(office_->inside, SOCK_DGRAM, GetParam()->charter, 7777);
    const Endpoint caller(office_->internet, SOCK_DGRAM, server(), 0);
    ASSERT_EQ(caller.connect(GetParam()->charter, 7777), 0);
    ASSERT_EQ(caller.send('x'), 0);
    EXPECT_EQ(open.receive(), 'x');
}

TEST_P(DeadLine, OthersFiltersDoNotMatter) {
    run("nft 'add table inet firewall; add chain inet firewall f { type filter hook forward "
        "priority 0; policy drop; }; add rule inet firewall f tcp dport 80 accept'");
    const Endpoint serving = listening(80);
    declare_dead(true);
    EXPECT_EQ(host(SOCK_STREAM, GetParam()->charter).connect(server(), 80), ECONNREFUSED)
        << "accepted there is not accepted here";
}

TEST_P(DeadLine, ALineThatLivesAgainWorksAgainAndItsRulesAreTheSame) {
    const auto rules = [] {
        return output_of("nft -as list table inet multihome | grep -E 'table|chain|reject|vmap'");
    };
    const std::string before = rules();
    declare_dead(true);
    declare_dead(false);
    EXPECT_TRUE(echoed(GetParam()->charter));
    EXPECT_EQ(rules(), before);
    const auto intact = applier_.verify();
    EXPECT_TRUE(intact && *intact);
}

} // namespace
} // namespace multihomed::apply
