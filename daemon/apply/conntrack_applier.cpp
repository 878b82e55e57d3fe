// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/conntrack_applier.hpp"

#include "apply/conntrack_codec.hpp"

#include <array>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace multihomed::apply {

namespace {

using core::Address;
using core::Family;
using core::Result;

constexpr std::array<const char*, 10> kTcpStates{
    "NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};
static_assert(TCP_CONNTRACK_ESTABLISHED == 3 && TCP_CONNTRACK_SYN_SENT2 == 9);

Flow to_flow(const TrackedFlow& tracked) {
    Flow flow;
    flow.family = tracked.family;
    flow.protocol = tracked.protocol;
    flow.source = tracked.original.source;
    flow.destination = tracked.original.destination;
    flow.source_port = tracked.original.source_port;
    flow.destination_port = tracked.original.destination_port;
    flow.translated_to = tracked.reply.destination;
    if (tracked.tcp_state)
        flow.tcp_state = *tracked.tcp_state < kTcpStates.size()
                             ? kTcpStates[*tracked.tcp_state]
                             : std::to_string(*tracked.tcp_state);
    flow.answered = (tracked.status & IPS_SEEN_REPLY) != 0;
    flow.timeout = std::chrono::seconds(tracked.timeout_seconds);
    return flow;
}

} // namespace

ConntrackFlowApplier::ConntrackFlowApplier(core::Privileged privileged, Mode mode)
    : privileged_(std::move(privileged)), worker_(std::make_unique<ConntrackEraser>(mode)) {}

Ticket ConntrackFlowApplier::forget(const core::FlowSelector& selector) {
    return worker_.submit(selector);
}

void ConntrackFlowApplier::cancel(Ticket ticket) {
    worker_.cancel(ticket);
}

std::vector<Completion> ConntrackFlowApplier::completed() {
    return worker_.completed();
}

Result<void>
ConntrackFlowApplier::walk_translated(Family family,
                                      const std::function<void(const TrackedFlow&)>& each) {
    Result<void> result;
    privileged_([&] {
        NetfilterSocket socket;
        result = socket.open();
        if (!result)
            return;
        const NlMessage message = make_flow_dump(family, kTranslated);
        result = socket.dump(*message, [&](const nlmsghdr& entry) {
            if (const auto flow = decode_flow(entry); flow && (flow->status & IPS_SRC_NAT) != 0)
                each(*flow);
            return true;
        });
    });
    if (!result)
        return in_conntrack("dump", result.error());
    return {};
}

Result<std::vector<FlowCount>>
ConntrackFlowApplier::count(const std::vector<AddressRange>& ranges) {
    core::PerFamily<bool> asked{};
    for (const AddressRange& range : ranges) {
        const Family family = core::family_of(range.first);
        if (const auto fit = check_range(range, family); !fit)
            return fit.error();
        asked[family] = true;
    }
    // Flows are many, addresses that translate them few.
    std::map<Address, std::uint64_t> by_address;
    for (const Family family : core::kFamilies) {
        if (!asked[family])
            continue;
        const auto walked = walk_translated(
            family, [&](const TrackedFlow& flow) { ++by_address[flow.reply.destination]; });
        if (!walked)
            return walked.error();
    }
    std::vector<FlowCount> counts;
    for (const AddressRange& range : ranges) {
        counts.push_back({range, 0});
        for (const auto& [address, flows] : by_address)
            if (core::contains(range, address))
                counts.back().flows += flows;
    }
    return counts;
}

Result<FlowList> ConntrackFlowApplier::list(const AddressRange& translated_to, std::size_t limit) {
    const Family family = core::family_of(translated_to.first);
    if (const auto fit = check_range(translated_to, family); !fit)
        return fit.error();
    FlowList list;
    const auto walked = walk_translated(family, [&](const TrackedFlow& flow) {
        if (!core::contains(translated_to, flow.reply.destination))
            return;
        ++list.total;
        if (list.flows.size() < limit)
            list.flows.push_back(to_flow(flow));
    });
    if (!walked)
        return walked.error();
    return list;
}

} // namespace multihomed::apply
