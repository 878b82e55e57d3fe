// SPDX-License-Identifier: GPL-2.0-or-later
//
// The echo server of the traffic meters: every frame goes back to whom it came from, with the
// server's time and the source it bore on arrival.
//
// Records:  U time flow sequence source port     a UDP frame
//           A time source port                   a TCP connection accepted
//           C time source port errno             and closed (0: by the peer, in order)
// One epoll set holds everything; a TCP connection is the sum of its unfinished frame.

#include "meter.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <unordered_map>

namespace multihomed::lab {
namespace {

struct Connection {
    Endpoint peer;
    std::array<std::uint8_t, sizeof(Frame)> buffer{};
    std::size_t filled = 0;
};

class Server {
public:
    explicit Server(const Options& options) : log_(options.log_path), epoll_(epoll_create1(0)) {
        for (const auto& address : options.listen) {
            const auto endpoint = Endpoint::parse(address, options.port);
            udp_.push_back(open(endpoint, SOCK_DGRAM));
            tcp_.push_back(open(endpoint, SOCK_STREAM));
        }
        log_.record("# serving %" PRId64 "\n", now_ns());
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 64> events{};
        while (true) {
            const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < count; ++i) {
                handle(events.at(static_cast<std::size_t>(i)).data.fd);
            }
        }
    }

private:
    int open(const Endpoint& endpoint, int type) {
        const int fd = open_socket({}, endpoint, type);
        const int yes = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        if (bind(fd, endpoint.raw(), endpoint.length) != 0) {
            die("bind");
        }
        if (type == SOCK_STREAM && listen(fd, 256) != 0) {
            die("listen");
        }
        watch(fd);
        return fd;
    }

    void watch(int fd) const {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
            die("epoll");
        }
    }

    void handle(int fd) {
        if (std::find(udp_.begin(), udp_.end(), fd) != udp_.end()) {
            echo_datagrams(fd);
        } else if (std::find(tcp_.begin(), tcp_.end(), fd) != tcp_.end()) {
            accept_all(fd);
        } else {
            echo_stream(fd);
        }
    }

    void echo_datagrams(int fd) {
        Frame frame;
        Endpoint peer;
        while (true) {
            peer.length = sizeof peer.storage;
            const auto size = recvfrom(fd, &frame, sizeof frame, 0, peer.raw(), &peer.length);
            if (size < 0) {
                return;
            }
            if (size != sizeof frame || frame.magic != Frame::kMagic) {
                continue;
            }
            fill(frame, peer);
            sendto(fd, &frame, sizeof frame, 0, peer.raw(), peer.length);
            log_.record("U %" PRId64 " %" PRIu32 " %" PRIu64 " %s %" PRIu32 "\n", frame.served_ns,
                        frame.flow, frame.sequence, address_text(frame.source).c_str(),
                        frame.source_port);
        }
    }

    void accept_all(int listener) {
        while (true) {
            Connection connection;
            connection.peer.length = sizeof connection.peer.storage;
            const int fd = accept4(listener, connection.peer.raw(), &connection.peer.length,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) {
                return;
            }
            log_.record("A %" PRId64 " %s %u\n", now_ns(), text(connection.peer).c_str(),
                        unsigned{port_of(connection.peer)});
            connections_.emplace(fd, connection);
            watch(fd);
        }
    }

    void echo_stream(int fd) {
        auto& connection = connections_.at(fd);
        while (true) {
            const auto size = recv(fd, connection.buffer.data() + connection.filled,
                                   connection.buffer.size() - connection.filled, 0);
            if (size < 0 && errno == EAGAIN) {
                return;
            }
            if (size <= 0) {
                close_connection(fd, size == 0 ? 0 : errno);
                return;
            }
            connection.filled += static_cast<std::size_t>(size);
            if (connection.filled == connection.buffer.size()) {
                Frame frame;
                std::memcpy(&frame, connection.buffer.data(), sizeof frame);
                fill(frame, connection.peer);
                // A full send buffer loses the echo; the client then simply sees a gap.
                send(fd, &frame, sizeof frame, 0);
                connection.filled = 0;
            }
        }
    }

    void close_connection(int fd, int code) {
        const auto& peer = connections_.at(fd).peer;
        log_.record("C %" PRId64 " %s %u %d\n", now_ns(), text(peer).c_str(),
                    unsigned{port_of(peer)}, code);
        connections_.erase(fd);
        close(fd);
    }

    static std::string text(const Endpoint& peer) { return address_text(address_bytes(peer)); }

    static void fill(Frame& frame, const Endpoint& peer) {
        frame.served_ns = now_ns();
        frame.source = address_bytes(peer);
        frame.source_port = port_of(peer);
    }

    Log log_;
    int epoll_ = -1;
    std::vector<int> udp_;
    std::vector<int> tcp_;
    std::unordered_map<int, Connection> connections_;
};

} // namespace

int serve(const Options& options) {
    Server(options).run();
}

} // namespace multihomed::lab
