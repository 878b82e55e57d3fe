// SPDX-License-Identifier: GPL-2.0-or-later
//
// Probes of kind http and https: a HEAD request is answered by the target with a good status, over
// a connection of its own; with https the certificate must be good for the target's name, or for
// its address where it has none. The conversation is libcurl's (its multi_socket interface), which
// asks nobody for addresses, follows no redirects, and knows no proxy and no cookies here.
#pragma once

#include "probe/probe_socket.hpp"

#include <string>

namespace multihomed::probe {

/// Of kind http or https. Needs no privileges. ca_file: whose certificates are believed, PEM;
/// empty: the system's.
core::Result<std::unique_ptr<ProbeSocket>> http_socket(const core::ProbePlan& plan,
                                                       core::ProbeTarget::Kind kind,
                                                       const std::string& ca_file = {});

} // namespace multihomed::probe
