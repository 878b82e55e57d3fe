// SPDX-License-Identifier: GPL-2.0-or-later
//
// Probes of every kind against the real kernel and small servers: answered, refused, silent, late,
// and always by the right line. What a prober may cost, descriptors, is counted.
#include "probe/dns_socket.hpp"
#include "probe/http_socket.hpp"
#include "probe/lines.hpp"
#include "probe/servers.hpp"

#include <gtest/gtest.h>

#include <linux/capability.h>
#include <netinet/icmp6.h>
#include <sys/syscall.h>

#include <filesystem>
#include <memory>

namespace multihomed::probe {
namespace {

using namespace std::chrono_literals;
using core::Family;
using testing::Names;
using testing::now;
using testing::run;
using Kind = core::ProbeTarget::Kind;

/// Made once: it takes a while.
const testing::Certificates& certificates() {
    static const testing::Certificates made;
    return made;
}

/// As in the daemon, but that https believes in our own authority.
ProbeSocketFactory sockets() {
    return
        [usual = probe_sockets(testing::always())](
            const core::ProbePlan& plan, Kind kind) -> core::Result<std::unique_ptr<ProbeSocket>> {
            return kind == Kind::https ? http_socket(plan, kind, certificates().authority())
                                       : usual(plan, kind);
        };
}

std::size_t descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

constexpr std::uint16_t kPort = 7000;

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

std::string name_of(Kind kind) {
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
std::string name_of_case(const ::testing::TestParamInfo<Case>& info) {
    return name_of(info.param.kind) + (info.param.names->family == Family::v4 ? "_ipv4" : "_ipv6");
}
std::vector<Case> cases(std::initializer_list<Kind> kinds) {
    std::vector<Case> made;
    for (const Names& names : testing::kNames)
        for (const Kind kind : kinds)
            made.push_back({&names, kind});
    return made;
}

// ---------------------------------------------------------------- every kind

class EveryKind : public KindLines, public ::testing::WithParamInterface<Case> {
protected:
    EveryKind() : KindLines(*GetParam().names, GetParam().kind) {}
};
INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind,
                         ::testing::ValuesIn(cases({Kind::icmp, Kind::tcp, Kind::dns, Kind::http,
                                                    Kind::https, Kind::neighbour})),
                         name_of_case);

TEST_P(EveryKind, IsAnsweredByItsLineOnly) {
    count_at("far0");
    count_at("far1");
    serve();
    probe();
    ASSERT_TRUE(answered());
    EXPECT_EQ(figures().last_error, "");
    EXPECT_GT(figures().rtt_average, 0us);
    EXPECT_LT(figures().rtt_average, 150ms);
    EXPECT_EQ(figures().target, target());
    const std::string counts = counted();
    const auto is_zero = [&](const std::string& device) {
        const auto at = counts.find("counter " + device);
        return counts.substr(at, counts.find('}', at) - at).find("packets 0 ") != std::string::npos;
    };
    EXPECT_FALSE(is_zero("far0")) << counts;
    EXPECT_TRUE(is_zero("far1")) << counts;
}

TEST_P(EveryKind, SilenceIsLossAndCostsNothingForLong) {
    serve();
    probe();
    ASSERT_TRUE(answered());
    ASSERT_TRUE(until([&] { return figures().received + figures().lost + 2 >= figures().sent; }));
    const auto before = descriptors();
    silence();
    const bool heavy = kind_ == Kind::http || kind_ == Kind::https;
    ASSERT_TRUE(lost(heavy ? 6 : 30));
    EXPECT_EQ(figures().last_error, "");
    EXPECT_LE(descriptors(), before + 200 / 20 + 3) << "what is lost is closed";
    end_silence();
    ASSERT_TRUE(answered());
    prober_.set_plan({}, now());
    stop_serving();
    EXPECT_LE(descriptors(), before);
}

TEST_P(EveryKind, ABurstDecidesWhileRegularProbesAreSlow) {
    serve();
    auto slow = plan(target());
    probe(slow);
    ASSERT_TRUE(answered());
    slow.interval = 60s;
    slow.timeout = 2s;
    probe(slow);
    ASSERT_TRUE(until([&] { return figures().received + figures().lost >= figures().sent; }));
    silence();
    const auto begin = now();
    prober_.burst({"line0", names_.family}, begin);
    ASSERT_TRUE(lost(3));
    EXPECT_LT(now() - begin, 1500ms) << "under the timeout, on a slow machine too";
}

TEST_P(EveryKind, AnInterfaceThatIsGoneIsAnError) {
    serve();
    probe();
    ASSERT_TRUE(answered());
    run("ip link set line0 down");
    ASSERT_TRUE(lost());
    EXPECT_TRUE(until([&] { return !figures().last_error.empty(); }));
    run("ip link delete line0");
    const auto before = figures().consecutive_lost;
    EXPECT_TRUE(lost(before + 4));
    EXPECT_NE(figures().last_error, "");
}

// ---------------------------------------------------------------- those with ports

class EveryService : public EveryKind {};
INSTANTIATE_TEST_SUITE_P(Kinds, EveryService,
                         ::testing::ValuesIn(cases({Kind::tcp, Kind::dns, Kind::http})),
                         name_of_case);

TEST_P(EveryService, ThatIsNotThereRefuses) {
    auto patient = plan(target());
    patient.timeout = 10s;
    probe(patient);
    ASSERT_TRUE(lost()) << "long before the timeout";
    EXPECT_EQ(figures().last_error, "connection refused");
    serve();
    ASSERT_TRUE(answered());
    EXPECT_EQ(figures().last_error, "");
    stop_serving();
    ASSERT_TRUE(lost());
    EXPECT_EQ(figures().last_error, "connection refused");
}

TEST_P(EveryService, NeedsNoPrivileges) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct all[2]{};
    ASSERT_EQ(syscall(SYS_capget, &header, all), 0);
    serve();
    __user_cap_data_struct none[2]{all[0], all[1]};
    none[0].effective = none[1].effective = 0;
    ASSERT_EQ(syscall(SYS_capset, &header, none), 0);
    probe();
    const bool good = answered();
    EXPECT_EQ(figures().last_error, "");
    ASSERT_EQ(syscall(SYS_capset, &header, all), 0);
    EXPECT_TRUE(good);
}

TEST_P(EveryService, AForeignSourceAddressIsAnError) {
    serve();
    auto foreign = plan(target());
    foreign.source =
        core::parse_address(names_.family == Family::v4 ? "192.0.2.7" : "2001:db8::7").value();
    probe(foreign);
    ASSERT_TRUE(lost());
    EXPECT_NE(figures().last_error.find(foreign.source.to_string()), std::string::npos)
        << figures().last_error;
}

// ---------------------------------------------------------------- tcp

class Tcp : public KindLines, public ::testing::WithParamInterface<Case> {
protected:
    Tcp() : KindLines(*GetParam().names, Kind::tcp) {}
};
INSTANTIATE_TEST_SUITE_P(Kinds, Tcp, ::testing::ValuesIn(cases({Kind::tcp})), name_of_case);

TEST_P(Tcp, LeavesNothingBehind) {
    serve();
    probe();
    ASSERT_TRUE(answered(10));
    prober_.set_plan({}, now());
    ASSERT_TRUE(eventually([&] {
        tcp_->step();
        return tcp_->reset >= 10;
    }));
    EXPECT_EQ(tcp_->otherwise_ended, 0);
    const std::string states = testing::output_of("ss -Htan");
    EXPECT_EQ(states, "") << "no connection in any state";
}

TEST_P(Tcp, ALateAnswerTakesAsLongAsItTook) {
    serve();
    silence();
    auto patient = plan(target());
    patient.interval = 60s;
    patient.timeout = 4s;
    probe(patient);
    ASSERT_TRUE(until([&] { return figures().sent == 1; }));
    end_silence(); // the kernel sends the SYN again, after a second
    ASSERT_TRUE(answered(1));
    EXPECT_GT(figures().rtt_average, 900ms);
}

TEST_P(Tcp, TheRoundTripIsNotThatOfTheLoop) {
    serve();
    auto rare = plan(target());
    rare.interval = 60s;
    rare.timeout = 300ms;
    probe(rare);
    prober_.on_time(now());
    for (const auto end = now() + 400ms; now() < end;) // busy elsewhere, beyond the timeout
        poll(nullptr, 0, 10);
    prober_.on_time(now());
    EXPECT_EQ(figures().received, 1U);
    EXPECT_LT(figures().rtt_average, 200ms);
}

// ---------------------------------------------------------------- dns

class Dns : public KindLines, public ::testing::WithParamInterface<Case> {
protected:
    Dns() : KindLines(*GetParam().names, Kind::dns) {}
};
INSTANTIATE_TEST_SUITE_P(Kinds, Dns, ::testing::ValuesIn(cases({Kind::dns})), name_of_case);

TEST_P(Dns, AsksForTheNameInItsFamily) {
    serve();
    auto named = target();
    named.name = "www.example.org";
    probe(named);
    ASSERT_TRUE(answered());
    const auto& query = dns_->queries.at(0);
    EXPECT_EQ(query.at(query.size() - 3), names_.family == Family::v4 ? 1 : 28);
    dns_->queries.clear();
    probe();
    ASSERT_TRUE(answered());
    EXPECT_EQ(dns_->queries.at(0).at(14), 2) << "NS of the root";
    named.name = "no..name";
    probe(named);
    ASSERT_TRUE(lost());
    EXPECT_EQ(figures().last_error, "'no..name' is not a domain name");
}

TEST_P(Dns, CodesTellWhetherItLives) {
    serve();
    probe();
    dns_->code = 3;
    ASSERT_TRUE(answered()) << "NXDOMAIN is an answer";
    for (const auto& [code, word] :
         {std::pair{std::uint8_t{2}, "SERVFAIL"}, {std::uint8_t{5}, "REFUSED"}}) {
        dns_->code = code;
        ASSERT_TRUE(until([&, word = word] { return figures().last_error == word; }));
        ASSERT_TRUE(lost());
    }
}

TEST_P(Dns, ForgeriesAreNoAnswers) {
    serve();
    dns_->alter = [](auto& message) { message[0] ^= 1; };
    probe();
    ASSERT_TRUE(lost());
    EXPECT_EQ(figures().received, 0U);
    EXPECT_EQ(figures().last_error, "");
}

TEST_P(Dns, LateAnswersAreLost) {
    serve();
    probe();
    ASSERT_TRUE(answered());
    dns_->holds = true;
    ASSERT_TRUE(lost(20));
    dns_->holds = false;
    ASSERT_TRUE(answered());
    EXPECT_GE(figures().lost, 10U) << "nobody waited for those";
    EXPECT_LT(figures().rtt_average, 200ms);
}

// ---------------------------------------------------------------- http

class Http : public KindLines, public ::testing::WithParamInterface<Case> {
protected:
    Http() : KindLines(*GetParam().names, Kind::http) {}
};
INSTANTIATE_TEST_SUITE_P(Kinds, Http, ::testing::ValuesIn(cases({Kind::http})), name_of_case);

TEST_P(Http, AsksForTheHeadOnly) {
    setenv("http_proxy", "http://127.0.0.1:9/", 1); // NOLINT(concurrency-mt-unsafe)
    serve();
    auto named = target();
    named.name = "probe.test";
    named.path = "/alive?yes";
    probe(named);
    ASSERT_TRUE(answered());
    unsetenv("http_proxy"); // NOLINT(concurrency-mt-unsafe)
    const std::string& request = web_->requests.at(0);
    EXPECT_EQ(request.find("HEAD /alive?yes HTTP/1.1\r\n"), 0U) << request;
    EXPECT_NE(request.find("Host: probe.test:7000\r\n"), std::string::npos) << request;
    EXPECT_EQ(request.find("Cookie"), std::string::npos);
}

TEST_P(Http, StatusTellsWhetherItLives) {
    serve();
    auto exact = target();
    exact.status = 204;
    web_->answer = "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.99/\r\nSet-Cookie: a=b\r\n\r\n";
    probe();
    ASSERT_TRUE(answered()) << "a redirect is an answer, and not followed";
    probe(exact);
    ASSERT_TRUE(lost());
    EXPECT_EQ(figures().last_error, "status 302");
    web_->answer = "HTTP/1.1 204 No Content\r\n\r\n";
    ASSERT_TRUE(answered());
    EXPECT_EQ(figures().last_error, "");
    web_->answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    probe();
    ASSERT_TRUE(lost());
    EXPECT_EQ(figures().last_error, "status 503");
    for (const std::string& request : web_->requests)
        EXPECT_EQ(request.find("Cookie"), std::string::npos);
}

TEST_P(Http, NonsenseIsNoAnswer) {
    serve();
    web_->answer = "220 mail.example.org ESMTP\r\n\r\n";
    probe();
    ASSERT_TRUE(lost());
    EXPECT_NE(figures().last_error, "");
    auto odd = target();
    odd.name = "user@host/";
    probe(odd);
    ASSERT_TRUE(lost());
    EXPECT_EQ(figures().last_error, "'user@host/' is not a host name");
    odd = target();
    odd.path = "/ HTTP/1.1\r\nX: y";
    probe(odd);
    ASSERT_TRUE(lost());
    EXPECT_NE(figures().last_error.find("is not a path"), std::string::npos);
}

TEST_P(Http, OneAtATimeAndLateAnswersAreLost) {
    serve();
    web_->holds = true;
    probe();
    ASSERT_TRUE(lost());
    EXPECT_LE(web_->most_at_once, 2U) << "the next may come before the end of the last is heard of";
    EXPECT_EQ(figures().last_error, "");
    web_->holds = false;
    ASSERT_TRUE(answered());
    EXPECT_LT(figures().rtt_average, 200ms);
}

// ---------------------------------------------------------------- https

class Https : public KindLines, public ::testing::WithParamInterface<Case> {
protected:
    Https() : KindLines(*GetParam().names, Kind::https) {}
    void serve_with(const std::string& certificate) {
        tls_ = std::make_unique<testing::TlsServer>(internet_, target().address, kPort,
                                                    certificates(), certificate);
    }
    bool is_rejected() {
        return until([&] { return figures().last_error.find("certificate") != std::string::npos; });
    }
};
INSTANTIATE_TEST_SUITE_P(Kinds, Https, ::testing::ValuesIn(cases({Kind::https})), name_of_case);

TEST_P(Https, TheCertificateIsOfTheName) {
    serve_with("good");
    auto named = target();
    named.name = "probe.test";
    named.status = 204;
    probe(named);
    ASSERT_TRUE(answered());
    named.name = "elsewhere.test";
    probe(named);
    ASSERT_TRUE(is_rejected()) << figures().last_error;
    EXPECT_EQ(figures().received, 0U);
}

TEST_P(Https, WithoutANameItIsOfTheAddress) {
    serve_with("other");
    probe();
    ASSERT_TRUE(is_rejected()) << figures().last_error;
    EXPECT_EQ(figures().received, 0U);
    auto named = target();
    named.name = "other.test";
    probe(named);
    ASSERT_TRUE(answered());
}

TEST_P(Https, AnExpiredCertificateIsNone) {
    serve_with("expired");
    probe();
    ASSERT_TRUE(is_rejected()) << figures().last_error;
    EXPECT_NE(figures().last_error.find("expired"), std::string::npos) << figures().last_error;
}

TEST_P(Https, ACertificateForSomethingElseIsNone) {
    serve_with("client");
    probe();
    ASSERT_TRUE(lost());
    EXPECT_NE(figures().last_error, "");
    EXPECT_EQ(figures().received, 0U);
}

TEST_P(Https, AnUnknownAuthorityIsNotBelieved) {
    serve_with("good");
    probe();
    ASSERT_TRUE(answered());
    Prober usual(testing::always());
    usual.set_plan({plan(target())}, now());
    ASSERT_TRUE(until([&] {
        usual.on_time(now());
        return usual.figures(now())
                   .at({"line0", names_.family})
                   .at(0)
                   .last_error.find("certificate") != std::string::npos;
    }));
    EXPECT_EQ(usual.figures(now()).at({"line0", names_.family}).at(0).received, 0U);
}

// ---------------------------------------------------------------- neighbours

class Neighbours : public KindLines, public ::testing::WithParamInterface<Case> {
protected:
    Neighbours() : KindLines(*GetParam().names, Kind::neighbour) {}
};
INSTANTIATE_TEST_SUITE_P(Kinds, Neighbours, ::testing::ValuesIn(cases({Kind::neighbour})),
                         name_of_case);

TEST_P(Neighbours, SomebodyElseIsNotTheGateway) {
    auto absent = target();
    absent.address =
        core::parse_address(names_.family == Family::v4 ? "192.0.2.9" : "2001:db8::9").value();
    probe(absent);
    ASSERT_TRUE(lost());
    EXPECT_EQ(figures().last_error, "");
}

TEST_P(Neighbours, ALinkWithoutAddressesIsAnError) {
    auto loopback = plan(target());
    loopback.ifindex = 1;
    probe(loopback);
    ASSERT_TRUE(lost());
    if (names_.family == Family::v4) {
        EXPECT_EQ(figures().last_error, "the interface has no Ethernet address");
    }
}

class LinkLocalGateway : public KindLines {
protected:
    LinkLocalGateway() : KindLines(testing::kNames[1], Kind::neighbour) {}
    core::ProbeTarget gateway() const {
        auto made = target();
        made.address = core::parse_address("fe80::1").value();
        return made;
    }
    /// An answer that nobody asked for, from a raw socket of the other side.
    void forge(const Descriptor& socket, int hop_limit) const {
        std::vector<std::uint8_t> message(24);
        message[0] = ND_NEIGHBOR_ADVERT;
        message[4] = 0x60;
        const auto bytes = core::address_bytes(gateway().address);
        std::copy(bytes.begin(), bytes.end(), message.begin() + 8);
        setsockopt(socket.get(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hop_limit, sizeof hop_limit);
        auto to = to_socket_address(core::parse_address("fe80::2").value(), 0, 20);
        ASSERT_EQ(sendto(socket.get(), message.data(), message.size(), 0, to.get(), to.length), 24)
            << std::strerror(errno);
    }
};

TEST_F(LinkLocalGateway, IsAskedFromOurLinkLocalAddress) {
    internet_.run_inside("nft \"add rule inet t input icmpv6 type nd-neighbor-solicit ip6 saddr != "
                         "fe80::/10 drop\"");
    probe(gateway());
    ASSERT_TRUE(answered());
}

TEST_F(LinkLocalGateway, AnswersFromAfarAreNone) {
    internet_.run_inside(
        "ip -6 neigh replace fe80::2 dev far0 lladdr 02:00:00:00:00:01 nud permanent");
    run("ip link set line0 down; ip link set line0 address 02:00:00:00:00:01; "
        "ip link set line0 up; ip -6 address replace fe80::2/64 dev line0 nodad");
    silence(); // but what the other side sends goes out
    const probe::Descriptor here(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    const probe::Descriptor there(open(internet_.path().c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(setns(there.get(), CLONE_NEWNET), 0);
    const probe::Descriptor raw(
        socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6));
    ASSERT_EQ(setns(here.get(), CLONE_NEWNET), 0);
    probe(gateway());
    ASSERT_TRUE(until([&] {
        forge(raw, 254);
        return figures().lost >= 10;
    }));
    EXPECT_EQ(figures().received, 0U);
    EXPECT_TRUE(until([&] {
        forge(raw, 255);
        return figures().received >= 1;
    })) << "from this link they are";
}

} // namespace
} // namespace multihomed::probe
