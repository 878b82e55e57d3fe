// SPDX-License-Identifier: GPL-2.0-or-later
//
// The small office in a real kernel: the test is the router, with the lines eth2.5 (charter, which
// has the default) and eth2.4 (att, which is for its own sources) to one Internet, and a host
// inside that has an address of every kind. Traffic is sockets in the two other namespaces.
#pragma once

#include "netns.hpp"
#include "observe/peer_namespace.hpp"
#include "plans.hpp"
#include "probe/line_socket.hpp"

#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace multihomed::testing {

struct Names4Or6 {
    core::Family family;
    const char* server;
    const char* inside;  ///< to be translated
    const char* charter; ///< the inside host's, of each line's prefix
    const char* att;
    const char* charter_gateway;
    const char* att_gateway;
};
inline constexpr Names4Or6 kNames4{core::Family::v4, "203.0.113.9", "10.1.2.3",     "192.0.2.51",
                                   "198.51.100.60",  "192.0.2.49",  "198.51.100.62"};
inline constexpr Names4Or6 kNames6{core::Family::v6,  "2001:db8:ffff::9", "fd00::3",
                                   "2001:db8:c::3",   "2001:db8:a::3",    "2001:db8:c:ff::1",
                                   "2001:db8:a:ff::1"};

/// A socket in another namespace. Waits are bounded; what fails says errno.
class Endpoint {
public:
    static constexpr int kPatience = 3000; ///< milliseconds

