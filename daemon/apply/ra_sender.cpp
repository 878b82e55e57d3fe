// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/ra_sender.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <random>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace multihomed::apply {

namespace {

using namespace std::chrono_literals;

constexpr int kHopLimit = 255;
constexpr auto kLookForRivals = 10s;
/// The same warning again after so long.
constexpr auto kWarnAgain = 1h;
constexpr std::size_t kMaxOthers = 16;
/// Messages in one go, so that a flood leaves time for the rest of the daemon.
constexpr int kMaxMessages = 64;

const char* const kAllHosts = "ff02::1";
const char* const kAllRouters = "ff02::2";

in6_addr raw_address(const core::Address& address) {
    in6_addr raw;
    std::memcpy(&raw, core::address_bytes(address).data(), sizeof raw);
    return raw;
}

core::Error failure(const std::string& what) {
    const int code = errno;
    return {code, what + ": " + std::strerror(code)};
}

RaSchedule::Random random_numbers() {
    // shared by all interfaces: it is copied with the function
    auto engine = std::make_shared<std::mt19937>(std::random_device{}());
    return [engine] { return std::uniform_real_distribution<double>(0.0, 1.0)(*engine); };
}

bool set_option(int fd, int name, int value) {
    return setsockopt(fd, IPPROTO_IPV6, name, &value, sizeof value) == 0;
}

/// How many advertisements have left the interface since it was made, whoever sent them.
std::optional<std::uint64_t> count_advertisements(const std::string& interface) {
    std::ifstream file("/proc/thread-self/net/dev_snmp6/" + interface);
    std::string name;
    std::uint64_t value = 0;
    if (!file)
        return std::nullopt;
    while (file >> name >> value)
        if (name == "Icmp6OutType134")
            return value;
    return 0; // the kernel shows what is not zero
}

/// A received message and what came with it.
struct Received {
    std::array<std::uint8_t, 2048> bytes{};
    std::size_t size = 0;
    core::Address source;
    std::uint32_t ifindex = 0;
    int hop_limit = -1;
};

void take_control(Received& received, msghdr& header) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != IPPROTO_IPV6)
            continue;
        if (part->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info;
            std::memcpy(&info, CMSG_DATA(part), sizeof info);
            received.ifindex = info.ipi6_ifindex;
        }
        if (part->cmsg_type == IPV6_HOPLIMIT)
            std::memcpy(&received.hop_limit, CMSG_DATA(part), sizeof received.hop_limit);
    }
}

/// False: there is nothing more.
bool receive(int fd, Received& received) {
    sockaddr_in6 from{};
    iovec part{received.bytes.data(), received.bytes.size()};
    alignas(cmsghdr) std::array<char, 256> control{};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t size = recvmsg(fd, &header, MSG_DONTWAIT);
    if (size < 0)
        return false;
    received.size = static_cast<std::size_t>(size);
    received.source = core::address_from_bytes(core::Family::v6, from.sin6_addr.s6_addr);
    take_control(received, header);
    return true;
}

} // namespace

RaSender::RaSender(core::Privileged privileged, Warn warn)
    : RaSender(std::move(privileged), std::move(warn), random_numbers()) {}

RaSender::RaSender(core::Privileged privileged, Warn warn, RaSchedule::Random random)
    : privileged_(std::move(privileged)), warn_(std::move(warn)), random_(std::move(random)) {}

RaSender::~RaSender() {
    if (fd_ >= 0)
        ::close(fd_);
}

core::Result<void> RaSender::open_socket() {
    const int fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
    if (fd < 0)
        return failure("opening a raw ICMPv6 socket");
    icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ND_ROUTER_SOLICIT, &filter);
    ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
    if (setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) != 0 ||
        !set_option(fd, IPV6_MULTICAST_HOPS, kHopLimit) ||
        !set_option(fd, IPV6_UNICAST_HOPS, kHopLimit) || !set_option(fd, IPV6_MULTICAST_LOOP, 0) ||
        !set_option(fd, IPV6_RECVPKTINFO, 1) || !set_option(fd, IPV6_RECVHOPLIMIT, 1)) {
        const core::Error error = failure("setting options of an ICMPv6 socket");
        ::close(fd);
        return error;
    }
    fd_ = fd;
    return {};
}

