// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the traffic meters share: the frame that travels, the clock, the record file, sockets.
//
// A meter only sends, receives and writes records; no gap is computed here.  Whoever asks later,
// for whatever window of time, computes it from the records (lab/meters.py).  A record is one line
// of text and one write(2), so that nothing is lost when the meter is killed.  All times are
// CLOCK_MONOTONIC nanoseconds, which all namespaces of one machine share, so that a server's time
// and a client's can be subtracted.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::lab {

struct Options {
    std::string mode;
    std::string log_path;
    std::vector<std::string> listen;
    std::string to;
    std::string bind;
    std::uint16_t port = 5000;
    std::int64_t interval_ns = 2'000'000;
    std::int64_t timeout_ns = 1'000'000'000;
};

/// What a client sends and the server sends back, with its fields of the server filled in.
struct Frame {
    static constexpr std::uint32_t kMagic = 0x6d684c42;

    std::uint32_t magic = kMagic;
    std::uint32_t flow = 0; ///< chosen by the client, tells flows apart at the server
    std::uint64_t sequence = 0;
    std::int64_t sent_ns = 0;
    std::int64_t served_ns = 0;            ///< when the server had it
    std::array<std::uint8_t, 16> source{}; ///< whom the server saw, IPv4 as ::ffff:a.b.c.d
    std::uint32_t source_port = 0;
    std::uint32_t unused = 0;
};
static_assert(sizeof(Frame) == 56);

std::int64_t now_ns();

/// An address and port of either family.
struct Endpoint {
    sockaddr_storage storage{};
    socklen_t length = 0;

    [[nodiscard]] int family() const { return storage.ss_family; }
    [[nodiscard]] const sockaddr* raw() const;
    [[nodiscard]] sockaddr* raw();
    static Endpoint parse(const std::string& address, std::uint16_t port);
};

std::array<std::uint8_t, 16> address_bytes(const Endpoint& endpoint);
std::uint16_t port_of(const Endpoint& endpoint);
std::string address_text(const std::array<std::uint8_t, 16>& bytes);

/// The record file, one line a call.
class Log {
public:
    explicit Log(const std::string& path);
    void record(const char* format, ...) __attribute__((format(printf, 2, 3)));

private:
    int fd_ = -1;
};

/// Fires at multiples of an interval since its start, without drift.
class Ticker {
public:
    explicit Ticker(std::int64_t interval_ns);
    [[nodiscard]] int fd() const { return fd_; }
    /// How many intervals have passed since the last call.
    [[nodiscard]] std::uint64_t take() const;

private:
    int fd_ = -1;
};

/// A non-blocking socket bound to options.bind if given; ends the program when that fails.
int open_socket(const Options& options, const Endpoint& peer, int type);

/// Real-time priority and no timer slack, where the kernel lets us.
void keep_time();

[[noreturn]] void die(const std::string& what);

int serve(const Options& options);
int measure_udp(const Options& options);
int measure_tcp(const Options& options);
int measure_connect(const Options& options);

} // namespace multihomed::lab
