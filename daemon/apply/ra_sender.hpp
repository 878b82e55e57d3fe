// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sends router advertisements on the interfaces that are wanted, answers solicitations, and listens
// to other routers there. One raw ICMPv6 socket for all interfaces, opened when the first one is
// wanted; when something is due, RaSchedule says. What cannot be sent is tried again every second,
// and told by states(). An interface that is not wanted any more hears three times that this is no
// default router now (RFC 4861, section 6.2.5).
//
// Another program of this router that advertises too (zebra, radvd, dnsmasq) is mostly not heard:
// zebra's socket does not loop back. But the kernel counts the advertisements that leave an
// interface, whoever sends them, and we know how many of them are ours.
#pragma once

#include "apply/advertiser.hpp"
#include "apply/ra_codec.hpp"
#include "apply/ra_schedule.hpp"
#include "core/privileges.hpp"
#include "core/result.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace multihomed::apply {

class RaSender final : public Advertiser {
public:
    using Warn = std::function<void(const std::string&)>;

    RaSender(core::Privileged privileged, Warn warn);
    RaSender(core::Privileged privileged, Warn warn, RaSchedule::Random random);
    ~RaSender() override;
    RaSender(const RaSender&) = delete;
    RaSender& operator=(const RaSender&) = delete;

    /// Of the socket; -1 until there was something to send.
    int fd() const { return fd_; }
    /// These and no others. What hosts have to learn is sent before it returns.
    void want(const std::vector<core::AdvertisePlan>& plans, Time now);
    void on_readable(Time now);
    void on_time(Time now);
    std::optional<Time> next_deadline() const;

    std::map<std::string, AdvertiserState> states() const override;

private:
    struct Link {
        core::AdvertisePlan plan; ///< the last one that could be used
        bool active = false;
        bool leaving = false; ///< hosts are told that it is over
        bool wanted = true;   ///< else it goes when it has left
        RaSchedule schedule;
        AdvertiserState state;
        std::uint32_t joined = 0;             ///< ifindex
        std::optional<std::uint64_t> counted; ///< by the kernel, when it was last looked
        std::uint64_t ours = 0;               ///< sent since then

        explicit Link(RaSchedule::Random random) : schedule(std::move(random)) {}
    };

    bool open();
    core::Result<void> open_socket();
    void set_plan(Link& link, const core::AdvertisePlan& plan, Time now);
    void leave(Link& link, Time now);
    core::Result<void> join(Link& link);
    void send_due(Time now);
    void send_due(Link& link, Time now);
    core::Result<void> send(Link& link, const core::Address& to, Time now);
    std::optional<MacAddress> mac_of(const std::string& interface) const;
    void take(const IcmpMessage& message, std::uint32_t ifindex, Time now);
    void take_advertisement(Link& link, const IcmpMessage& message, Time now);
    void look_for_rivals(Link& link, Time now);
    void note_rivals(Link& link, std::uint64_t count, Time now);

    core::Privileged privileged_;
    Warn warn_;
    RaSchedule::Random random_;
    int fd_ = -1;
    std::string open_error_;
    std::map<std::string, Link> links_;
    std::optional<Time> look_; ///< for rivals, next
};

} // namespace multihomed::apply