bool RaSender::open() {
    if (fd_ >= 0)
        return true;
    core::Result<void> opened = core::Error{0, "capabilities could not be raised"};
    privileged_([&] { opened = open_socket(); });
    open_error_ = opened ? "" : opened.error().what;
    return fd_ >= 0;
}

void RaSender::want(const std::vector<core::AdvertisePlan>& plans, Time now) {
    for (auto& [interface, link] : links_)
        link.wanted = false;
    for (const core::AdvertisePlan& plan : plans) {
        Link& link = links_.try_emplace(plan.interface, random_).first->second;
        link.wanted = true;
        if (plan.source)
            set_plan(link, plan, now);
        else
            leave(link, now);
    }
    for (auto& [interface, link] : links_)
        if (!link.wanted)
            leave(link, now);
    send_due(now);
}

void RaSender::set_plan(Link& link, const core::AdvertisePlan& plan, Time now) {
    const bool news = !link.active || link.leaving || link.plan.ifindex != plan.ifindex ||
                      link.plan.source != plan.source || !(link.plan.content == plan.content);
    if (link.plan.ifindex != plan.ifindex)
        link.counted.reset();
    link.plan = plan;
    link.active = true;
    link.leaving = false;
    link.schedule.set_interval(plan.interval);
    if (news)
        link.schedule.change(now);
    if (!look_)
        look_ = now;
}

void RaSender::leave(Link& link, Time now) {
    if (!link.active || link.leaving)
        return;
    link.leaving = true;
    link.plan.content.lifetime_s = 0;
    link.schedule.farewell(now);
}

/// The kernel leaves the group when the interface or the socket goes.
core::Result<void> RaSender::join(Link& link) {
    if (link.joined == link.plan.ifindex)
        return {};
    ipv6_mreq group{};
    group.ipv6mr_multiaddr = raw_address(*core::parse_address(kAllRouters));
    group.ipv6mr_interface = link.plan.ifindex;
    if (setsockopt(fd_, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof group) != 0 &&
        errno != EADDRINUSE)
        return failure("joining all routers on " + link.plan.interface);
    link.joined = link.plan.ifindex;
    return {};
}

void RaSender::send_due(Time now) {
    if (look_ && *look_ <= now) {
        for (auto& [interface, link] : links_)
            look_for_rivals(link, now);
        look_ = links_.empty() ? std::nullopt : std::optional(now + kLookForRivals);
    }
    for (auto& [interface, link] : links_)
        send_due(link, now);
    std::erase_if(links_,
                  [](const auto& entry) { return !entry.second.wanted && !entry.second.active; });
}

void RaSender::send_due(Link& link, Time now) {
    const auto next = link.schedule.next();
    if (!link.active || !next || *next > now)
        return;
    const RaSchedule::Due due = link.schedule.take(now);
    if (due.to_all) {
        const auto sent = send(link, *core::parse_address(kAllHosts), now);
        link.state.error = sent ? "" : sent.error().what;
        if (sent) {
            ++link.state.multicasts;
            link.state.last_multicast = now;
        } else {
            link.schedule.failed(now);
        }
        // Where nothing can be sent any more nobody can be told.
        if (link.leaving && (!sent || link.schedule.told())) {
            link.schedule.end();
            link.active = false;
        }
        return;
    }
    // A host that gets no answer asks again.
    for (const core::Address& host : due.to)
        if (send(link, host, now))
            ++link.state.unicasts;
}

