// SPDX-License-Identifier: GPL-2.0-or-later
//
// Probes of kind dns: a query over UDP is answered by the server that was asked. Each query has a
// socket of its own, hence a port that nobody can guess, and a random number besides.
#pragma once

#include "probe/probe_socket.hpp"

namespace multihomed::probe {

/// Needs no privileges.
core::Result<std::unique_ptr<ProbeSocket>> dns_socket(const core::ProbePlan& plan);

} // namespace multihomed::probe
