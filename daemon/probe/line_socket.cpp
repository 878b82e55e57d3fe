// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/line_socket.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <netinet/in.h>
#include <optional>
#include <sys/resource.h>

namespace multihomed::probe {

namespace {

using core::Address;
using core::Family;

constexpr std::size_t kPacketBytes = 512; ///< more of a packet is never looked at
/// Descriptors that are left to everything that is not a probe.
constexpr rlim_t kReserved = 64;

std::chrono::nanoseconds to_duration(const timespec& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

bool is_in_the_reserve(int fd) {
    rlimit limit{};
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           static_cast<rlim_t>(fd) + kReserved >= limit.rlim_cur;
}

/// What comes beside a packet.
struct Ancillary {
    std::optional<std::chrono::nanoseconds> stamp; ///< CLOCK_REALTIME at the packet's arrival
    int hop_limit = -1;
};

Ancillary ancillary_of(msghdr& header) {
    Ancillary found;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            timespec taken{};
            std::memcpy(&taken, CMSG_DATA(part), sizeof taken);
            found.stamp = to_duration(taken);
        } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_HOPLIMIT) {
            std::memcpy(&found.hop_limit, CMSG_DATA(part), sizeof found.hop_limit);
        }
    }
    return found;
}

} // namespace

SocketAddress to_socket_address(const Address& address, std::uint16_t port, std::uint32_t ifindex) {
    SocketAddress result;
    const auto bytes = core::address_bytes(address);
    if (address.is_v4()) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(result.storage);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, bytes.data(), sizeof v4.sin_addr);
        result.length = sizeof v4;
    } else {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(result.storage);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&v6.sin6_addr, bytes.data(), sizeof v6.sin6_addr);
        if (core::is_link_local(address))
            v6.sin6_scope_id = ifindex;
        result.length = sizeof v6;
    }
    return result;
}

Address to_address(const sockaddr_storage& storage) {
    if (storage.ss_family != AF_INET && storage.ss_family != AF_INET6)
        return {};
    const bool v4 = storage.ss_family == AF_INET;
    const void* raw =
        v4 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(storage).sin_addr)
           : &reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr;
    return core::address_from_bytes(v4 ? Family::v4 : Family::v6,
                                    static_cast<const std::uint8_t*>(raw));
}

core::Error socket_failure(const core::ProbePlan& plan, const char* what) {
    return {errno, std::string(what) + " for probes of " + plan.interface + " from " +
                       plan.source.to_string() + ": " + std::strerror(errno)};
}

core::Error send_failure() {
    return {errno, std::strerror(errno)};
}

std::string refusal_text(int error) {
    return error == ECONNREFUSED ? "connection refused" : std::strerror(error);
}

int domain_of(Family family) {
    return family == Family::v4 ? AF_INET : AF_INET6;
}

core::Result<Descriptor> open_socket(const core::ProbePlan& plan, int domain, int type,
                                     int protocol) {
    Descriptor made(socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    if (made.get() < 0)
        return socket_failure(plan, "opening a socket");
    if (is_in_the_reserve(made.get())) {
        errno = EMFILE;
        return socket_failure(plan, "no file descriptor left (LimitNOFILE)");
    }
    return made;
}

bool bind_to_device(int fd, const core::ProbePlan& plan) {
    const auto ifindex = static_cast<int>(plan.ifindex);
    if (ifindex <= 0) {
        errno = ENODEV;
        return false;
    }
    return setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof ifindex) == 0;
}

bool bind_to_source(int fd, const core::ProbePlan& plan) {
    const SocketAddress source = to_socket_address(plan.source, 0, plan.ifindex);
    return bind(fd, source.get(), source.length) == 0;
}

core::Time monotonic_now() {
    return std::chrono::steady_clock::now();
}

int PacketReader::read(int fd, const std::function<void(const Received&)>& each, int limit) {
    timespec wall{};
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_.read(to_duration(wall), monotonic_now());
    int error = 0;
    for (int i = 0; i < limit && error == 0; ++i)
        error = read_one(fd, each);
    return error;
}

int PacketReader::read_one(int fd, const std::function<void(const Received&)>& each) {
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
    const auto size = recvmsg(fd, &header, MSG_DONTWAIT);
    if (size < 0)
        return errno == EINTR ? 0 : errno;
    const Ancillary beside = ancillary_of(header);
    each({to_address(from),
          {packet.data(), static_cast<std::size_t>(size)},
          beside.stamp ? clock_.when(*beside.stamp) : monotonic_now(),
          beside.hop_limit});
    return 0;
}

bool ask_for_stamps(int fd) {
    const int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0;
}

} // namespace multihomed::probe