    Endpoint(const PeerNamespace& where, int type, const std::string& own, std::uint16_t port) {
        const auto at = probe::to_socket_address(address(own), port, 0);
        where.within([&] { fd_ = socket(at.storage.ss_family, type | SOCK_CLOEXEC, 0); });
        const int on = 1;
        setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        EXPECT_EQ(bind(fd_, at.get(), at.length), 0) << own << ": " << strerror(errno);
    }
    explicit Endpoint(int fd) : fd_(fd) {}
    int fd() const { return fd_; }
    ~Endpoint() {
        if (fd_ >= 0)
            close(fd_);
    }
    Endpoint(Endpoint&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;

    /// 0, or errno; ETIMEDOUT when nothing is said about it in time.
    int connect(const std::string& to, std::uint16_t port) const {
        const auto at = probe::to_socket_address(address(to), port, 0);
        fcntl(fd_, F_SETFL, O_NONBLOCK);
        if (::connect(fd_, at.get(), at.length) == 0)
            return 0;
        if (errno != EINPROGRESS)
            return errno;
        pollfd wait{fd_, POLLOUT, 0};
        if (poll(&wait, 1, kPatience) != 1)
            return ETIMEDOUT;
        return error();
    }
    Endpoint accept() const {
        arrives();
        return Endpoint(::accept(fd_, nullptr, nullptr));
    }
    void listen() const { EXPECT_EQ(::listen(fd_, 8), 0) << strerror(errno); }
    int send(char mark) const { return ::send(fd_, &mark, 1, MSG_NOSIGNAL) == 1 ? 0 : errno; }
    /// What came, 0 at the end of a stream; -errno; -ETIMEDOUT when nothing came.
    int receive(int patience = kPatience) const {
        pollfd wait{fd_, POLLIN, 0};
        if (poll(&wait, 1, patience) != 1)
            return -ETIMEDOUT;
        char mark = 0;
        const ssize_t got = recv(fd_, &mark, 1, 0);
        return got < 0 ? -errno : got == 0 ? 0 : mark;
    }
    /// What the kernel was told by ICMP, also what it would keep to itself; ETIMEDOUT: nothing.
    int told_error() const {
        pollfd wait{fd_, 0, 0};
        return poll(&wait, 1, kPatience) == 1 ? error() : ETIMEDOUT;
    }
    void want_all_errors() const {
        const int on = 1;
        (void)setsockopt(fd_, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
        (void)setsockopt(fd_, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    }
    /// "address port" of who sent the next datagram; empty: nobody did.
    std::string hear_from() const {
        char mark = 0;
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        if (!arrives() ||
            recvfrom(fd_, &mark, 1, 0, reinterpret_cast<sockaddr*>(&from), &size) != 1)
            return "";
        return name_of(from, size);
    }
    /// The same of who is at the other end, and of this one.
    std::string peer() const {
        sockaddr_storage at{};
        socklen_t size = sizeof at;
        return getpeername(fd_, reinterpret_cast<sockaddr*>(&at), &size) == 0 ? name_of(at, size)
                                                                              : "";
    }
    std::string own() const {
        sockaddr_storage at{};
        socklen_t size = sizeof at;
        return getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size) == 0 ? name_of(at, size)
                                                                              : "";
    }
    /// Sends back the next datagram.
    bool echo() const {
        if (!arrives())
            return false;
        char mark = 0;
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        return recvfrom(fd_, &mark, 1, 0, reinterpret_cast<sockaddr*>(&from), &size) == 1 &&
               sendto(fd_, &mark, 1, 0, reinterpret_cast<sockaddr*>(&from), size) == 1;
    }

private:
    static std::string name_of(const sockaddr_storage& at, socklen_t size) {
        char host[64] = "";
        char port[8] = "";
        (void)getnameinfo(reinterpret_cast<const sockaddr*>(&at), size, host, sizeof host, port,
                          sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
        return std::string(host) + " " + port;
    }
    bool arrives() const {
        pollfd wait{fd_, POLLIN, 0};
        return poll(&wait, 1, kPatience) == 1;
    }
    int error() const {
        int code = 0;
        socklen_t size = sizeof code;
        getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size);
        return code;
    }

    int fd_ = -1;
};

class Office {
public:
    Office() {
        const std::string into_inside = " netns " + inside.path();
        const std::string into_internet = " netns " + internet.path();
        run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 "
            "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "
            "net.ipv6.conf.default.accept_dad=0");
        inside.run_inside("ip link set lo up; sysctl -qw net.ipv6.conf.default.accept_dad=0");
        internet.run_inside("ip link set lo up; sysctl -qw net.ipv6.conf.default.accept_dad=0 "
                            "net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 "
                            "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0");
        run("ip link add eth1 type veth peer name eth0" + into_inside);
        run("ip link add eth2.5 type veth peer name charter" + into_internet);
        run("ip link add eth2.4 type veth peer name att" + into_internet);
        run("for i in eth1 eth2.5 eth2.4; do ip link set $i up; done");
        internet.run_inside(
            "ip link set charter up; ip link set att up;"
            "ip addr add 203.0.113.9/32 dev lo; ip addr add 2001:db8:ffff::9/128 dev lo");
        inside.run_inside("ip link set eth0 up");
        for (const char* version : {"-4", "-6"})
            run(std::string("ip ") + version +
                " rule add priority 10 lookup main suppress_prefixlength 0");
        build_line("charter", "eth2.5", "192.0.2", 49, 50, "29", "2001:db8:c", "10");
        build_line("att", "eth2.4", "198.51.100", 62, 61, "29", "2001:db8:a", "20");
        run("ip addr add 10.1.2.1/24 dev eth1; ip addr add fd00::1/64 dev eth1;"
            "ip route add 192.0.2.51 dev eth1; ip route add 198.51.100.60 dev eth1");
        internet.run_inside("ip route add 192.0.2.51 via 192.0.2.50;"
                            "ip route add 198.51.100.60 via 198.51.100.61");
        inside.run_inside(
            "for a in 10.1.2.3/24 192.0.2.51/32 198.51.100.60/32 fd00::3/64 2001:db8:c::3/64 "
            "2001:db8:a::3/64; do ip addr add $a dev eth0; done;"
            "ip route add default via 10.1.2.1; ip -6 route add default via fd00::1");
    }

    PeerNamespace inside;
    PeerNamespace internet;

private:
    void build_line(const std::string& name, const std::string& interface, const std::string& net4,
                    int gateway, int own, const std::string& length, const std::string& net6,
                    const std::string& metric) {
        const std::string gateway4 = net4 + "." + std::to_string(gateway);
        const std::string own4 = net4 + "." + std::to_string(own);
        const std::string link6 = net6 + ":ff::";
        run("ip addr add " + own4 + "/" + length + " dev " + interface + "; ip addr add " + link6 +
            "2/64 dev " + interface + "; ip addr add " + net6 + "::1/64 dev eth1");
        internet.run_inside("ip addr add " + gateway4 + "/" + length + " dev " + name +
                            "; ip addr add " + link6 + "1/64 dev " + name + "; ip route add " +
                            net6 + "::/48 via " + link6 + "2");
        const std::string table = "10" + metric;
        const std::string via4 = "default via " + gateway4 + " dev " + interface;
        const std::string via6 = "default via " + link6 + "1 dev " + interface;
        run("ip route add " + via4 + " metric " + metric + "; ip -6 route add " + via6 +
            " metric " + metric + "; ip route add " + via4 + " table " + table +
            "; ip -6 route add " + via6 + " table " + table + "; ip rule add priority 100 from " +
            net4 + ".0/24 lookup " + table + "; ip -6 rule add priority 100 from " + net6 +
            "::/48 lookup " + table);
    }
};

} // namespace multihomed::testing
