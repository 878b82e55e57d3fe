// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which class makes the probes of which kind.
#include "probe/echo_socket.hpp"
#include "probe/probe_socket.hpp"

namespace multihomed::probe {

ProbeSocketFactory probe_sockets(core::Privileged privileged) {
    return [echo = echo_sockets(raw_icmp_sockets(privileged))](
               const core::ProbePlan& plan,
               core::ProbeTarget::Kind kind) -> core::Result<std::unique_ptr<ProbeSocket>> {
        using Kind = core::ProbeTarget::Kind;
        switch (kind) {
        case Kind::icmp:
            return echo(plan);
        default:
            return core::Error{0, "no probes of this kind"};
        }
    };
}

} // namespace multihomed::probe
