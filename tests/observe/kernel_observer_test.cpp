// SPDX-License-Identifier: GPL-2.0-or-later
//
// KernelObserver against the real kernel, in namespaces of the test. Every scenario ends with the
// same question: is what was followed event by event equal to what a fresh observer reads?
#include "observe/kernel_observer.hpp"

#include "core/config.hpp"
#include "observe/peer_namespace.hpp"

#include <gtest/gtest.h>

#include <linux/rtnetlink.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>

namespace multihomed::observe {
namespace {

using core::Family;
using core::NeighbourState;
using testing::output_of;
using testing::run;

constexpr std::uint32_t kLine0 = 10;
constexpr std::uint32_t kLine1 = 30;

core::Address address(const char* text) {
    return core::parse_address(text).value();
}

/// Two lines with both families; their far ends are in the same namespace unless moved.
class Observer : public testing::InNamespace {
protected:
    void SetUp() override {
        InNamespace::SetUp();
        if (IsSkipped())
            return;
        run("ip link add line0 index 10 type veth peer name far0 index 20");
        run("ip link add line1 index 30 type veth peer name far1 index 40");
        run("for i in line0 far0 line1 far1; do ip link set $i up; done");
        run("ip address add 192.0.2.1/24 dev line0; ip address add 198.51.100.1/24 dev line1");
        run("ip address add 2001:db8::1/64 dev line0 nodad");
        run("ip address add 2001:db8:1::1/64 dev line1 nodad");
        ASSERT_TRUE(observer_.open());
        ASSERT_TRUE(observer_.set_interest({1001, 1002}, {}));
        ASSERT_TRUE(observer_.resync(seen_));
    }

    /// Lets the observer work until the condition holds; false after five seconds.
    bool eventually(const std::function<bool()>& condition) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        while (!condition()) {
            pollfd entry{observer_.fd(), POLLIN, 0};
            if (std::chrono::steady_clock::now() > limit || poll(&entry, 1, 5000) < 0)
                return false;
            if (entry.revents != 0)
                changes_ |= observer_.on_readable(seen_);
        }
        return true;
    }
    /// Works until nothing is left to do.
    void catch_up() {
        pollfd entry{observer_.fd(), POLLIN, 0};
        while (poll(&entry, 1, 0) > 0)
            changes_ |= observer_.on_readable(seen_);
    }
    /// What was followed equals what is there, as soon as all news has arrived.
    void expect_truth() {
        KernelObserver fresh;
        ASSERT_TRUE(fresh.open());
        ASSERT_TRUE(fresh.set_interest({1001, 1002}, gateways_));
        core::Observation truth;
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        do {
            catch_up();
            ASSERT_TRUE(fresh.resync(truth));
        } while (!agrees_with(truth) && std::chrono::steady_clock::now() < limit);
        EXPECT_EQ(seen_.routes, truth.routes);
        EXPECT_EQ(seen_.rules, truth.rules);
        EXPECT_EQ(seen_.neighbours, truth.neighbours);
        EXPECT_EQ(settled(seen_.interfaces), settled(truth.interfaces));
    }
    bool agrees_with(const core::Observation& truth) const {
        return seen_.routes == truth.routes && seen_.rules == truth.rules &&
               seen_.neighbours == truth.neighbours &&
               settled(seen_.interfaces) == settled(truth.interfaces);
    }
    /// Without what the kernel does not announce (tentative link-local addresses), in one order.
    static std::map<std::string, core::Interface>
    settled(std::map<std::string, core::Interface> interfaces) {
        for (auto& [name, interface] : interfaces) {
            std::erase_if(interface.addresses, [](const auto& a) { return a.tentative; });
            std::ranges::sort(interface.addresses, {}, &core::InterfaceAddress::address);
        }
        return interfaces;
    }

    void follow(std::set<core::NeighbourKey> gateways) {
        gateways_ = gateways;
        ASSERT_TRUE(observer_.set_interest({1001, 1002}, std::move(gateways)));
        catch_up();
    }
    const core::Interface& link(const char* name) { return seen_.interfaces.at(name); }
    NeighbourState neighbour(const core::NeighbourKey& key) { return seen_.neighbours.at(key); }

