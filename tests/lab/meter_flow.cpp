// SPDX-License-Identifier: GPL-2.0-or-later
//
// The long-lived flows: one UDP socket or one TCP connection, a frame an interval, for ever.
//
// Records:  S time flow interval          started, with the flow's number
//           R sent served received source port sequence    an echo (times in ns)
//           E time errno                  sending failed (UDP goes on)
//           L time count                  the sender itself was late and skipped `count` ticks
//           O time                        TCP connection established
//           X time errno                  TCP connection broken (0: closed by the peer); the end
// A TCP connection that cannot send keeps what it could not send: TCP repeats, we do not.

#include "meter.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstring>

namespace multihomed::lab {
namespace {

class Flow {
public:
    Flow(const Options& options, int type)
        : log_(options.log_path), peer_(Endpoint::parse(options.to, options.port)),
          fd_(open_socket(options, peer_, type)), number_(static_cast<std::uint32_t>(getpid())) {
        log_.record("S %" PRId64 " %" PRIu32 " %" PRId64 "\n", now_ns(), number_,
                    options.interval_ns);
    }

protected:
    Frame next() {
        Frame frame;
        frame.flow = number_;
        frame.sequence = sequence_++;
        frame.sent_ns = now_ns();
        return frame;
    }

    void note(const Frame& frame) {
        log_.record("R %" PRId64 " %" PRId64 " %" PRId64 " %s %" PRIu32 " %" PRIu64 "\n",
                    frame.sent_ns, frame.served_ns, now_ns(), address_text(frame.source).c_str(),
                    frame.source_port, frame.sequence);
    }

    void note_late(std::uint64_t ticks) {
        if (ticks > 1) {
            log_.record("L %" PRId64 " %" PRIu64 "\n", now_ns(), ticks - 1);
        }
    }

    void note_error(char kind, int code) {
        log_.record("%c %" PRId64 " %d\n", kind, now_ns(), code);
    }

    Log log_;
    Endpoint peer_;
    int fd_;

private:
    std::uint32_t number_;
    std::uint64_t sequence_ = 0;
};

class UdpFlow : Flow {
public:
    explicit UdpFlow(const Options& options)
        : Flow(options, SOCK_DGRAM), ticker_(options.interval_ns) {
        if (connect(fd_, peer_.raw(), peer_.length) != 0) {
            die("connect " + options.to);
        }
    }

    [[noreturn]] void run() {
        std::array<pollfd, 2> watched{pollfd{ticker_.fd(), POLLIN, 0}, pollfd{fd_, POLLIN, 0}};
        while (true) {
            if (poll(watched.data(), watched.size(), -1) < 0) {
                die("poll");
            }
            receive();
            if (const auto ticks = ticker_.take(); ticks > 0) {
                note_late(ticks);
                const Frame frame = next();
                if (send(fd_, &frame, sizeof frame, 0) < 0) {
                    note_error('E', errno);
                }
            }
        }
    }

private:
    void receive() {
        Frame frame;
        while (true) {
            const auto size = recv(fd_, &frame, sizeof frame, 0);
            if (size == sizeof frame && frame.magic == Frame::kMagic) {
                note(frame);
            } else if (size < 0) {
                if (errno != EAGAIN) {
                    note_error('E', errno); // an ICMP error that the kernel tied to this socket
                }
                return;
            }
        }
    }

    Ticker ticker_;
};

class TcpFlow : Flow {
public:
    explicit TcpFlow(const Options& options)
        : Flow(options, SOCK_STREAM), ticker_(options.interval_ns) {}

    int run() {
        if (const int code = establish(); code != 0) {
            note_error('X', code);
            return 1;
        }
        log_.record("O %" PRId64 "\n", now_ns());
        std::array<pollfd, 2> watched{pollfd{ticker_.fd(), POLLIN, 0}, pollfd{fd_, POLLIN, 0}};
        while (true) {
            if (poll(watched.data(), watched.size(), -1) < 0) {
                die("poll");
            }
            int code = watched[1].revents != 0 ? receive() : kHealthy;
            if (const auto ticks = ticker_.take(); code == kHealthy && ticks > 0) {
                note_late(ticks);
                code = transmit();
            }
            if (code != kHealthy) {
                note_error('X', code);
                return 1;
            }
        }
    }

private:
    static constexpr int kHealthy = -1;

    int establish() {
        if (connect(fd_, peer_.raw(), peer_.length) == 0) {
            return 0;
        }
        if (errno != EINPROGRESS) {
            return errno;
        }
        pollfd watched{fd_, POLLOUT, 0};
        poll(&watched, 1, -1);
        int code = 0;
        socklen_t size = sizeof code;
        getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size);
        return code;
    }

    /// kHealthy, 0 for the peer's orderly close, or errno.
    int receive() {
        while (true) {
            const auto size = recv(fd_, incoming_.data() + filled_, incoming_.size() - filled_, 0);
            if (size < 0) {
                return errno == EAGAIN ? kHealthy : errno;
            }
            if (size == 0) {
                return 0;
            }
            filled_ += static_cast<std::size_t>(size);
            if (filled_ == incoming_.size()) {
                Frame frame;
                std::memcpy(&frame, incoming_.data(), sizeof frame);
                note(frame);
                filled_ = 0;
            }
        }
    }

    int transmit() {
        if (unsent_.empty()) {
            const Frame frame = next();
            unsent_.assign(reinterpret_cast<const char*>(&frame), sizeof frame);
        }
        const auto size = send(fd_, unsent_.data(), unsent_.size(), 0);
        if (size < 0) {
            return errno == EAGAIN ? kHealthy : errno;
        }
        unsent_.erase(0, static_cast<std::size_t>(size));
        return kHealthy;
    }

    Ticker ticker_;
    std::array<std::uint8_t, sizeof(Frame)> incoming_{};
    std::size_t filled_ = 0;
    std::string unsent_;
};

} // namespace

int measure_udp(const Options& options) {
    UdpFlow(options).run();
}

int measure_tcp(const Options& options) {
    return TcpFlow(options).run();
}

} // namespace multihomed::lab
