// SPDX-License-Identifier: GPL-2.0-or-later
//
// A network in virtual time: it answers echo requests (behind PacketSocket) after a delay, or
// loses, doubles, forges or misdirects them, as told. To probes of other kinds (behind ProbeSocket)
// things happen without any packets. advance() jumps from event to event and drives a Prober as the
// daemon's loop would.
#pragma once

#include "probe/echo_socket.hpp"
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
        core::ProbeTarget::Kind kind = core::ProbeTarget::Kind::icmp;
    };
    /// What becomes of a request: the packets that arrive at its socket.
    using Fate = std::function<std::vector<Packet>(const core::ProbePlan&, const Address& target,
                                                   const std::vector<std::uint8_t>& request)>;

    Time now = Time{} + std::chrono::hours(1);
    Fate fate = [this](const core::ProbePlan& plan, const Address& target, const auto& request) {
        return std::vector{reply(plan, target, request, std::chrono::milliseconds(20))};
    };
    /// What becomes of a probe of another kind.
    std::function<std::vector<probe::Outcome>(const core::ProbeTarget&, std::uint16_t sequence)>
        other_fate = [this](const core::ProbeTarget& target, std::uint16_t sequence) {
            return std::vector{probe::Outcome{.sequence = sequence,
                                              .target = target.address,
                                              .at = now + std::chrono::milliseconds(20)}};
        };
    /// Probes of other kinds that nobody has given up yet, answered or not.
    std::vector<Time> pending;
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
        return
            [this, echo = probe::echo_sockets(packet_factory())](
                const core::ProbePlan& plan,
                core::ProbeTarget::Kind kind) -> core::Result<std::unique_ptr<probe::ProbeSocket>> {
                if (kind == core::ProbeTarget::Kind::icmp)
                    return echo(plan);
                return std::unique_ptr<probe::ProbeSocket>(std::make_unique<Other>(*this, plan));
            };
    }

    /// Lets time pass up to `until`. Counts the wake-ups, returns whether any of them brought news.
    bool advance(probe::Prober& prober, Time until) {
        bool news = false;
        for (;;) {
            std::optional<Time> next = prober.next_deadline();
            for (const Inbox* socket : sockets_)
                if (const auto arrival = socket->next_arrival(); arrival)
                    next = next ? std::min(*next, *arrival) : *arrival;
            if (!next || *next > until)
                break;
            now = std::max(now, *next);
            deliver();
            ++wakeups;
            if (is_readable(prober)) {
                ++readings;
                news |= prober.on_readable(now);
            }
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
    std::uint64_t readings = 0; ///< of these, because of the prober's descriptor

private:
    class Inbox {
    public:
        virtual ~Inbox() = default;
        virtual std::optional<Time> next_arrival() const = 0;
        virtual void deliver() = 0;
    };
    /// What is on its way to a socket, and what has arrived; the items have a time, `at`.
    template <class Item>
    class Mailbox final : public Inbox {
    public:
        explicit Mailbox(FakeNetwork& network)
            : network_(network), fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
            network_.sockets_.push_back(this);
            ++network_.open_now;
        }
        ~Mailbox() override {
            std::erase(network_.sockets_, this);
            --network_.open_now;
            close(fd_);
        }
        Mailbox(const Mailbox&) = delete;
        Mailbox& operator=(const Mailbox&) = delete;

        int fd() const { return fd_; }
        void put(std::vector<Item> items) {
            for (Item& item : items)
                on_the_way_.push_back(std::move(item));
        }
        std::vector<Item> take() {
            std::uint64_t count = 0;
            (void)!read(fd_, &count, sizeof count);
            return std::exchange(arrived_, {});
        }
        std::optional<Time> next_arrival() const override {
            const auto first = std::ranges::min_element(on_the_way_, {}, &Item::at);
            return first == on_the_way_.end() ? std::nullopt : std::optional(first->at);
        }
        void deliver() override {
            std::ranges::stable_sort(on_the_way_, {}, &Item::at);
            while (!on_the_way_.empty() && on_the_way_.front().at <= network_.now) {
                arrived_.push_back(std::move(on_the_way_.front()));
                on_the_way_.pop_front();
                const std::uint64_t one = 1;
                (void)!write(fd_, &one, sizeof one);
            }
        }

    private:
        FakeNetwork& network_;
        int fd_;
        std::deque<Item> on_the_way_;
        std::vector<Item> arrived_;
    };

    class Packets final : public probe::PacketSocket {
    public:
        Packets(FakeNetwork& network, core::ProbePlan plan)
            : network_(network), plan_(std::move(plan)), box_(network) {}
        int fd() const override { return box_.fd(); }
        core::Result<Time> send(const Address& target,
                                std::span<const std::uint8_t> message) override {
            if (!network_.send_error.empty())
                return core::Error{101, network_.send_error};
            network_.sent.push_back({network_.now, plan_.interface, target});
            box_.put(network_.fate(plan_, target, {message.begin(), message.end()}));
            return network_.now;
        }
        void receive(const std::function<void(const probe::Arrival&)>& each) override {
            for (const Packet& packet : box_.take())
                each({packet.from, packet.bytes, packet.at});
        }

    private:
        FakeNetwork& network_;
        core::ProbePlan plan_;
        Mailbox<Packet> box_;
    };

    class Other final : public probe::ProbeSocket {
    public:
        Other(FakeNetwork& network, core::ProbePlan plan)
            : network_(network), plan_(std::move(plan)), box_(network) {}
        int fd() const override { return box_.fd(); }
        core::Result<Time> send(const core::ProbeTarget& target, std::uint16_t sequence) override {
            if (!network_.send_error.empty())
                return core::Error{101, network_.send_error};
            network_.sent.push_back({network_.now, plan_.interface, target.address, target.kind});
            network_.pending.push_back(network_.now);
            box_.put(network_.other_fate(target, sequence));
            return network_.now;
        }
        void receive(const Take& each) override {
            for (const probe::Outcome& outcome : box_.take())
                each(outcome);
        }
        std::optional<Time> oldest_pending() const override {
            return network_.pending.empty() ? std::nullopt : std::optional(network_.pending[0]);
        }
        void give_up(Time sent_until) override {
            std::erase_if(network_.pending, [&](Time sent) { return sent <= sent_until; });
        }

    private:
        FakeNetwork& network_;
        core::ProbePlan plan_;
        Mailbox<probe::Outcome> box_;
    };

    probe::PacketSocketFactory packet_factory() {
        return [this](const core::ProbePlan& plan, const probe::EchoIdentity&)
                   -> core::Result<std::unique_ptr<probe::PacketSocket>> {
            if (!open_error.empty())
                return core::Error{13, open_error};
            ++opened;
            return std::unique_ptr<probe::PacketSocket>(std::make_unique<Packets>(*this, plan));
        };
    }
    void deliver() {
        for (Inbox* socket : sockets_)
            socket->deliver();
    }
    static bool is_readable(const probe::Prober& prober) {
        pollfd entry{prober.fd(), POLLIN, 0};
        return poll(&entry, 1, 0) > 0;
    }

    std::vector<Inbox*> sockets_;
};

} // namespace multihomed::testing
