// SPDX-License-Identifier: GPL-2.0-or-later
//
// Two lines, line0 and line1, lead from the test's namespace to one "Internet" namespace, which
// holds the same target for both and is the gateway of both.
#pragma once

#include "observe/peer_namespace.hpp"
#include "probe/prober.hpp"

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>

namespace multihomed::testing {

inline core::Time now() {
    return std::chrono::steady_clock::now();
}

struct Names {
    core::Family family;
    const char* source[2];
    const char* gateway[2];
    const char* target;
    const char* unreachable;
};
inline const Names kNames[] = {
    {core::Family::v4,
     {"192.0.2.1", "198.51.100.1"},
     {"192.0.2.2", "198.51.100.2"},
     "203.0.113.99",
     "203.0.113.66"},
    {core::Family::v6,
     {"2001:db8::1", "2001:db8:1::1"},
     {"2001:db8::2", "2001:db8:1::2"},
     "2001:db8:99::99",
     "2001:db8:99::66"},
};

class Lines : public InNamespace {
protected:
    explicit Lines(probe::ProbeSocketFactory sockets = probe::probe_sockets(always()))
        : prober_(std::move(sockets)) {}

    void SetUp() override {
        InNamespace::SetUp();
        if (IsSkipped())
            return;
        std::string links;
        for (const std::string i : {"0", "1"})
            links += "ip link add line" + i + " index 1" + i + " type veth peer name far" + i +
                     " index 2" + i + " netns " + internet_.path() + "; ip link set line" + i +
                     " up; ";
        run(links);
        internet_.run_inside("ip link set far0 up; ip link set far1 up");
        for (const Names& names : kNames)
            number(names);
        // Replies may come in by the other line, which the test for that needs to be delivered.
        run("for i in all line0 line1; do sysctl -qw net.ipv4.conf.$i.rp_filter=0; done");
        internet_.run_inside("ip link set lo up; sysctl -qw net.ipv4.ip_forward=1;"
                             "sysctl -qw net.ipv6.conf.all.forwarding=1;"
                             "sysctl -qw net.ipv4.conf.all.rp_filter=0;"
                             "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0;"
                             "ip address add 203.0.113.99/32 dev lo;"
                             "ip address add 2001:db8:99::99/128 dev lo nodad;"
                             "ip route add unreachable 203.0.113.66;"
                             "ip -6 route add unreachable 2001:db8:99::66");
    }

    /// Both ends of both lines get their addresses of one family.
    void number(const Names& names) {
        const bool v4 = names.family == core::Family::v4;
        const std::string batch = v4 ? "ip -4 -batch - <<END\n" : "ip -6 -batch - <<END\n";
        const std::string length = v4 ? "/24" : "/64 nodad";
        std::string here = batch;
        std::string there = batch;
        for (const int i : {0, 1}) {
            const std::string number = std::to_string(i);
            const std::string table = std::to_string(1001 + i);
            here += "address add " + (names.source[i] + length) + " dev line" + number + "\n" +
                    "route add default via " + names.gateway[i] + " table " + table + "\n" +
                    "rule add from " + names.source[i] + " lookup " + table + "\n";
            there += "address add " + (names.gateway[i] + length) + " dev far" + number + "\n";
            if (!v4) {
                here += "address add fe80::2/64 dev line" + number + " nodad\n";
                there += "address add fe80::1/64 dev far" + number + " nodad\n";
            }
        }
        run(here + "END");
        internet_.run_inside(there + "END");
    }

    static core::ProbePlan plan(int line, const std::string& source, const std::string& target) {
        core::ProbePlan made;
        made.source = core::parse_address(source).value();
        made.key = {"line" + std::to_string(line), core::family_of(made.source)};
        made.interface = made.key.uplink;
        made.ifindex = static_cast<std::uint32_t>(10 + line);
        made.targets = {{.address = core::parse_address(target).value()}};
        made.interval = std::chrono::milliseconds(20);
        made.timeout = std::chrono::milliseconds(200);
        return made;
    }
    /// Drives the prober as the daemon does until the condition holds; false after five seconds.
    bool eventually(const std::function<bool()>& condition) {
        const auto limit = now() + std::chrono::seconds(5);
        while (!condition()) {
            if (now() > limit)
                return false;
            const auto wait = std::chrono::ceil<std::chrono::milliseconds>(
                prober_.next_deadline().value_or(limit) - now());
            pollfd entry{prober_.fd(), POLLIN, 0};
            if (poll(&entry, 1, std::max(0, static_cast<int>(wait.count()))) > 0)
                prober_.on_readable(now());
            if (*prober_.next_deadline() <= now())
                prober_.on_time(now());
        }
        return true;
    }

    PeerNamespace internet_;
    probe::Prober prober_;
};

} // namespace multihomed::testing
