// SPDX-License-Identifier: GPL-2.0-or-later
//
// Probes of kind tcp: a connection is accepted. It is closed at once by a reset, so that neither
// side keeps anything of it; the round-trip time is the kernel's, of SYN and SYN-ACK.
#pragma once

#include "probe/probe_socket.hpp"

namespace multihomed::probe {

/// Needs no privileges.
core::Result<std::unique_ptr<ProbeSocket>> tcp_socket(const core::ProbePlan& plan);

} // namespace multihomed::probe
