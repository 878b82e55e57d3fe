// SPDX-License-Identifier: GPL-2.0-or-later
//
// The parsers that take bytes from outside, each as one function that may be given any bytes and
// must come back. What a target checks besides, it checks with abort(): every fuzzer understands
// that.
//   libfuzzer/   entry points for clang's libFuzzer, which finds inputs by coverage
//   fuzz_test    mutates recorded messages at random, with any compiler, in every test run;
//                MULTIHOME_FUZZ_RUNS=10000000 multihome_tests --gtest_filter='Fuzz.*' for longer
#pragma once

#include <cstdint>
#include <span>

namespace multihomed::fuzz {

using Bytes = std::span<const std::uint8_t>;

/// A datagram of rtnetlink messages, through the decoder and into the tables that keep them.
void netlink_target(Bytes input);
/// First byte: family (even: IPv4). The rest: what a raw ICMP socket delivers.
void icmp_target(Bytes input);
/// A name that is asked for, a zero byte, and what comes back from the server.
void dns_target(Bytes input);
/// An ARP packet behind its Ethernet header, or an ICMPv6 message.
void neighbour_target(Bytes input);
/// An ICMPv6 message to a router: a solicitation, or another router's advertisement.
void ra_target(Bytes input);
/// Lines of configuration commands, in the notation of config_target.cpp.
void config_target(Bytes input);

} // namespace multihomed::fuzz
