// SPDX-License-Identifier: GPL-2.0-or-later
//
// Packets through a real line: UDP sent from any source out of an interface, and an ear at its far
// end.
#pragma once

#include "netns.hpp"
#include "plans.hpp"
#include "probe/line_socket.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace multihomed::testing {

inline const char* const kServer4 = "203.0.113.9";
inline const char* const kServer6 = "2001:db8:ffff::9";

/// A veth pair: the line `name`, up, with a host route and a fixed neighbour for the servers (of
/// the line made last, unless sockets are bound to a device), and its far end.
class Wire {
public:
    Wire(const std::string& name, const std::string& far, int metric) : name_(name) {
        const std::string q = "'" + name + "'";
        run("ip link add " + q + " type veth peer name " + far);
        run("ip link set " + far + " up && ip link set " + q + " up");
        for (const std::string server : {kServer4, kServer6}) {
            run("ip route add " + server + " dev " + q + " metric " + std::to_string(metric));
            run("ip neigh add " + server + " dev " + q + " lladdr 02:00:00:00:00:99 nud permanent");
        }
        ear_ = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL));
        sockaddr_ll where{};
        where.sll_family = AF_PACKET;
        where.sll_protocol = htons(ETH_P_ALL);
        where.sll_ifindex = static_cast<int>(if_nametoindex(far.c_str()));
        EXPECT_EQ(bind(ear_, reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
    }
    ~Wire() { close(ear_); }
    Wire(const Wire&) = delete;
    Wire& operator=(const Wire&) = delete;

    /// One datagram with `mark` as its content; the source must be an address of this host.
    void send(const std::string& source, char mark) const {
        const core::Address from = core::parse_address(source).value();
        const bool v4 = from.is_v4();
        const int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name_.c_str(),
                             static_cast<socklen_t>(name_.size())),
                  0)
            << strerror(errno);
        const auto own =
            probe::to_socket_address(address(source), 0, if_nametoindex(name_.c_str()));
        const auto to = probe::to_socket_address(address(v4 ? kServer4 : kServer6), 9, 0);
        ASSERT_EQ(bind(fd, own.get(), own.length), 0) << source << ": " << strerror(errno);
        // EPERM: the guard has dropped it, and tells local senders so.
        const ssize_t sent = sendto(fd, &mark, 1, 0, to.get(), to.length);
        ASSERT_TRUE(sent == 1 || errno == EPERM) << source << ": " << strerror(errno);
        close(fd);
    }

    /// A broadcast from an interface without an address, as DHCP clients send: from 0.0.0.0.
    void broadcast(char mark) const {
        const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on), 0);
        ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name_.c_str(),
                             static_cast<socklen_t>(name_.size())),
                  0);
        const auto to = probe::to_socket_address(address("255.255.255.255"), 67, 0);
        const ssize_t sent = sendto(fd, &mark, 1, 0, to.get(), to.length);
        ASSERT_TRUE(sent == 1 || errno == EPERM) << strerror(errno);
        close(fd);
    }

    /// "source mark" of the next datagram that arrives; empty when none does.
    std::string heard() const {
        pollfd wait{ear_, POLLIN, 0};
        while (poll(&wait, 1, 3000) == 1) {
            std::array<std::uint8_t, 2048> packet{};
            const ssize_t size = recv(ear_, packet.data(), packet.size(), 0);
            if (const std::string text = udp(packet.data(), size); !text.empty())
                return text;
        }
        return {};
    }

private:
    static std::string udp(const std::uint8_t* packet, ssize_t size) {
        const bool v4 = size > 28 && packet[0] >> 4 == 4 && packet[9] == IPPROTO_UDP;
        const bool v6 = size > 48 && packet[0] >> 4 == 6 && packet[6] == IPPROTO_UDP;
        if (!v4 && !v6)
            return {};
        const auto source = v4 ? core::address_from_bytes(core::Family::v4, packet + 12)
                               : core::address_from_bytes(core::Family::v6, packet + 8);
        return source.to_string() + " " + static_cast<char>(packet[v4 ? 28 : 48]);
    }

    std::string name_;
    int ear_ = -1;
};

} // namespace multihomed::testing
