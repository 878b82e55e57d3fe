// SPDX-License-Identifier: GPL-2.0-or-later
//
// New connections: every interval one more TCP connection is begun, whatever became of the others,
// sends one frame and waits for its echo.
//
// Records:  N begun established echoed source port    it worked (times in ns)
//           F begun failed errno                      it did not (ETIMEDOUT: our own patience)
// "New connections work again" is read off the `begun` of the first N after a fault, not off the
// time of its success: a SYN that was lost is repeated a second later and would blur the answer.

#include "meter.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <map>

namespace multihomed::lab {
namespace {

struct Attempt {
    std::int64_t begun_ns = 0;
    std::int64_t established_ns = 0;
};

class Connector {
public:
    explicit Connector(const Options& options)
        : options_(options), log_(options.log_path),
          peer_(Endpoint::parse(options.to, options.port)), epoll_(epoll_create1(0)),
          ticker_(options.interval_ns) {
        watch(ticker_.fd(), EPOLLIN, EPOLL_CTL_ADD);
        log_.record("S %" PRId64 " 0 %" PRId64 "\n", now_ns(), options.interval_ns);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 64> events{};
        while (true) {
            const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < count; ++i) {
                const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
                if (fd != ticker_.fd()) {
                    proceed(fd);
                } else if (ticker_.take() > 0) {
                    give_up_old();
                    begin();
                }
            }
        }
    }

private:
    void watch(int fd, std::uint32_t what, int operation) const {
        epoll_event event{};
        event.events = what;
        event.data.fd = fd;
        if (epoll_ctl(epoll_, operation, fd, &event) != 0) {
            die("epoll");
        }
    }

    void begin() {
        const Attempt attempt{now_ns(), 0};
        const int fd = open_socket(options_, peer_, SOCK_STREAM);
        // Closing sends RST, so that neither side keeps TIME-WAIT state.
        const linger at_once{1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        if (connect(fd, peer_.raw(), peer_.length) != 0 && errno != EINPROGRESS) {
            log_.record("F %" PRId64 " %" PRId64 " %d\n", attempt.begun_ns, now_ns(), errno);
            close(fd);
            return;
        }
        attempts_.emplace(fd, attempt);
        watch(fd, EPOLLOUT, EPOLL_CTL_ADD);
    }

    void proceed(int fd) {
        const auto found = attempts_.find(fd);
        if (found == attempts_.end()) {
            return;
        }
        if (found->second.established_ns == 0) {
            send_frame(fd, found->second);
        } else {
            receive_frame(fd, found->second);
        }
    }

    void send_frame(int fd, Attempt& attempt) {
        int code = 0;
        socklen_t size = sizeof code;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size);
        Frame frame;
        frame.sent_ns = now_ns();
        if (code == 0 && send(fd, &frame, sizeof frame, 0) < 0) {
            code = errno;
        }
        if (code != 0) {
            fail(fd, code);
            return;
        }
        attempt.established_ns = now_ns();
        watch(fd, EPOLLIN, EPOLL_CTL_MOD);
    }

    void receive_frame(int fd, const Attempt& attempt) {
        Frame frame;
        const auto size = recv(fd, &frame, sizeof frame, 0);
        if (size != sizeof frame) {
            fail(fd, size < 0 ? errno : ECONNRESET);
            return;
        }
        log_.record("N %" PRId64 " %" PRId64 " %" PRId64 " %s %" PRIu32 "\n", attempt.begun_ns,
                    attempt.established_ns, now_ns(), address_text(frame.source).c_str(),
                    frame.source_port);
        attempts_.erase(fd);
        close(fd);
    }

    void fail(int fd, int code) {
        log_.record("F %" PRId64 " %" PRId64 " %d\n", attempts_.at(fd).begun_ns, now_ns(), code);
        attempts_.erase(fd);
        close(fd);
    }

    void give_up_old() {
        const auto limit = now_ns() - options_.timeout_ns;
        for (auto it = attempts_.begin(); it != attempts_.end();) {
            const auto [fd, attempt] = *it++;
            if (attempt.begun_ns < limit) {
                fail(fd, ETIMEDOUT);
            }
        }
    }

    Options options_;
    Log log_;
    Endpoint peer_;
    int epoll_ = -1;
    Ticker ticker_;
    std::map<int, Attempt> attempts_;
};

} // namespace

int measure_connect(const Options& options) {
    Connector(options).run();
}

} // namespace multihomed::lab
