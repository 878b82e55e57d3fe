// SPDX-License-Identifier: GPL-2.0-or-later
//
// Clock, record file, addresses and sockets of the traffic meters; see meter.hpp.

#include "meter.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace multihomed::lab {

std::int64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void die(const std::string& what) {
    std::fprintf(stderr, "mh-meter: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

const sockaddr* Endpoint::raw() const {
    return reinterpret_cast<const sockaddr*>(&storage);
}
sockaddr* Endpoint::raw() {
    return reinterpret_cast<sockaddr*>(&storage);
}

Endpoint Endpoint::parse(const std::string& address, std::uint16_t port) {
    Endpoint result;
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    if (inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&result.storage, &v4, sizeof v4);
        result.length = sizeof v4;
    } else if (inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&result.storage, &v6, sizeof v6);
        result.length = sizeof v6;
    } else {
        errno = EINVAL;
        die("address " + address);
    }
    return result;
}

std::array<std::uint8_t, 16> address_bytes(const Endpoint& endpoint) {
    std::array<std::uint8_t, 16> bytes{};
    if (endpoint.family() == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &endpoint.storage, sizeof v6);
        std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    } else {
        sockaddr_in v4{};
        std::memcpy(&v4, &endpoint.storage, sizeof v4);
        bytes[10] = bytes[11] = 0xff;
        std::memcpy(bytes.data() + 12, &v4.sin_addr, 4);
    }
    return bytes;
}

std::uint16_t port_of(const Endpoint& endpoint) {
    // The port lies at the same place in both families' structures.
    sockaddr_in v4{};
    std::memcpy(&v4, &endpoint.storage, sizeof v4);
    return ntohs(v4.sin_port);
}

std::string address_text(const std::array<std::uint8_t, 16>& bytes) {
    constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (std::memcmp(bytes.data(), kMapped.data(), kMapped.size()) == 0) {
        inet_ntop(AF_INET, bytes.data() + kMapped.size(), text.data(), text.size());
    } else {
        inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
    }
    return text.data();
}

Log::Log(const std::string& path)
    : fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
    if (fd_ < 0) {
        die(path);
    }
}

void Log::record(const char* format, ...) {
    std::array<char, 256> line{};
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
    va_end(arguments);
    const auto size = static_cast<std::size_t>(length);
    if (length < 0 || size >= line.size() || write(fd_, line.data(), size) != length) {
        die("record");
    }
}

Ticker::Ticker(std::int64_t interval_ns)
    : fd_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    const timespec interval{interval_ns / 1'000'000'000, interval_ns % 1'000'000'000};
    const itimerspec timer{interval, interval};
    if (fd_ < 0 || timerfd_settime(fd_, 0, &timer, nullptr) != 0) {
        die("timerfd");
    }
}

std::uint64_t Ticker::take() const {
    std::uint64_t count = 0;
    return read(fd_, &count, sizeof count) == sizeof count ? count : 0;
}

int open_socket(const Options& options, const Endpoint& peer, int type) {
    const int fd = socket(peer.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        die("socket");
    }
    if (type == SOCK_STREAM) {
        const int yes = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    if (!options.bind.empty()) {
        const Endpoint local = Endpoint::parse(options.bind, 0);
        if (bind(fd, local.raw(), local.length) != 0) {
            die("bind " + options.bind);
        }
    }
    return fd;
}

void keep_time() {
    prctl(PR_SET_TIMERSLACK, 1);
    const sched_param priority{1};
    if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0) {
        std::fprintf(stderr, "mh-meter: no real-time priority: %s\n", std::strerror(errno));
    }
}

} // namespace multihomed::lab
