// SPDX-License-Identifier: GPL-2.0-or-later
//
// The codec against bytes written by hand from RFC 792, RFC 4443 and RFC 1071, and the kernel's
// filter against the same packets.
#include "probe/icmp_codec.hpp"

#include "probe/echo_filter.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <vector>

namespace multihomed::probe {
namespace {

using core::Family;
using Packet = std::vector<std::uint8_t>;

const EchoIdentity kOurs{0x1234, {1, 2, 3, 4, 5, 6, 7, 8}};

core::Address address(const char* text) {
    return core::parse_address(text).value();
}

/// 192.0.2.9 to 192.0.2.1, protocol ICMP, with `options` bytes of options
Packet ipv4_header(std::size_t options = 0) {
    Packet header{0x45, 0, 0, 36, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 9, 192, 0, 2, 1};
    header[0] = static_cast<std::uint8_t>(0x40 + (20 + options) / 4);
    header.resize(20 + options);
    return header;
}

Packet join(Packet head, const Packet& tail) {
    head.insert(head.end(), tail.begin(), tail.end());
    return head;
}

// Checksum of this reply by hand: 0x1234 + 0x0007 + 0x0102 + 0x0304 + 0x0506 + 0x0708 = 0x224f;
// its complement is 0xddb0.
const Packet kReply4{0, 0, 0xdd, 0xb0, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8};
const Packet kReply6{129, 0, 0xab, 0xcd, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8};
// As the kernel returns it: our request of 16 bytes behind its IP header, 192.0.2.1 to
// 198.51.100.7.
const Packet kRequest4{8, 0, 0, 0, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8};
const Packet kSent4{0x45, 0, 0, 36, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 1, 198, 51, 100, 7};
const Packet kRequest6{128, 0, 0, 0, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8};

/// An IPv6 header from 2001:db8::1 to 2001:db8:5::7, next header ICMPv6.
Packet sent6() {
    Packet header{0x60, 0, 0, 0, 0, 16, 58, 64};
    for (const char* text : {"2001:db8::1", "2001:db8:5::7"}) {
        const auto bytes = core::address_bytes(address(text));
        header.insert(header.end(), bytes.begin(), bytes.end());
    }
    return header;
}

Packet unreachable4(std::uint8_t type, std::uint8_t code) {
    return join(ipv4_header(), join({type, code, 0, 0, 0, 0, 0, 0}, join(kSent4, kRequest4)));
}
Packet unreachable6(std::uint8_t type, std::uint8_t code) {
    return join({type, code, 0, 0, 0, 0, 0, 0}, join(sent6(), kRequest6));
}

TEST(IcmpCodec, RequestOfIpv4) {
    const auto bytes = encode_echo_request(Family::v4, {kOurs, 7});
    // 0x0800 + 0x224f = 0x2a4f, complement 0xd5b0
    const Packet expected{8, 0, 0xd5, 0xb0, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8};
    EXPECT_EQ(Packet(bytes.begin(), bytes.end()), expected);
}

TEST(IcmpCodec, RequestOfIpv6LeavesTheChecksumToTheKernel) {
    const auto bytes = encode_echo_request(Family::v6, {kOurs, 7});
    EXPECT_EQ(Packet(bytes.begin(), bytes.end()), kRequest6);
}

TEST(IcmpCodec, Replies) {
    const Echo expected{kOurs, 7};
    EXPECT_EQ(decode_echo_reply(Family::v4, join(ipv4_header(), kReply4)), expected);
    EXPECT_EQ(decode_echo_reply(Family::v4, join(ipv4_header(8), kReply4)), expected);
    EXPECT_EQ(decode_echo_reply(Family::v6, kReply6), expected);
    EXPECT_EQ(decode_echo_reply(Family::v6, join(kReply6, {0, 0, 0})), expected)
        << "what follows the cookie does not matter";
}

TEST(IcmpCodec, WhatIsNoReply) {
    EXPECT_FALSE(decode_echo_reply(Family::v6, kRequest6));
    EXPECT_FALSE(decode_echo_reply(Family::v6, join(ipv4_header(), kReply4)));
    Packet wrong_checksum = kReply4;
    wrong_checksum[7] = 8;
    EXPECT_FALSE(decode_echo_reply(Family::v4, join(ipv4_header(), wrong_checksum)));
    Packet tcp = join(ipv4_header(), kReply4);
    tcp[9] = 6;
    EXPECT_FALSE(decode_echo_reply(Family::v4, tcp));
    Packet odd_header = join(ipv4_header(), kReply4);
    odd_header[0] = 0x44; // shorter than any IPv4 header
    EXPECT_FALSE(decode_echo_reply(Family::v4, odd_header));
    odd_header[0] = 0x4f; // longer than the packet
    EXPECT_FALSE(decode_echo_reply(Family::v4, odd_header));
}

TEST(IcmpCodec, Errors) {
    const EchoError v4{0x1234, 7, address("198.51.100.7"), "host unreachable"};
    EXPECT_EQ(decode_echo_error(Family::v4, unreachable4(3, 1)), v4);
    const EchoError v6{0x1234, 7, address("2001:db8:5::7"), "host unreachable"};
    EXPECT_EQ(decode_echo_error(Family::v6, unreachable6(1, 3)), v6);
    EXPECT_EQ(decode_echo_error(Family::v4, unreachable4(3, 13))->text,
              decode_echo_error(Family::v6, unreachable6(1, 1))->text);
    EXPECT_EQ(decode_echo_error(Family::v4, unreachable4(11, 0))->text,
              decode_echo_error(Family::v6, unreachable6(3, 0))->text);
    // An IPv4 router need return no more than the IP header and eight bytes.
    Packet shortest = unreachable4(3, 1);
    shortest.resize(20 + 8 + 20 + 8);
    EXPECT_EQ(decode_echo_error(Family::v4, shortest), v4);
}

TEST(IcmpCodec, WhatIsNoError) {
    EXPECT_FALSE(decode_echo_error(Family::v4, join(ipv4_header(), kReply4)));
    EXPECT_FALSE(decode_echo_error(Family::v6, kReply6));
    EXPECT_FALSE(decode_echo_error(Family::v4, unreachable4(5, 1))) << "a redirect";
    Packet about_tcp = unreachable4(3, 1);
    about_tcp[20 + 8 + 9] = 6;
    EXPECT_FALSE(decode_echo_error(Family::v4, about_tcp));
    Packet about_a_reply = unreachable6(1, 3);
    about_a_reply[8 + 40] = 129;
    EXPECT_FALSE(decode_echo_error(Family::v6, about_a_reply));
}

TEST(IcmpCodec, CutPacketsAreRefused) {
    const std::pair<Family, Packet> packets[] = {{Family::v4, join(ipv4_header(), kReply4)},
                                                 {Family::v6, kReply6}};
    for (const auto& [family, packet] : packets)
        for (std::size_t size = 0; size < packet.size(); ++size)
            EXPECT_FALSE(decode_echo_reply(family, std::span(packet).first(size))) << size;
    const Packet error = unreachable6(1, 3);
    for (std::size_t size = 0; size < error.size() - 8; ++size)
        EXPECT_FALSE(decode_echo_error(Family::v6, std::span(error).first(size))) << size;
}

/// Whether a socket with the filter would get the packet.
bool passes(Family family, const Packet& packet) {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
    auto code = echo_filter(family, kOurs);
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    EXPECT_EQ(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
    (void)send(pair[0], packet.data(), packet.size(), 0); // an error when it is filtered
    Packet got(1024);
    const ssize_t size = recv(pair[1], got.data(), got.size(), 0);
    close(pair[0]);
    close(pair[1]);
    return size == static_cast<ssize_t>(packet.size());
}

TEST(EchoFilter, PassesWhatIsOurs) {
    EXPECT_TRUE(passes(Family::v4, join(ipv4_header(), kReply4)));
    EXPECT_TRUE(passes(Family::v4, join(ipv4_header(12), kReply4)));
    EXPECT_TRUE(passes(Family::v4, unreachable4(3, 1)));
    EXPECT_TRUE(passes(Family::v6, kReply6));
    EXPECT_TRUE(passes(Family::v6, unreachable6(1, 0)));
}

TEST(EchoFilter, DropsWhatIsNot) {
    for (std::size_t changed : {4U, 5U, 8U, 11U, 12U, 15U}) {
        Packet foreign4 = kReply4;
        Packet foreign6 = kReply6;
        foreign4[changed] ^= 1;
        foreign6[changed] ^= 1;
        EXPECT_FALSE(passes(Family::v4, join(ipv4_header(), foreign4))) << changed;
        EXPECT_FALSE(passes(Family::v6, foreign6)) << changed;
    }
    Packet about_tcp = unreachable4(3, 1);
    about_tcp[20 + 8 + 9] = 6;
    EXPECT_FALSE(passes(Family::v4, about_tcp));
    Packet about_others = unreachable6(1, 3);
    about_others[8 + 40 + 5] ^= 1;
    EXPECT_FALSE(passes(Family::v6, about_others));
}

} // namespace
} // namespace multihomed::probe
