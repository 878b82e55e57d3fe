// SPDX-License-Identifier: GPL-2.0-or-later
//
// Probes of kind neighbour: the gateway itself tells its link-layer address, by ARP or neighbour
// discovery. It answers even if it answers no echoes. The answers do not say to which question they
// belong; each is counted for the newest that waits, and whoever asked, it shows that the gateway
// lives.
#pragma once

#include "core/privileges.hpp"
#include "probe/probe_socket.hpp"

namespace multihomed::probe {

/// Needs CAP_NET_RAW, through `privileged`.
core::Result<std::unique_ptr<ProbeSocket>> neighbour_socket(const core::ProbePlan& plan,
                                                            const core::Privileged& privileged);

} // namespace multihomed::probe
