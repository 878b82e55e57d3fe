// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/echo_socket.hpp"

#include "probe/echo_filter.hpp"
#include "probe/line_socket.hpp"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <random>
#include <sys/socket.h>

// linux/icmp.h clashes with netinet/ip_icmp.h
#ifndef ICMP_FILTER
#define ICMP_FILTER 1
#endif

namespace multihomed::probe {

namespace {

using core::Address;
using core::Family;

constexpr int kTtl = 64;

/// Only echo replies, and complaints about our requests, get as far as us.
bool filter_types(int fd, Family family) {
    if (family == Family::v4) {
        const std::uint32_t blocked =
            ~(1U << ICMP_ECHOREPLY | 1U << ICMP_DEST_UNREACH | 1U << ICMP_TIME_EXCEEDED);
        return setsockopt(fd, SOL_RAW, ICMP_FILTER, &blocked, sizeof blocked) == 0;
    }
    icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &filter);
    ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &filter);
    return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) == 0;
}

bool attach_filter(int fd, Family family, const EchoIdentity& identity) {
    auto code = echo_filter(family, identity);
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/// Probes are small; none needs to learn an MTU.
bool forgo_path_mtu(int fd, Family family) {
    constexpr int kNoDiscovery4 = IP_PMTUDISC_DONT;
    constexpr int kNoDiscovery6 = IPV6_PMTUDISC_DONT;
    return family == Family::v4 ? setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &kNoDiscovery4,
                                             sizeof kNoDiscovery4) == 0
                                : setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &kNoDiscovery6,
                                             sizeof kNoDiscovery6) == 0;
}

bool set_hop_limit(int fd, Family family) {
    return family == Family::v4
               ? setsockopt(fd, IPPROTO_IP, IP_TTL, &kTtl, sizeof kTtl) == 0
               : setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &kTtl, sizeof kTtl) == 0;
}

class RawIcmpSocket final : public PacketSocket {
public:
    RawIcmpSocket(Descriptor fd, const core::ProbePlan& plan)
        : fd_(std::move(fd)), ifindex_(plan.ifindex) {}

    int fd() const override { return fd_.get(); }

    core::Result<core::Time> send(const Address& target,
                                  std::span<const std::uint8_t> message) override {
        const SocketAddress to = to_socket_address(target, 0, ifindex_);
        const core::Time before = monotonic_now();
        if (sendto(fd(), message.data(), message.size(), MSG_DONTWAIT, to.get(), to.length) < 0)
            return send_failure();
        return before;
    }

    void receive(const std::function<void(const Arrival&)>& each) override {
        reader_.read(fd(), [&](const Received& received) {
            each({received.from, received.bytes, received.at});
        });
    }

private:
    Descriptor fd_;
    std::uint32_t ifindex_;
    PacketReader reader_;
};

core::Result<std::unique_ptr<PacketSocket>> open_raw(const core::ProbePlan& plan,
                                                     const EchoIdentity& identity) {
    const Family family = plan.key.family;
    auto opened = open_socket(plan, domain_of(family), SOCK_RAW,
                              family == Family::v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
    if (!opened)
        return opened.error();
    const int fd = opened->get();
    if (!bind_to_device(fd, plan))
        return socket_failure(plan, "binding to the device");
    if (!bind_to_source(fd, plan))
        return socket_failure(plan, "binding to the source address");
    if (!filter_types(fd, family) || !attach_filter(fd, family, identity) ||
        !set_hop_limit(fd, family) || !forgo_path_mtu(fd, family) || !ask_for_stamps(fd))
        return socket_failure(plan, "setting options");
    return std::unique_ptr<PacketSocket>(
        std::make_unique<RawIcmpSocket>(std::move(opened.value()), plan));
}

class EchoSocket final : public ProbeSocket {
public:
    EchoSocket(std::unique_ptr<PacketSocket> packets, Family family, const EchoIdentity& identity)
        : packets_(std::move(packets)), family_(family), identity_(identity) {}

    int fd() const override { return packets_->fd(); }

    core::Result<core::Time> send(const core::ProbeTarget& target,
                                  std::uint16_t sequence) override {
        return packets_->send(target.address, encode_echo_request(family_, {identity_, sequence}));
    }

    void receive(const Take& each) override {
        packets_->receive([&](const Arrival& arrival) {
            if (const auto echo = decode_echo_reply(family_, arrival.packet))
                take_reply(*echo, arrival, each);
            else if (const auto error = decode_echo_error(family_, arrival.packet))
                take_error(*error, arrival, each);
        });
    }

private:
    void take_reply(const Echo& echo, const Arrival& arrival, const Take& each) const {
        if (echo.identity == identity_)
            each({.sequence = echo.sequence, .target = arrival.from, .at = arrival.at});
    }
    void take_error(const EchoError& error, const Arrival& arrival, const Take& each) const {
        if (error.identifier == identity_.identifier)
            each({.kind = Outcome::Kind::complaint,
                  .sequence = error.sequence,
                  .target = error.target,
                  .at = arrival.at,
                  .text = error.text + ", says " + arrival.from.to_string()});
    }

    std::unique_ptr<PacketSocket> packets_;
    Family family_;
    EchoIdentity identity_;
};

EchoIdentity random_identity() {
    std::random_device entropy;
    EchoIdentity identity{.identifier = static_cast<std::uint16_t>(entropy()), .cookie = {}};
    for (std::uint8_t& byte : identity.cookie)
        byte = static_cast<std::uint8_t>(entropy());
    return identity;
}

} // namespace

PacketSocketFactory raw_icmp_sockets(core::Privileged privileged) {
    return [privileged = std::move(privileged)](const core::ProbePlan& plan,
                                                const EchoIdentity& identity) {
        core::Result<std::unique_ptr<PacketSocket>> result =
            core::Error{0, "capabilities could not be raised"};
        privileged([&] { result = open_raw(plan, identity); });
        return result;
    };
}

EchoSocketFactory echo_sockets(PacketSocketFactory packets) {
    return [packets = std::move(packets), identity = random_identity()](
               const core::ProbePlan& plan) -> core::Result<std::unique_ptr<ProbeSocket>> {
        auto opened = packets(plan, identity);
        if (!opened)
            return opened.error();
        return std::unique_ptr<ProbeSocket>(
            std::make_unique<EchoSocket>(std::move(opened.value()), plan.key.family, identity));
    };
}

} // namespace multihomed::probe
