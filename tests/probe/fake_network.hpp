// SPDX-License-Identifier: GPL-2.0-or-later
//
// A network in virtual time behind ProbeSocket: it answers echo requests after a delay, or loses,
// doubles, forges or misdirects them, as told. advance() jumps from event to event and drives a
// Prober as the daemon's loop would.
#pragma once

#include "probe/prober.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::testing {

using core::Address;
using core::Time;

class FakeNetwork {
public:
    struct Packet {
        Time at;
        Address from;
        std::vector<std::uint8_t> bytes;
    };
    struct Sent {
        Time at;
        std::string interface;
        Address target;
    };
    /// What becomes of a request: the packets that arrive at its socket.
    using Fate = std::function<std::vector<Packet>(const core::ProbePlan&, const Address& target,
                                                   const std::vector<std::uint8_t>& request)>;

    Time now = Time{} + std::chrono::hours(1);
    Fate fate = [this](const core::ProbePlan& plan, const Address& target, const auto& request) {
        return std::vector{reply(plan, target, request, std::chrono::milliseconds(20))};
    };
    std::string open_error;
    std::string send_error;
    std::vector<Sent> sent;
    int opened = 0;
    int open_now = 0;

    /// The reply of an honest target to this request.
    Packet reply(const core::ProbePlan& plan, const Address& target,
                 std::vector<std::uint8_t> request, std::chrono::microseconds delay) const {
        const bool v4 = plan.key.family == core::Family::v4;
        request[0] = v4 ? 0 : 129;
        if (v4)
            request = behind_ipv4_header(with_checksum(std::move(request)));
        return {now + delay, target, std::move(request)};
    }
    /// The checksum of an ICMP message of even length, by RFC 1071.
    static std::vector<std::uint8_t> with_checksum(std::vector<std::uint8_t> message) {
        message[2] = message[3] = 0;
        unsigned sum = 0;
        for (std::size_t i = 0; i < message.size(); i += 2)
            sum += static_cast<unsigned>(message[i]) << 8U | message[i + 1];
        while (sum > 0xffff)
            sum = (sum & 0xffff) + (sum >> 16U);
        message[2] = static_cast<std::uint8_t>(~sum >> 8U & 0xffU);
        message[3] = static_cast<std::uint8_t>(~sum & 0xffU);
        return message;
    }
    static std::vector<std::uint8_t> behind_ipv4_header(const std::vector<std::uint8_t>& message) {
        std::vector<std::uint8_t> packet(20);
        packet[0] = 0x45;
        packet[9] = 1;
        packet.insert(packet.end(), message.begin(), message.end());
        return packet;
    }

    probe::ProbeSocketFactory factory() {
        return [this](const core::ProbePlan& plan, const probe::EchoIdentity&)
                   -> core::Result<std::unique_ptr<probe::ProbeSocket>> {
            if (!open_error.empty())
                return core::Error{13, open_error};
            ++opened;
            return std::unique_ptr<probe::ProbeSocket>(std::make_unique<Socket>(*this, plan));
        };
    }

    /// Lets time pass up to `until`. Counts the wake-ups, returns whether any of them brought news.
    bool advance(probe::Prober& prober, Time until) {
        bool news = false;
        for (;;) {
            std::optional<Time> next = prober.next_deadline();
            for (const Socket* socket : sockets_)
                if (const auto arrival = socket->next_arrival(); arrival)
                    next = next ? std::min(*next, *arrival) : *arrival;
            if (!next || *next > until)
                break;
            now = std::max(now, *next);
            deliver();
            ++wakeups;
            if (is_readable(prober))
                news |= prober.on_readable(now);
            if (const auto due = prober.next_deadline(); due && *due <= now)
                news |= prober.on_time(now);
        }
        now = until;
        return news;
    }
    bool advance(probe::Prober& prober, std::chrono::milliseconds time) {
        return advance(prober, now + time);
    }
    /// Time passes, packets arrive, and nobody looks.
    void oversleep(std::chrono::milliseconds time) {
        now += time;
        deliver();
    }
    std::uint64_t wakeups = 0;

private:
    class Socket final : public probe::ProbeSocket {
    public:
        Socket(FakeNetwork& network, core::ProbePlan plan)
            : network_(network), plan_(std::move(plan)),
              fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
            network_.sockets_.push_back(this);
            ++network_.open_now;
        }
        ~Socket() override {
            std::erase(network_.sockets_, this);
            --network_.open_now;
            close(fd_);
        }
        int fd() const override { return fd_; }
        core::Result<Time> send(const Address& target,
                                std::span<const std::uint8_t> message) override {
            if (!network_.send_error.empty())
                return core::Error{101, network_.send_error};
            network_.sent.push_back({network_.now, plan_.interface, target});
            const std::vector<std::uint8_t> request(message.begin(), message.end());
            for (Packet& packet : network_.fate(plan_, target, request))
                on_the_way_.push_back(std::move(packet));
            return network_.now;
        }
        void receive(const std::function<void(const probe::Arrival&)>& each) override {
            std::uint64_t count = 0;
            (void)!read(fd_, &count, sizeof count);
            for (const Packet& packet : std::exchange(arrived_, {}))
                each({packet.from, packet.bytes, packet.at});
        }
        std::optional<Time> next_arrival() const {
            const auto first = std::ranges::min_element(on_the_way_, {}, &Packet::at);
            return first == on_the_way_.end() ? std::nullopt : std::optional(first->at);
        }
        void deliver() {
            std::ranges::stable_sort(on_the_way_, {}, &Packet::at);
            while (!on_the_way_.empty() && on_the_way_.front().at <= network_.now) {
                arrived_.push_back(std::move(on_the_way_.front()));
                on_the_way_.pop_front();
                const std::uint64_t one = 1;
                (void)!write(fd_, &one, sizeof one);
            }
        }

    private:
        FakeNetwork& network_;
        core::ProbePlan plan_;
        int fd_;
        std::deque<Packet> on_the_way_;
        std::vector<Packet> arrived_;
    };

    void deliver() {
        for (Socket* socket : sockets_)
            socket->deliver();
    }
    static bool is_readable(const probe::Prober& prober) {
        pollfd entry{prober.fd(), POLLIN, 0};
        return poll(&entry, 1, 0) > 0;
    }

    std::vector<Socket*> sockets_;
};

} // namespace multihomed::testing
