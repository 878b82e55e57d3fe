// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/tcp_socket.hpp"

#include "probe/pending_probes.hpp"

#include <algorithm>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace multihomed::probe {

namespace {

struct Nothing {};
using Pending = PendingProbes<Nothing>;

bool set_options(int fd) {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    // The port is chosen when it is known for whom: there are enough of them then.
    const int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0;
}

/// Of a connection that was accepted.
core::Time accepted_at(const Pending::Probe& probe) {
    const core::Time now = monotonic_now();
    tcp_info info{};
    socklen_t size = sizeof info;
    if (getsockopt(probe.fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        info.tcpi_rtt == 0 || info.tcpi_total_retrans != 0)
        return now; // a lost SYN costs time that belongs to it
    return std::min(now, probe.sent + std::chrono::microseconds(info.tcpi_rtt));
}

class TcpSocket final : public ProbeSocket {
public:
    explicit TcpSocket(const core::ProbePlan& plan) : plan_(plan) {}

    int fd() const override { return pending_.fd(); }

    core::Result<core::Time> send(const core::ProbeTarget& target,
                                  std::uint16_t sequence) override {
        auto opened = open_socket(plan_, domain_of(plan_.key.family), SOCK_STREAM, IPPROTO_TCP);
        if (!opened)
            return opened.error();
        const int fd = opened->get();
        if (!bind_to_device(fd, plan_))
            return socket_failure(plan_, "binding to the device");
        if (!set_options(fd))
            return socket_failure(plan_, "setting options");
        if (!bind_to_source(fd, plan_))
            return socket_failure(plan_, "binding to the source address");
        const SocketAddress to = to_socket_address(target.address, target.port, plan_.ifindex);
        const core::Time before = monotonic_now();
        if (connect(fd, to.get(), to.length) != 0 && errno != EINPROGRESS)
            return core::Error{errno, refusal_text(errno)};
        if (!pending_.add({std::move(opened.value()), before, target.address, sequence, {}},
                          EPOLLOUT))
            return socket_failure(plan_, "watching a socket");
        return before;
    }

    void receive(const Take& each) override {
        pending_.each_ready([&](const Pending::Probe& probe) {
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(probe.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
            // These two come after a connection was accepted, when we look late.
            const bool accepted = error == 0 || error == ECONNRESET || error == EPIPE;
            each({.kind = accepted ? Outcome::Kind::answered : Outcome::Kind::refused,
                  .sequence = probe.sequence,
                  .target = probe.target,
                  .at = accepted ? accepted_at(probe) : monotonic_now(),
                  .text = accepted ? "" : refusal_text(error)});
            return true;
        });
    }

    std::optional<core::Time> oldest_pending() const override { return pending_.oldest(); }
    void give_up(core::Time sent_until) override { pending_.give_up(sent_until); }

private:
    core::ProbePlan plan_;
    Pending pending_;
};

} // namespace

core::Result<std::unique_ptr<ProbeSocket>> tcp_socket(const core::ProbePlan& plan) {
    auto made = std::make_unique<TcpSocket>(plan);
    if (made->fd() < 0)
        return socket_failure(plan, "creating an epoll set");
    return std::unique_ptr<ProbeSocket>(std::move(made));
}

} // namespace multihomed::probe
