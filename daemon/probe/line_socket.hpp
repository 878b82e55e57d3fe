// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the sockets of all kinds of probes have in common: they are bound to a line's device and
// source address, never wait, and take the kernel's word for when something arrived.
#pragma once

#include "core/desired.hpp"
#include "core/result.hpp"
#include "probe/timestamp.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>

namespace multihomed::probe {

/// Owns a file descriptor.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor() {
        if (fd_ >= 0)
            close(fd_);
    }
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_ = -1;
};

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// ifindex: the scope of a link-local address
SocketAddress to_socket_address(const core::Address& address, std::uint16_t port,
                                std::uint32_t ifindex);
core::Address to_address(const sockaddr_storage& storage);

/// "<what> for probes of <interface> from <source>: <errno in words>"
core::Error socket_failure(const core::ProbePlan& plan, const char* what);
/// errno in words, as it is shown beside a target.
core::Error send_failure();
/// The same for what came back to a connected socket.
std::string refusal_text(int error);

/// AF_INET or AF_INET6
int domain_of(core::Family family);
/// A socket that never blocks; a failure when the last descriptors would be used up.
core::Result<Descriptor> open_socket(const core::ProbePlan& plan, int domain, int type,
                                     int protocol);
/// To the plan's device, by index: the name may have passed to another interface meanwhile.
/// False with errno.
bool bind_to_device(int fd, const core::ProbePlan& plan);
/// To the plan's source address, port chosen by the kernel. False with errno.
bool bind_to_source(int fd, const core::ProbePlan& plan);

core::Time monotonic_now();

/// A packet and what the kernel tells of it.
struct Received {
    core::Address from; ///< unspecified for other families than IP
    std::span<const std::uint8_t> bytes;
    core::Time at;
    int hop_limit = -1; ///< IPv6, if IPV6_RECVHOPLIMIT is set
};

/// Reads packets with the stamps that SO_TIMESTAMPNS asks for.
class PacketReader {
public:
    /// Up to `limit` packets. The errno that ended it, 0 if the limit did.
    int read(int fd, const std::function<void(const Received&)>& each, int limit = 64);

private:
    int read_one(int fd, const std::function<void(const Received&)>& each);
    WallClock clock_;
};

/// Makes PacketReader's times exact.
bool ask_for_stamps(int fd);

} // namespace multihomed::probe
