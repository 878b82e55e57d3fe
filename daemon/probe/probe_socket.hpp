// SPDX-License-Identifier: GPL-2.0-or-later
//
// The narrow interface between the prober and the network: one raw socket for one line and family,
// bound to its device and source address. It alone reads clocks: what it tells of times is exact,
// whenever the event loop gets round to asking. ProbeSocketFactory makes the real ones or fakes.
#pragma once

#include "core/address.hpp"
#include "core/desired.hpp"
#include "core/observation.hpp"
#include "core/privileges.hpp"
#include "core/result.hpp"
#include "probe/icmp_codec.hpp"

#include <cstdint>
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

class ProbeSocket {
public:
    virtual ~ProbeSocket() = default;

    /// Readable when packets have arrived.
    virtual int fd() const = 0;
    /// Never waits: a full queue is an error like any other. Returns when the message went out.
    virtual core::Result<core::Time> send(const core::Address& target,
                                          std::span<const std::uint8_t> message) = 0;
    /// Calls `each` with the packets that have arrived, or with some of them if they are many.
    virtual void receive(const std::function<void(const Arrival&)>& each) = 0;
};

/// Opens a socket for a line; of echo replies only those to `identity` need to reach it.
using ProbeSocketFactory = std::function<core::Result<std::unique_ptr<ProbeSocket>>(
    const core::ProbePlan&, const EchoIdentity& identity)>;

/// Raw ICMP sockets; needs CAP_NET_RAW, through `privileged`.
ProbeSocketFactory raw_probe_sockets(core::Privileged privileged);

} // namespace multihomed::probe