    /// "gateway dev ifindex[ linkdown], ..." of the routes of a table; "-" for none in a route
    std::vector<std::string> routes(Family family, std::uint32_t table) {
        std::vector<std::string> found;
        for (const core::KernelRoute& route : seen_.routes) {
            if (route.table != table || route.destination.family() != family)
                continue;
            std::string text;
            for (const core::KernelNexthop& nexthop : route.nexthops) {
                text += text.empty() ? "" : ", ";
                text += nexthop.gateway ? nexthop.gateway->to_string() : "link";
                text += " dev " + std::to_string(nexthop.ifindex);
                text += nexthop.weight != 1 ? " weight " + std::to_string(nexthop.weight) : "";
                text += nexthop.linkdown ? " linkdown" : "";
            }
            found.push_back(text.empty() ? "-" : text);
        }
        return found;
    }
    using Texts = std::vector<std::string>;

    core::Observation seen_;
    KernelObserver observer_{testing::always()};
    std::set<core::NeighbourKey> gateways_;
    Changes changes_;
};

// ---------------------------------------------------------------- interfaces and addresses

TEST_F(Observer, ReadsWhatIsThere) {
    EXPECT_TRUE(link("line0").up);
    EXPECT_TRUE(link("line0").carrier);
    EXPECT_EQ(link("line0").index, kLine0);
    EXPECT_TRUE(link("lo").loopback);
    EXPECT_EQ(link("line0").addresses.at(0),
              (core::InterfaceAddress{address("192.0.2.1"), 24, {}, false, false}));
    EXPECT_EQ(seen_.rules.size(), 5U) << "local, main, default; local and main of IPv6";
}

TEST_F(Observer, CarrierIsNewsAtOnce) {
    run("ip link set far0 down");
    ASSERT_TRUE(eventually([&] { return changes_.links; }));
    EXPECT_FALSE(link("line0").carrier);
    EXPECT_TRUE(link("line0").up);
    run("ip link set far0 up");
    ASSERT_TRUE(eventually([&] { return link("line0").carrier; }));
    expect_truth();
}

TEST_F(Observer, InterfacesComeGoAndChangeTheirNames) {
    run("ip link add spare0 type veth peer name spare1; ip address add 203.0.113.1/29 dev spare0");
    ASSERT_TRUE(eventually([&] { return seen_.interfaces.contains("spare0"); }));
    run("ip link set spare0 name cable0");
    ASSERT_TRUE(eventually([&] { return seen_.interfaces.contains("cable0"); }));
    EXPECT_FALSE(seen_.interfaces.contains("spare0"));
    EXPECT_EQ(link("cable0").addresses.size(), 1U);
    run("ip link add br0 type bridge; ip link set cable0 master br0; ip link set cable0 nomaster");
    catch_up();
    EXPECT_TRUE(seen_.interfaces.contains("cable0")) << "it left a bridge, not the world";
    run("ip link delete cable0");
    ASSERT_TRUE(eventually([&] { return !seen_.interfaces.contains("cable0"); }));
    expect_truth();
}

TEST_F(Observer, AddressesAreFollowed) {
    run("ip address add 203.0.113.9 peer 203.0.113.10 dev line0");
    run("ip address add 2001:db8:9::1/64 dev line0");
    run("ip address delete 192.0.2.1/24 dev line0");
    ASSERT_TRUE(eventually([&] { return changes_.addresses; }));
    catch_up();
    const auto& addresses = link("line0").addresses;
    EXPECT_FALSE(std::ranges::any_of(
        addresses, [](const auto& a) { return a.address == address("192.0.2.1"); }));
    EXPECT_TRUE(std::ranges::any_of(
        addresses, [](const auto& a) { return a.peer == address("203.0.113.10"); }));
    const auto usable = [&] {
        return std::ranges::any_of(link("line0").addresses, [](const auto& a) {
            return a.address == address("2001:db8:9::1") && !a.tentative;
        });
    };
    EXPECT_TRUE(eventually(usable)) << "duplicate address detection takes about two seconds";
    expect_truth();
}

// ---------------------------------------------------------------- routes

TEST_F(Observer, DefaultsOfMainAndOurTables) {
    run("ip route add default via 192.0.2.2 metric 20; ip route add default via 198.51.100.2 table "
        "253");
    run("ip route add 10.0.0.0/8 via 192.0.2.2");
    run("ip route add 10.0.0.0/8 via 192.0.2.2 table 1001; ip route add default via 192.0.2.2 "
        "table 77");
    run("ip -6 route add default via 2001:db8::2; ip -6 route add default via fe80::2 dev line1 "
        "table 1002");
    ASSERT_TRUE(eventually([&] { return !routes(Family::v6, 1002).empty(); }));
    EXPECT_EQ(seen_.routes.size(), 5U);
    EXPECT_EQ(routes(Family::v4, core::kTableMain), Texts{"192.0.2.2 dev 10"});
    EXPECT_EQ(routes(Family::v4, core::kTableDefault), Texts{"198.51.100.2 dev 30"});
    EXPECT_EQ(routes(Family::v4, 1001), Texts{"192.0.2.2 dev 10"});
    EXPECT_EQ(routes(Family::v6, core::kTableMain), Texts{"2001:db8::2 dev 10"});
    expect_truth();
    run("ip route delete default metric 20");
    ASSERT_TRUE(eventually([&] { return routes(Family::v4, core::kTableMain).empty(); }));
    expect_truth();
}

TEST_F(Observer, DefaultIsFoundAmongManyRoutes) {
    std::ofstream batch("/dev/shm/multihome-observer-routes");
    for (int i = 0; i < 5000; ++i)
        batch << "route add 10." << i / 250 << "." << i % 250 << ".0/24 via 192.0.2.2\n";
    for (int i = 0; i < 500; ++i)
        batch << "route add 2001:db8:ffff:" << std::hex << i << std::dec
              << "::/64 via 2001:db8::2\n";
    batch << "route add 0.1.0.0/16 via 192.0.2.2\n"
          << "route add default via 192.0.2.2\nroute add default via 2001:db8::2\n";
    batch.close();
    const std::uint64_t events = observer_.counters().events;
    run("ip -batch /dev/shm/multihome-observer-routes; rm /dev/shm/multihome-observer-routes");
    ASSERT_TRUE(eventually([&] { return seen_.routes.size() == 2; }));
    EXPECT_LT(observer_.counters().events - events, 10U) << "the filter keeps the rest away";
    EXPECT_EQ(observer_.counters().overruns, 0U);
    expect_truth();
}

TEST_F(Observer, RoutesGoSilentlyWithTheirInterface) {
    run("ip route add default via 192.0.2.2 table 1001; ip route add default via 192.0.2.2");
    run("ip route add default table 1002 nexthop via 192.0.2.2 nexthop via 198.51.100.2");
    run("ip -6 route add default table 1002 nexthop via 2001:db8::2 nexthop via 2001:db8:1::2");
    ASSERT_TRUE(eventually([&] { return !routes(Family::v6, 1002).empty(); }));
    run("ip link set far0 down");
    ASSERT_TRUE(
        eventually([&] { return routes(Family::v4, 1001) == Texts{"192.0.2.2 dev 10 linkdown"}; }));
    EXPECT_EQ(routes(Family::v6, 1002), Texts{"2001:db8::2 dev 10 linkdown, 2001:db8:1::2 dev 30"});
    run("ip link set far0 up");
    ASSERT_TRUE(eventually([&] { return routes(Family::v4, 1001) == Texts{"192.0.2.2 dev 10"}; }));
    run("ip link set line0 down");
    ASSERT_TRUE(eventually([&] { return routes(Family::v4, 1001).empty(); }));
    EXPECT_TRUE(routes(Family::v4, core::kTableMain).empty());
    EXPECT_EQ(routes(Family::v4, 1002), Texts{"198.51.100.2 dev 30"});
    expect_truth();
    run("ip link set line0 up");
    ASSERT_TRUE(eventually([&] {
        return routes(Family::v4, 1002) == Texts{"192.0.2.2 dev 10, 198.51.100.2 dev 30"};
    }));
    expect_truth();
}

TEST_F(Observer, RoutesGoSilentlyWithTheLastAddress) {
    run("ip route add default via 192.0.2.2 table 1001");
    run("ip route add 10.0.0.0/8 dev line1 src 192.0.2.1 table 1002");
    ASSERT_TRUE(eventually([&] { return !routes(Family::v4, 1002).empty(); }));
    run("ip address delete 192.0.2.1/24 dev line0");
    ASSERT_TRUE(eventually([&] { return routes(Family::v4, 1001).empty(); }));
    expect_truth();
}

TEST_F(Observer, ConditionalRoutesAreNotTheDefault) {
    run("ip route add default tos 0x10 via 192.0.2.2 table 1001");
    run("ip -6 route add default from 2001:db8:4430::/59 via 2001:db8::2");
    run("ip -6 route add default via 2001:db8::2 table 1002");
    ASSERT_TRUE(eventually([&] { return !routes(Family::v6, 1002).empty(); }));
    EXPECT_EQ(seen_.routes.size(), 1U);
    expect_truth();
}

TEST_F(Observer, SiblingsOfIpv6) {
    run("ip -6 route add default via 2001:db8::2 metric 5");
    run("ip -6 route append default via 2001:db8::3 metric 5");
    run("ip -6 route append default via 2001:db8:1::2 metric 5");
    const Texts three{"2001:db8::2 dev 10, 2001:db8::3 dev 10, 2001:db8:1::2 dev 30"};
    ASSERT_TRUE(eventually([&] { return routes(Family::v6, core::kTableMain) == three; }));
    // The message about this names the deleted one alone.
    run("ip -6 route delete default via 2001:db8::3 metric 5");
    const Texts two{"2001:db8::2 dev 10, 2001:db8:1::2 dev 30"};
    ASSERT_TRUE(eventually([&] { return routes(Family::v6, core::kTableMain) == two; }));
    run("ip -6 route append default dev line1 metric 5");
    ASSERT_TRUE(eventually([&] { return routes(Family::v6, core::kTableMain).size() == 2; }));
    expect_truth();
}

class NexthopObjects : public Observer, public ::testing::WithParamInterface<int> {
protected:
    void SetUp() override {
        Observer::SetUp();
        if (IsSkipped())
            return;
        run("sysctl -qw net.ipv4.nexthop_compat_mode=" + std::to_string(GetParam()));
        run("ip nexthop add id 1 via 192.0.2.2 dev line0");
        run("ip nexthop add id 2 via 198.51.100.2 dev line1");
        run("ip nexthop add id 3 group 1/2,5");
        run("ip nexthop add id 11 via 2001:db8::2 dev line0");
        run("ip nexthop add id 12 via 2001:db8:1::2 dev line1");
        run("ip nexthop add id 13 group 11/12");
        run("ip nexthop add id 20 blackhole");
        run("ip route add default nhid 1 table 1001; ip route add default nhid 3");
        run("ip -6 route add default nhid 11 table 1001; ip -6 route add default nhid 13");
        run("ip route add 10.0.0.0/8 nhid 20 table 1002");
        ASSERT_TRUE(eventually([&] { return seen_.routes.size() == 5; }));
    }
};

INSTANTIATE_TEST_SUITE_P(CompatMode, NexthopObjects, ::testing::Values(1, 0),
                         [](const auto& mode) { return mode.param ? "legacy" : "objects_only"; });

TEST_P(NexthopObjects, AreResolved) {
    EXPECT_EQ(routes(Family::v4, 1001), Texts{"192.0.2.2 dev 10"});
    EXPECT_EQ(routes(Family::v4, core::kTableMain),
              Texts{"192.0.2.2 dev 10, 198.51.100.2 dev 30 weight 5"});
    EXPECT_EQ(routes(Family::v6, 1001), Texts{"2001:db8::2 dev 10"});
    EXPECT_EQ(routes(Family::v6, core::kTableMain),
              Texts{"2001:db8::2 dev 10, 2001:db8:1::2 dev 30"});
    EXPECT_EQ(routes(Family::v4, 1002), Texts{"-"});
    expect_truth();
}

TEST_P(NexthopObjects, ReplacedOnesChangeTheirRoutes) {
    run("ip nexthop replace id 1 via 192.0.2.9 dev line0");
    run("ip nexthop replace id 12 via 2001:db8:1::9 dev line1");
    ASSERT_TRUE(eventually([&] {
        return routes(Family::v4, 1001) == Texts{"192.0.2.9 dev 10"} &&
               routes(Family::v4, core::kTableMain) ==
                   Texts{"192.0.2.9 dev 10, 198.51.100.2 dev 30 weight 5"} &&
               routes(Family::v6, core::kTableMain) ==
                   Texts{"2001:db8::2 dev 10, 2001:db8:1::9 dev 30"};
    }));
    run("ip nexthop replace id 3 group 2");
    ASSERT_TRUE(eventually(
        [&] { return routes(Family::v4, core::kTableMain) == Texts{"198.51.100.2 dev 30"}; }));
    expect_truth();
}

TEST_P(NexthopObjects, GoWithTheCarrier) {
    run("ip link set far0 down");
    ASSERT_TRUE(eventually([&] {
        return routes(Family::v4, 1001).empty() && routes(Family::v6, 1001).empty() &&
               routes(Family::v6, core::kTableMain) == Texts{"2001:db8:1::2 dev 30"};
    }));
    expect_truth();
    run("ip nexthop delete id 2");
    ASSERT_TRUE(eventually([&] { return routes(Family::v4, core::kTableMain).empty(); }));
    expect_truth();
}

// ---------------------------------------------------------------- rules

TEST_F(Observer, RulesAreFollowed) {
    run("ip rule add priority 10100 from 203.0.113.0/29 lookup 1001 protocol 97");
    run("ip rule add priority 10010 lookup main suppress_prefixlength 0 protocol 97");
    run("ip -6 rule add priority 10100 from 2001:db8:4430::/59 lookup 1001 protocol 97");
    run("ip rule add priority 5000 ipproto 6 dport 25 lookup 1001");
    ASSERT_TRUE(eventually([&] { return seen_.rules.size() == 9; }));
    expect_truth();
    const auto exotic = std::ranges::find(seen_.rules, true, &core::KernelRule::exotic);
    ASSERT_NE(exotic, seen_.rules.end());
    EXPECT_EQ(exotic->rule.priority, 5000U);
    run("ip rule delete priority 10100; ip -6 rule delete priority 10100; ip rule delete priority "
        "5000");
    ASSERT_TRUE(eventually([&] { return seen_.rules.size() == 6; }));
    expect_truth();
}

// ---------------------------------------------------------------- neighbours

TEST_F(Observer, NeighboursOfInterestOnly) {
    const core::NeighbourKey gateway{kLine0, address("192.0.2.2")};
    run("ip neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 nud stale dev line0");
    follow({gateway, {kLine1, address("198.51.100.2")}});
    EXPECT_EQ(neighbour(gateway), NeighbourState::stale);
    EXPECT_EQ(neighbour({kLine1, address("198.51.100.2")}), NeighbourState::none);

    const std::uint64_t events = observer_.counters().events;
    run("for i in $(seq 10 60); do "
        "ip neighbour add 192.0.2.$i lladdr 02:00:00:00:00:03 nud stale dev line0; done");
    run("ip neighbour replace 192.0.2.2 lladdr 02:00:00:00:00:04 nud reachable dev line0");
    ASSERT_TRUE(eventually([&] { return neighbour(gateway) == NeighbourState::reachable; }));
    EXPECT_EQ(seen_.neighbours.size(), 2U);
    EXPECT_LT(observer_.counters().events - events, 5U);
    run("ip neighbour delete 192.0.2.2 dev line0");
    ASSERT_TRUE(eventually([&] { return neighbour(gateway) == NeighbourState::none; }));
    expect_truth();

    follow({});
    EXPECT_TRUE(seen_.neighbours.empty());
}

class Resolution : public Observer, public ::testing::WithParamInterface<const char*> {
protected:
    void SetUp() override {
        Observer::SetUp();
        if (IsSkipped())
            return;
        key_ = {kLine0, address(GetParam())};
        entry_ = std::string(GetParam()) + " dev line0";
        follow({key_});
        // The far end answers from elsewhere; within one namespace nobody would be asked.
        run("ip link set far0 netns " + peer_.path());
        peer_.run_inside("ip address add 192.0.2.2/24 dev far0;"
                         "ip address add 2001:db8::2/64 dev far0 nodad");
        peer_.run_inside("ip link set far0 up");
        ASSERT_TRUE(eventually([&] { return link("line0").carrier; }));
        // Solicitations of IPv6 are sent from the link-local address.
        ASSERT_TRUE(key_.address.is_v4() || eventually([&] { return has_link_local("line0"); }));
    }
    bool has_link_local(const char* name) {
        return std::ranges::any_of(link(name).addresses, [](const auto& a) {
            return a.address.is_v6() && core::is_link_local(a.address) && !a.tentative;
        });
    }
    void silence() { peer_.run_inside("ip link set far0 arp off; ip address flush dev far0"); }
    std::string shown() { return output_of("ip neighbour show " + entry_); }
    bool resolve() {
        const auto outcome = observer_.resolve_neighbour(key_.ifindex, key_.address);
        EXPECT_TRUE(outcome) << outcome.error().what;
        return outcome.has_value();
    }

