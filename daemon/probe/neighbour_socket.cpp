// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/neighbour_socket.hpp"

#include "probe/line_socket.hpp"
#include "probe/neighbour_codec.hpp"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>

namespace multihomed::probe {

namespace {

constexpr int kHopLimit = 255; ///< RFC 4861, section 7.1: it cannot have come from elsewhere

/// A packet socket of the plan's device, which gets what has this EtherType; 0: nothing.
core::Result<Descriptor> open_packet_socket(const core::ProbePlan& plan, std::uint16_t ethertype,
                                            const sock_fprog* filter) {
    auto opened = open_socket(plan, AF_PACKET, SOCK_DGRAM, 0);
    if (!opened)
        return opened;
    if (filter != nullptr &&
        setsockopt(opened->get(), SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof *filter) != 0)
        return socket_failure(plan, "setting options");
    sockaddr_ll device{};
    device.sll_family = AF_PACKET;
    device.sll_protocol = htons(ethertype);
    device.sll_ifindex = static_cast<int>(plan.ifindex);
    if (plan.ifindex == 0 ||
        bind(opened->get(), reinterpret_cast<const sockaddr*>(&device), sizeof device) != 0)
        return socket_failure(plan, "binding to the device");
    return opened;
}

/// Of the device as it is now; nothing if it has no Ethernet address.
std::optional<MacAddress> mac_of(const Descriptor& packet_socket) {
    sockaddr_ll device{};
    socklen_t size = sizeof device;
    MacAddress mac{};
    if (getsockname(packet_socket.get(), reinterpret_cast<sockaddr*>(&device), &size) != 0 ||
        device.sll_hatype != ARPHRD_ETHER || device.sll_halen != mac.size())
        return std::nullopt;
    std::copy_n(static_cast<const unsigned char*>(device.sll_addr), mac.size(), mac.begin());
    return mac;
}

/// Questions that wait for an answer.
class Waiting {
public:
    void add(const core::Address& target, std::uint16_t sequence, core::Time sent) {
        waiting_.push_back({target, sequence, sent});
    }
    std::optional<Outcome> answered(const core::Address& target, core::Time at) {
        const auto newest = std::find_if(waiting_.rbegin(), waiting_.rend(), [&](const auto& one) {
            return one.target == target && one.sent <= at;
        });
        if (newest == waiting_.rend())
            return std::nullopt;
        const Outcome outcome{.sequence = newest->sequence, .target = target, .at = at};
        waiting_.erase(std::prev(newest.base()));
        return outcome;
    }
    std::optional<core::Time> oldest() const {
        return waiting_.empty() ? std::nullopt : std::optional(waiting_.front().sent);
    }
    void give_up(core::Time sent_until) {
        while (!waiting_.empty() && waiting_.front().sent <= sent_until)
            waiting_.pop_front();
    }

private:
    struct Question {
        core::Address target;
        std::uint16_t sequence;
        core::Time sent;
    };
    std::deque<Question> waiting_; ///< oldest first
};

class ArpSocket final : public ProbeSocket {
public:
    ArpSocket(const core::ProbePlan& plan, Descriptor fd)
        : source_(plan.source), ifindex_(plan.ifindex), fd_(std::move(fd)) {}

    static core::Result<std::unique_ptr<ProbeSocket>> open(const core::ProbePlan& plan) {
        // A segment with many hosts is full of requests; only replies get as far as us.
        std::array<sock_filter, 4> code{{
            {BPF_LD | BPF_H | BPF_ABS, 0, 0, kArpOperationAt},
            {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, kArpReply},
            {BPF_RET | BPF_K, 0, 0, 0},
            {BPF_RET | BPF_K, 0, 0, 0xffffffffU},
        }};
        const sock_fprog filter{static_cast<unsigned short>(code.size()), code.data()};
        auto opened = open_packet_socket(plan, ETHERTYPE_ARP, &filter);
        if (!opened)
            return opened.error();
        if (!ask_for_stamps(opened->get()))
            return socket_failure(plan, "setting options");
        return std::unique_ptr<ProbeSocket>(
            std::make_unique<ArpSocket>(plan, std::move(opened.value())));
    }

    int fd() const override { return fd_.get(); }

