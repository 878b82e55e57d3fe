// SPDX-License-Identifier: GPL-2.0-or-later
//
// The narrow interface between the prober and the network: one raw socket for one line and family,
// bound to its device and source address. ProbeSocketFactory makes the real ones or fakes.
#pragma once

#include "core/address.hpp"
#include "core/desired.hpp"
#include "core/observation.hpp"
#include "core/privileges.hpp"
#include "core/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace multihomed::probe {

class ProbeSocket {
public:
    virtual ~ProbeSocket() = default;

    /// -1 for fakes.
    virtual int fd() const = 0;
    /// Never waits: a full queue is an error like any other.
    virtual core::Result<void> send(const core::Address& target,
                                    std::span<const std::uint8_t> message) = 0;
    /// Calls `each` with every packet that has arrived, its sender, and how long ago the kernel
    /// took it in.
    virtual void receive(
        const std::function<void(const core::Address& from, std::span<const std::uint8_t> packet,
                                 std::chrono::nanoseconds age)>& each) = 0;
};

using ProbeSocketFactory =
    std::function<core::Result<std::unique_ptr<ProbeSocket>>(const core::ProbePlan&)>;

/// Raw ICMP sockets; needs CAP_NET_RAW, through `privileged`.
ProbeSocketFactory raw_probe_sockets(core::Privileged privileged);

} // namespace multihomed::probe