core::Result<void> RaSender::send(Link& link, const core::Address& to, Time now) {
    if (!open())
        return core::Error{0, open_error_};
    if (auto joined = join(link); !joined)
        return joined;
    core::RouterAdvertisement content = link.plan.content;
    for (core::AdvertisedPrefix& prefix : content.prefixes)
        prefix = core::as_of(prefix, now);
    const auto message = encode_advertisement(content, mac_of(link.plan.interface));
    sockaddr_in6 destination{};
    destination.sin6_family = AF_INET6;
    destination.sin6_addr = raw_address(to);
    destination.sin6_scope_id = link.plan.ifindex;
    const in6_pktinfo choice{raw_address(*link.plan.source), link.plan.ifindex};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof choice)> control{};
    iovec part{const_cast<std::uint8_t*>(message.data()), message.size()};
    msghdr header{};
    header.msg_name = &destination;
    header.msg_namelen = sizeof destination;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* info = CMSG_FIRSTHDR(&header);
    info->cmsg_level = IPPROTO_IPV6;
    info->cmsg_type = IPV6_PKTINFO;
    info->cmsg_len = CMSG_LEN(sizeof choice);
    std::memcpy(CMSG_DATA(info), &choice, sizeof choice);
    if (sendmsg(fd_, &header, MSG_DONTWAIT) < 0)
        return failure("sending a router advertisement on " + link.plan.interface);
    ++link.ours;
    return {};
}

std::optional<MacAddress> RaSender::mac_of(const std::string& interface) const {
    ifreq request{};
    interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    MacAddress mac{};
    if (ioctl(fd_, SIOCGIFHWADDR, &request) != 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        return std::nullopt;
    std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
    return mac;
}

void RaSender::on_readable(Time now) {
    Received received;
    for (int i = 0; i < kMaxMessages && receive(fd_, received); ++i)
        take({received.source, received.hop_limit, std::span(received.bytes).first(received.size)},
             received.ifindex, now);
    send_due(now);
}

void RaSender::take(const IcmpMessage& message, std::uint32_t ifindex, Time now) {
    const auto found = std::ranges::find_if(links_, [&](const auto& entry) {
        return entry.second.active && entry.second.plan.ifindex == ifindex;
    });
    if (found == links_.end())
        return; // a provider's, most of them
    Link& link = found->second;
    if (is_solicitation(message)) {
        ++link.state.solicitations;
        if (!link.leaving)
            link.schedule.solicit(message.source, now);
        return;
    }
    take_advertisement(link, message, now);
}

void RaSender::take_advertisement(Link& link, const IcmpMessage& message, Time now) {
    const auto heard = decode_advertisement(message);
    if (!heard) {
        ++link.state.malformed;
        return;
    }
    if (message.source == link.plan.source)
        return; // a rival on this router that loops back; the kernel has counted it
    auto& others = link.state.others;
    if (others.size() >= kMaxOthers && !others.contains(message.source))
        others.erase(std::ranges::min_element(others, {},
                                              [](const auto& entry) { return entry.second.at; }));
    HeardRouter& other = others[message.source];
    other.at = now;
    ++other.advertisements;
    other.lifetime_s = heard->lifetime_s;
    other.prefixes = heard->prefixes;
    other.resolvers = heard->resolvers;
}

void RaSender::look_for_rivals(Link& link, Time now) {
    const auto counted = link.active ? count_advertisements(link.plan.interface) : std::nullopt;
    const std::uint64_t ours = std::exchange(link.ours, 0);
    const auto before = std::exchange(link.counted, counted);
    // One that is made anew begins at zero.
    if (counted && before && *counted >= *before + ours && *counted - *before - ours > 0)
        note_rivals(link, *counted - *before - ours, now);
}

void RaSender::note_rivals(Link& link, std::uint64_t count, Time now) {
    const bool known = link.state.last_rival && now < *link.state.last_rival + kWarnAgain;
    link.state.rivals += count;
    link.state.last_rival = now;
    if (!known)
        warn_("another program on this router sends router advertisements on " +
              link.plan.interface + " too: hosts hear both, and the two may disagree");
}

void RaSender::on_time(Time now) {
    send_due(now);
}

std::optional<Time> RaSender::next_deadline() const {
    std::optional<Time> next = look_;
    for (const auto& [interface, link] : links_)
        if (const auto due = link.schedule.next(); due && link.active)
            next = std::min(next.value_or(*due), *due);
    return next;
}

std::map<std::string, AdvertiserState> RaSender::states() const {
    std::map<std::string, AdvertiserState> states;
    for (const auto& [interface, link] : links_) {
        AdvertiserState& state = states[interface];
        state = link.state;
        state.next_multicast = link.active ? link.schedule.next_to_all() : std::nullopt;
    }
    return states;
}

} // namespace multihomed::apply
