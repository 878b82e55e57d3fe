// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/probe_socket.hpp"

#include "probe/echo_filter.hpp"
#include "probe/timestamp.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

// linux/icmp.h clashes with netinet/ip_icmp.h
#ifndef ICMP_FILTER
#define ICMP_FILTER 1
#endif

namespace multihomed::probe {

namespace {

using core::Address;
using core::Family;

constexpr int kTtl = 64;
constexpr std::size_t kPacketBytes = 512;
/// Descriptors that are left to everything that is not a probe.
constexpr rlim_t kReserved = 64;

core::Error failure(const core::ProbePlan& plan, const char* what) {
    return {errno, std::string(what) + " for probes of " + plan.interface + " from " +
                       plan.source.to_string() + ": " + std::strerror(errno)};
}

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;
};

SocketAddress to_socket_address(const Address& address, std::uint32_t ifindex) {
    SocketAddress result;
    const auto bytes = core::address_bytes(address);
    if (address.is_v4()) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(result.storage);
        v4.sin_family = AF_INET;
        std::memcpy(&v4.sin_addr, bytes.data(), sizeof v4.sin_addr);
        result.length = sizeof v4;
    } else {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(result.storage);
        v6.sin6_family = AF_INET6;
        std::memcpy(&v6.sin6_addr, bytes.data(), sizeof v6.sin6_addr);
        if (core::is_link_local(address))
            v6.sin6_scope_id = ifindex;
        result.length = sizeof v6;
    }
    return result;
}

Address to_address(const sockaddr_storage& storage) {
    const bool v4 = storage.ss_family == AF_INET;
    const void* raw =
        v4 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(storage).sin_addr)
           : &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
    return core::address_from_bytes(v4 ? Family::v4 : Family::v6,
                                    static_cast<const std::uint8_t*>(raw));
}

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

std::chrono::nanoseconds to_duration(const timespec& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// CLOCK_REALTIME at the packet's arrival.
std::optional<std::chrono::nanoseconds> stamp_of(msghdr& header) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        timespec taken{};
        std::memcpy(&taken, CMSG_DATA(part), sizeof taken);
        return to_duration(taken);
    }
    return std::nullopt;
}

core::Time monotonic_now() {
    return std::chrono::steady_clock::now();
}

class RawProbeSocket final : public ProbeSocket {
public:
    RawProbeSocket(int fd, const core::ProbePlan& plan) : fd_(fd), ifindex_(plan.ifindex) {}
    ~RawProbeSocket() override { close(fd_); }
    RawProbeSocket(const RawProbeSocket&) = delete;
    RawProbeSocket& operator=(const RawProbeSocket&) = delete;

    int fd() const override { return fd_; }

    core::Result<core::Time> send(const Address& target,
                                  std::span<const std::uint8_t> message) override {
        const SocketAddress to = to_socket_address(target, ifindex_);
        const core::Time before = monotonic_now();
        const auto sent = sendto(fd_, message.data(), message.size(), MSG_DONTWAIT,
                                 reinterpret_cast<const sockaddr*>(&to.storage), to.length);
        if (sent < 0)
            return core::Error{errno, std::strerror(errno)};
        return before;
    }

    void receive(const std::function<void(const Arrival&)>& each) override {
        constexpr int kAtOnce = 64; // others want their turn
        timespec wall{};
        clock_gettime(CLOCK_REALTIME, &wall);
        clock_.read(to_duration(wall), monotonic_now());
        for (int i = 0; i < kAtOnce; ++i)
            if (!receive_one(each))
                return;
    }

private:
    bool receive_one(const std::function<void(const Arrival&)>& each) {
        std::array<std::uint8_t, kPacketBytes> packet; // filled by the kernel
        alignas(cmsghdr) std::array<char, 128> control;
        sockaddr_storage from{};
        iovec part{packet.data(), packet.size()};
        msghdr header{};
        header.msg_name = &from;
        header.msg_namelen = sizeof from;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        const auto size = recvmsg(fd_, &header, MSG_DONTWAIT);
        if (size < 0)
            return errno == EINTR;
        const auto stamp = stamp_of(header);
        each({to_address(from),
              {packet.data(), static_cast<std::size_t>(size)},
              stamp ? clock_.when(*stamp) : monotonic_now()});
        return true;
    }

    int fd_;
    std::uint32_t ifindex_;
    WallClock clock_;
};

bool is_in_the_reserve(int fd) {
    rlimit limit{};
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           static_cast<rlim_t>(fd) + kReserved >= limit.rlim_cur;
}

core::Result<std::unique_ptr<ProbeSocket>> open_socket(const core::ProbePlan& plan,
                                                       const EchoIdentity& identity) {
    const Family family = plan.key.family;
    const int fd = family == Family::v4
                       ? socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP)
                       : socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
    if (fd < 0)
        return failure(plan, "opening a raw socket");
    auto made = std::make_unique<RawProbeSocket>(fd, plan);
    if (is_in_the_reserve(fd)) {
        errno = EMFILE;
        return failure(plan, "no file descriptor left (LimitNOFILE)");
    }
    // By index: the name may have passed to another interface since the plan was made.
    const auto ifindex = static_cast<int>(plan.ifindex);
    if (ifindex <= 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof ifindex) != 0)
        return failure(plan, "binding to the device");
    const SocketAddress source = to_socket_address(plan.source, plan.ifindex);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&source.storage), source.length) != 0)
        return failure(plan, "binding to the source address");
    const int on = 1;
    if (!filter_types(fd, family) || !attach_filter(fd, family, identity) ||
        !set_hop_limit(fd, family) || !forgo_path_mtu(fd, family) ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0)
        return failure(plan, "setting options");
    return std::unique_ptr<ProbeSocket>(std::move(made));
}

} // namespace

ProbeSocketFactory raw_probe_sockets(core::Privileged privileged) {
    return [privileged = std::move(privileged)](const core::ProbePlan& plan,
                                                const EchoIdentity& identity) {
        core::Result<std::unique_ptr<ProbeSocket>> result =
            core::Error{0, "capabilities could not be raised"};
        privileged([&] { result = open_socket(plan, identity); });
        return result;
    };
}

} // namespace multihomed::probe