    testing::PeerNamespace peer_;
    core::NeighbourKey key_;
    std::string entry_;
};

INSTANTIATE_TEST_SUITE_P(Families, Resolution, ::testing::Values("192.0.2.2", "2001:db8::2"),
                         [](const auto& gateway) {
                             return std::string(gateway.param).find(':') == std::string::npos
                                        ? "ipv4"
                                        : "ipv6";
                         });

TEST_P(Resolution, OfAnEntryThatDoesNotExist) {
    ASSERT_TRUE(resolve());
    EXPECT_TRUE(eventually([&] { return neighbour(key_) == NeighbourState::reachable; }))
        << shown();
}

TEST_P(Resolution, OfAStaleEntryAsksAtOnce) {
    run("ip neighbour replace " + entry_ + " lladdr 02:00:00:00:00:99 nud stale");
    peer_.run_inside("ip link set far0 address 02:00:00:00:00:99");
    ASSERT_TRUE(eventually([&] { return neighbour(key_) == NeighbourState::stale; }));
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(resolve());
    ASSERT_TRUE(eventually([&] { return neighbour(key_) == NeighbourState::reachable; }))
        << shown();
    // Left to itself the kernel would wait delay_first_probe_time, 5 s.
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_P(Resolution, OfASilentNeighbourFails) {
    silence();
    ASSERT_TRUE(resolve());
    ASSERT_TRUE(eventually([&] { return neighbour(key_) == NeighbourState::incomplete; }))
        << shown();
    EXPECT_TRUE(eventually([&] { return neighbour(key_) == NeighbourState::failed; })) << shown();
    // It fails again and again: begun anew each time, never by itself.
    ASSERT_TRUE(resolve());
    EXPECT_TRUE(eventually([&] { return neighbour(key_) == NeighbourState::incomplete; }))
        << shown();
}

TEST_P(Resolution, OfOneThatIsBeingAskedBeginsAnew) {
    silence();
    run("ip neighbour flush dev line0"); // what set-up may have learned
    ASSERT_TRUE(resolve());
    ASSERT_TRUE(eventually([&] { return neighbour(key_) == NeighbourState::incomplete; }))
        << shown();
    peer_.run_inside("ip address add 192.0.2.2/24 dev far0;"
                     "ip address add 2001:db8::2/64 dev far0 nodad; ip link set far0 arp on");
    // Left to itself the kernel would ask again only when its second is over.
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(resolve());
    ASSERT_TRUE(eventually([&] { return neighbour(key_) == NeighbourState::reachable; }))
        << shown();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(800));
}

TEST_P(Resolution, LeavesPermanentEntriesAlone) {
    run("ip neighbour replace " + entry_ + " lladdr 02:00:00:00:00:99 nud permanent");
    ASSERT_TRUE(resolve());
    catch_up();
    EXPECT_NE(shown().find("PERMANENT"), std::string::npos) << shown();
    EXPECT_EQ(neighbour(key_), NeighbourState::reachable);
}

TEST_F(Observer, ResolutionOnAMissingInterfaceIsAnError) {
    const auto outcome = observer_.resolve_neighbour(4711, address("192.0.2.2"));
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ENODEV);
    EXPECT_NE(outcome.error().what.find("192.0.2.2"), std::string::npos);
}