    core::Result<core::Time> send(const core::ProbeTarget& target,
                                  std::uint16_t sequence) override {
        const auto ours = mac_of(fd_);
        if (!ours)
            return core::Error{0, "the interface has no Ethernet address"};
        const auto request = encode_arp_request(*ours, source_, target.address);
        sockaddr_ll to{};
        to.sll_family = AF_PACKET;
        to.sll_protocol = htons(ETHERTYPE_ARP);
        to.sll_ifindex = static_cast<int>(ifindex_);
        to.sll_halen = static_cast<unsigned char>(ours->size());
        std::memset(to.sll_addr, 0xff, ours->size());
        const core::Time before = monotonic_now();
        if (sendto(fd(), request.data(), request.size(), MSG_DONTWAIT,
                   reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0)
            return send_failure();
        waiting_.add(target.address, sequence, before);
        return before;
    }

    void receive(const Take& each) override {
        reader_.read(fd(), [&](const Received& received) {
            const auto reply = decode_arp_reply(received.bytes);
            if (!reply || reply->target != source_)
                return;
            if (const auto outcome = waiting_.answered(reply->sender, received.at))
                each(*outcome);
        });
    }

    std::optional<core::Time> oldest_pending() const override { return waiting_.oldest(); }
    void give_up(core::Time sent_until) override { waiting_.give_up(sent_until); }

private:
    core::Address source_;
    std::uint32_t ifindex_;
    Descriptor fd_;
    Waiting waiting_;
    PacketReader reader_;
};

class DiscoverySocket final : public ProbeSocket {
public:
    DiscoverySocket(const core::ProbePlan& plan, Descriptor fd, Descriptor device)
        : source_(plan.source), ifindex_(plan.ifindex), fd_(std::move(fd)),
          device_(std::move(device)) {}

    static core::Result<std::unique_ptr<ProbeSocket>> open(const core::ProbePlan& plan) {
        auto opened = open_socket(plan, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
        if (!opened)
            return opened.error();
        const int fd = opened->get();
        if (!bind_to_device(fd, plan))
            return socket_failure(plan, "binding to the device");
        icmp6_filter filter;
        ICMP6_FILTER_SETBLOCKALL(&filter);
        ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &filter);
        const int on = 1;
        if (setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) != 0 ||
            setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &kHopLimit, sizeof kHopLimit) != 0 ||
            setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on) != 0 ||
            !ask_for_stamps(fd))
            return socket_failure(plan, "setting options");
        auto device = open_packet_socket(plan, 0, nullptr);
        if (!device)
            return device.error();
        return std::unique_ptr<ProbeSocket>(std::make_unique<DiscoverySocket>(
            plan, std::move(opened.value()), std::move(device.value())));
    }

    int fd() const override { return fd_.get(); }

    core::Result<core::Time> send(const core::ProbeTarget& target,
                                  std::uint16_t sequence) override {
        const auto message = encode_neighbour_solicitation(target.address, mac_of(device_));
        const core::Time before = monotonic_now();
        if (send_from(source_for(target.address), solicited_node(target.address), message) < 0)
            return send_failure();
        waiting_.add(target.address, sequence, before);
        return before;
    }

    void receive(const Take& each) override {
        reader_.read(fd(), [&](const Received& received) {
            const auto told = decode_neighbour_advertisement(received.bytes);
            if (!told || !told->solicited || received.hop_limit != kHopLimit)
                return;
            if (const auto outcome = waiting_.answered(told->target, received.at))
                each(*outcome);
        });
    }

    std::optional<core::Time> oldest_pending() const override { return waiting_.oldest(); }
    void give_up(core::Time sent_until) override { waiting_.give_up(sent_until); }

private:
    /// Any address of the interface will do (RFC 4861, section 7.2.2). A gateway that is known by
    /// its link-local address need not take the line's prefix for on-link: unspecified means the
    /// kernel's choice, our own link-local address.
    core::Address source_for(const core::Address& target) const {
        return core::is_link_local(target) && !core::is_link_local(source_)
                   ? core::Address(boost::asio::ip::address_v6::any())
                   : source_;
    }

    ssize_t send_from(const core::Address& source, const core::Address& to,
                      const std::vector<std::uint8_t>& message) const {
        SocketAddress destination = to_socket_address(to, 0, ifindex_);
        reinterpret_cast<sockaddr_in6&>(destination.storage).sin6_scope_id = ifindex_;
        in6_pktinfo choice{};
        std::memcpy(&choice.ipi6_addr, core::address_bytes(source).data(), sizeof choice.ipi6_addr);
        choice.ipi6_ifindex = ifindex_;
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof choice)> control{};
        iovec part{const_cast<std::uint8_t*>(message.data()), message.size()};
        msghdr header{};
        header.msg_name = &destination.storage;
        header.msg_namelen = destination.length;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        cmsghdr* info = CMSG_FIRSTHDR(&header);
        info->cmsg_level = IPPROTO_IPV6;
        info->cmsg_type = IPV6_PKTINFO;
        info->cmsg_len = CMSG_LEN(sizeof choice);
        std::memcpy(CMSG_DATA(info), &choice, sizeof choice);
        return sendmsg(fd(), &header, MSG_DONTWAIT);
    }

    core::Address source_;
    std::uint32_t ifindex_;
    Descriptor fd_;
    Descriptor device_; ///< receives nothing; tells the link-layer address
    Waiting waiting_;
    PacketReader reader_;
};

} // namespace

core::Result<std::unique_ptr<ProbeSocket>> neighbour_socket(const core::ProbePlan& plan,
                                                            const core::Privileged& privileged) {
    core::Result<std::unique_ptr<ProbeSocket>> result =
        core::Error{0, "capabilities could not be raised"};
    privileged([&] {
        result = plan.key.family == core::Family::v4 ? ArpSocket::open(plan)
                                                     : DiscoverySocket::open(plan);
    });
    return result;
}

} // namespace multihomed::probe
