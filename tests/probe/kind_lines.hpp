// SPDX-License-Identifier: GPL-2.0-or-later
//
// Lines with a server for probes of one kind at their far end, and what may be done to it.
#pragma once

#include "probe/http_socket.hpp"
#include "probe/lines.hpp"
#include "probe/servers.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

namespace multihomed::probe {

using namespace std::chrono_literals;
using core::Family;
using testing::Names;
using testing::now;
using testing::run;
using Kind = core::ProbeTarget::Kind;

/// Made once: it takes a while.
inline const testing::Certificates& certificates() {
    static const testing::Certificates made;
    return made;
}

/// As in the daemon, but that https believes in our own authority.
inline ProbeSocketFactory sockets() {
    return
        [usual = probe_sockets(testing::always())](
            const core::ProbePlan& plan, Kind kind) -> core::Result<std::unique_ptr<ProbeSocket>> {
            return kind == Kind::https ? http_socket(plan, kind, certificates().authority())
                                       : usual(plan, kind);
        };
}

inline std::size_t descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

inline constexpr std::uint16_t kPort = 7000;

class KindLines : public testing::Lines {
protected:
    explicit KindLines(const Names& names, Kind kind)
        : Lines(sockets()), names_(names), kind_(kind) {}

    void SetUp() override {
        Lines::SetUp();
        if (IsSkipped())
            return;
        // The kernel's own choice would be line 1.
        run(std::string(names_.family == Family::v4 ? "ip -4" : "ip -6") +
            " route add default via " + names_.gateway[1]);
        internet_.run_inside("nft \"add table inet t; "
                             "add chain inet t input { type filter hook input priority 0; }; "
                             "add table arp t; "
                             "add chain arp t input { type filter hook input priority 0; }\"");
    }

    core::ProbeTarget target() const {
        const core::Address address =
            core::parse_address(kind_ == Kind::neighbour ? names_.gateway[0] : names_.target)
                .value();
        return {.kind = kind_, .address = address, .port = kPort};
    }
    core::ProbePlan plan(const core::ProbeTarget& target) const {
        auto made = Lines::plan(0, names_.source[0], names_.target);
        made.targets = {target};
        return made;
    }
    void probe(const core::ProbePlan& plan) { prober_.set_plan({plan}, now()); }
    void probe(const core::ProbeTarget& target) { probe(plan(target)); }
    void probe() { probe(target()); }

    void serve() {
        const auto address = target().address;
        if (kind_ == Kind::tcp)
            tcp_ = std::make_unique<testing::TcpServer>(internet_, address, kPort);
        if (kind_ == Kind::dns)
            dns_ = std::make_unique<testing::DnsServer>(internet_, address, kPort);
        if (kind_ == Kind::http)
            web_ = std::make_unique<testing::WebServer>(internet_, address, kPort);
        if (kind_ == Kind::https)
            tls_ = std::make_unique<testing::TlsServer>(internet_, address, kPort, certificates(),
                                                        "good");
    }
    void stop_serving() {
        tcp_.reset();
        dns_.reset();
        web_.reset();
        tls_.reset();
    }
    bool until(const std::function<bool()>& condition) {
        return eventually([&] {
            if (tcp_)
                tcp_->step();
            if (dns_)
                dns_->step();
            if (web_)
                web_->step();
            return condition();
        });
    }
    core::TargetFigures figures() {
        return prober_.figures(now()).at({"line0", names_.family}).at(0);
    }
    bool answered(std::uint32_t more = 3) {
        const auto before = figures().received;
        return until([&] {
            const auto seen = figures();
            return seen.received >= before + more && seen.consecutive_lost == 0;
        });
    }
    bool lost(std::uint32_t in_a_row = 4) {
        return until([&] { return figures().consecutive_lost >= in_a_row; });
    }

    /// Lets nothing in, or everything again.
    void silence() const {
        internet_.run_inside("nft \"add rule inet t input drop; add rule arp t input drop\"");
    }
    void end_silence() const {
        internet_.run_inside("nft \"flush chain inet t input; flush chain arp t input\"");
    }
    /// Counts what came in by this device with line 0's source.
    void count_at(const std::string& device) const {
        const std::string source = names_.source[0];
        if (names_.family == Family::v6)
            internet_.run_inside("nft \"add counter inet t " + device +
                                 "; add rule inet t input iifname " + device + " ip6 saddr { " +
                                 source + ", fe80::2 } counter name " + device + "\"");
        else if (kind_ == Kind::neighbour)
            internet_.run_inside("nft \"add counter arp t " + device +
                                 "; add rule arp t input iifname " + device + " arp saddr ip " +
                                 source + " counter name " + device + "\"");
        else
            internet_.run_inside("nft \"add counter inet t " + device +
                                 "; add rule inet t input iifname " + device + " ip saddr " +
                                 source + " counter name " + device + "\"");
    }
    std::string counted() const {
        return testing::output_of("nsenter --net=" + internet_.path() +
                                  " sh -c 'nft list counters inet; nft list counters arp'");
    }

    const Names& names_;
    Kind kind_;
    std::unique_ptr<testing::TcpServer> tcp_;
    std::unique_ptr<testing::DnsServer> dns_;
    std::unique_ptr<testing::WebServer> web_;
    std::unique_ptr<testing::TlsServer> tls_;
};

struct Case {
    const Names* names;
    Kind kind;
};

inline std::string name_of(Kind kind) {
    switch (kind) {
    case Kind::icmp:
        return "icmp";
    case Kind::tcp:
        return "tcp";
    case Kind::dns:
        return "dns";
    case Kind::http:
        return "http";
    case Kind::https:
        return "https";
    case Kind::neighbour:
        break;
    }
    return "neighbour";
}
inline std::string name_of_case(const ::testing::TestParamInfo<Case>& info) {
    return name_of(info.param.kind) + (info.param.names->family == Family::v4 ? "_ipv4" : "_ipv6");
}
inline std::vector<Case> cases(std::initializer_list<Kind> kinds) {
    std::vector<Case> made;
    for (const Names& names : testing::kNames)
        for (const Kind kind : kinds)
            made.push_back({&names, kind});
    return made;
}

} // namespace multihomed::probe
