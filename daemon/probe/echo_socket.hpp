// SPDX-License-Identifier: GPL-2.0-or-later
//
// Probes of kind icmp: echo requests by one raw socket for each line and family. The socket itself
// (PacketSocket) carries bytes only, so that tests can put a network of their own behind the codec.
#pragma once

#include "probe/icmp_codec.hpp"
#include "probe/probe_socket.hpp"

#include <functional>
#include <memory>
#include <span>

namespace multihomed::probe {

/// A packet as decode_echo_reply() takes it.
struct Arrival {
    core::Address from;
    std::span<const std::uint8_t> packet;
    core::Time at; ///< when the kernel took it in, however late it is read
};

class PacketSocket {
public:
    virtual ~PacketSocket() = default;

    /// Readable when packets have arrived.
    virtual int fd() const = 0;
    /// Never waits: a full queue is an error like any other. Returns when the message went out.
    virtual core::Result<core::Time> send(const core::Address& target,
                                          std::span<const std::uint8_t> message) = 0;
    /// Calls `each` with the packets that have arrived, or with some of them if they are many.
    virtual void receive(const std::function<void(const Arrival&)>& each) = 0;
};

/// Opens a socket for a line; of echo replies only those to `identity` need to reach it.
using PacketSocketFactory = std::function<core::Result<std::unique_ptr<PacketSocket>>(
    const core::ProbePlan&, const EchoIdentity& identity)>;

/// Raw ICMP sockets; needs CAP_NET_RAW, through `privileged`.
PacketSocketFactory raw_icmp_sockets(core::Privileged privileged);

using EchoSocketFactory =
    std::function<core::Result<std::unique_ptr<ProbeSocket>>(const core::ProbePlan&)>;

/// All of them with the same identity, chosen at random.
EchoSocketFactory echo_sockets(PacketSocketFactory packets);

} // namespace multihomed::probe