// ---------------------------------------------------------------- losses

TEST_F(Observer, ReadsAgainAfterAnOverrun) {
    // Every change of a link is a message of more than 1 KB.
    run("for i in $(seq 8000); do echo link set line1 txqueuelen $i; done | ip -batch -");
    run("ip link set far0 down; ip address add 203.0.113.9/29 dev line1");
    ASSERT_TRUE(eventually([&] { return observer_.counters().overruns > 0; }));
    ASSERT_TRUE(eventually([&] { return link("line1").addresses.back().prefix_length == 29; }));
    EXPECT_FALSE(link("line0").carrier);
    expect_truth();
}

TEST_F(Observer, InterestMayChange) {
    run("ip route add default via 192.0.2.2 table 1001; ip route add default via 192.0.2.2 table "
        "1003");
    ASSERT_TRUE(eventually([&] { return !routes(Family::v4, 1001).empty(); }));
    EXPECT_TRUE(routes(Family::v4, 1003).empty());
    ASSERT_TRUE(observer_.set_interest({1002, 1003}, {}));
    ASSERT_TRUE(eventually([&] { return !routes(Family::v4, 1003).empty(); }));
    EXPECT_TRUE(routes(Family::v4, 1001).empty());
    run("ip route add 10.0.0.0/8 via 192.0.2.2 table 1003");
    ASSERT_TRUE(eventually([&] { return routes(Family::v4, 1003).size() == 2; }));
}

} // namespace
} // namespace multihomed::observe
