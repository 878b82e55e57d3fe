// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which class makes the probes of which kind.
#include "probe/dns_socket.hpp"
#include "probe/echo_socket.hpp"
#include "probe/http_socket.hpp"
#include "probe/neighbour_socket.hpp"
#include "probe/probe_socket.hpp"
#include "probe/tcp_socket.hpp"

namespace multihomed::probe {

ProbeSocketFactory probe_sockets(core::Privileged privileged) {
    return [echo = echo_sockets(raw_icmp_sockets(privileged)), privileged](
               const core::ProbePlan& plan,
               core::ProbeTarget::Kind kind) -> core::Result<std::unique_ptr<ProbeSocket>> {
        using Kind = core::ProbeTarget::Kind;
        switch (kind) {
        case Kind::icmp:
            return echo(plan);
        case Kind::tcp:
            return tcp_socket(plan);
        case Kind::dns:
            return dns_socket(plan);
        case Kind::http:
        case Kind::https:
            return http_socket(plan, kind);
        case Kind::neighbour:
            break;
        }
        return neighbour_socket(plan, privileged);
    };
}

} // namespace multihomed::probe
