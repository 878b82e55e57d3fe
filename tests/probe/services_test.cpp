// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is particular to probes of resolvers, web servers and neighbours, against the real kernel
// and small servers.
#include "probe/kind_lines.hpp"
#include "probe/trust.hpp"

#include <netinet/icmp6.h>

namespace multihomed::probe {
namespace {

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

TEST(Trust, IsReadOnceAndAgainWhenItHasChanged) {
    const testing::Certificates made;
    const auto first = trust_in(made.authority());
    ASSERT_TRUE(first) << first.error().what;
    EXPECT_EQ(*trust_in(made.authority()), *first);
    run("touch -d 2020-01-01 " + made.authority());
    const auto again = trust_in(made.authority());
    ASSERT_TRUE(again);
    EXPECT_NE(*again, *first);
}

TEST(Trust, OfNobodyIsAnError) {
    const testing::Certificates made;
    const auto absent = trust_in(made.file("absent.pem"));
    ASSERT_FALSE(absent);
    EXPECT_NE(absent.error().what.find("absent.pem: No such file"), std::string::npos);
    const auto none = trust_in(made.file("good.ext"));
    ASSERT_FALSE(none);
    EXPECT_NE(none.error().what.find("no certificate authority in"), std::string::npos);
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
