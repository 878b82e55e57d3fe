// SPDX-License-Identifier: GPL-2.0-or-later
//
// Why one message is safe. IPCTNL_MSG_CT_DELETE with no tuple at all empties the table, so a kernel
// that misunderstands the filter must not take ours for that. It bears CTA_TUPLE_REPLY. Kernels
// that know filtered deletion (Linux 6.10; net/netfilter/nf_conntrack_netlink.c,
// ctnetlink_del_conntrack) read that tuple as part of the filter if CTA_FILTER is there, too. Older
// ones take any message with a tuple for the deletion of one flow, by its exact tuple, and ours
// lacks the source address and the protocol without which no version parses a tuple: EINVAL,
// nothing deleted. So the first real request is its own probe, and what it cannot do is then done
// by dumping and deleting. CTA_STATUS with its mask is older than filtered deletion (Linux 6.1), so
// a kernel that takes the message honours it.
//
// By mark it is simpler: the mark's filter is as old as the request without a tuple that takes it,
// and a kernel without conntrack marks refuses it (EOPNOTSUPP). A mark or mask of 0 would select
// everything, and is refused here.
//
// Why the other one is for IPv4 alone. ctnetlink_filter_match_tuple() compares IPv6 addresses the
// wrong way round (!ipv6_addr_cmp(), seen up to Linux 6.18): the filter keeps the flows of the
// failed line and deletes everybody else's. No answer of the kernel tells a mended version from a
// broken one without risking flows, so IPv6 is dumped and deleted, and dumps use no address filter
// either.
#include "apply/conntrack_applier.hpp"

#include "apply/conntrack_codec.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <map>
#include <netinet/in.h>
#include <set>
#include <utility>

namespace multihomed::apply {

namespace {

using core::Address;
using core::Error;
using core::Family;
using core::FlowSelector;
using core::Prefix;
using core::Result;

constexpr StatusFilter kTranslated{IPS_SRC_NAT, IPS_SRC_NAT};
constexpr StatusFilter kUntranslated{0, IPS_SRC_NAT};

/// Above so many addresses one walk of ours is cheaper than one of the kernel's for each.
constexpr std::size_t kMaxMessages = 16;

constexpr std::array<const char*, 10> kTcpStates{
    "NONE",       "SYN_SENT", "SYN_RECV",  "ESTABLISHED", "FIN_WAIT",
    "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",       "SYN_SENT2"};
static_assert(TCP_CONNTRACK_ESTABLISHED == 3 && TCP_CONNTRACK_SYN_SENT2 == 9);

Result<void> check_range(const AddressRange& range, Family family) {
    if (core::family_of(range.first) != family || core::family_of(range.last) != family ||
        range.last < range.first)
        return Error{EINVAL, "conntrack: " + range.first.to_string() + " to " +
                                 range.last.to_string() + " is no " + core::to_string(family) +
                                 " range"};
    return {};
}

bool is_in(const std::vector<Prefix>& prefixes, const Address& address) {
    return std::ranges::any_of(prefixes,
                               [&](const Prefix& prefix) { return prefix.contains(address); });
}

bool is_selected(const FlowSelector& selector, const TrackedFlow& flow) {
    const bool translated = (flow.status & IPS_SRC_NAT) != 0;
    if (flow.family != selector.family)
        return false;
    if (selector.kind == FlowSelector::Kind::translated_to)
        return translated &&
               core::contains({selector.first, selector.last}, flow.reply.destination);
    // The reply's source is where the flow really goes, if its destination is translated.
    return !translated && is_in(selector.sources, flow.original.source) &&
           !is_in(selector.not_destinations, flow.original.destination) &&
           !is_in(selector.not_destinations, flow.reply.source);
}

/// The addresses of first..last; nothing when they are too many for a message each.
std::optional<std::vector<Address>> few_addresses(const Address& first, const Address& last) {
    std::vector<Address> addresses{first};
    while (addresses.back() != last) {
        if (addresses.size() == kMaxMessages)
            return std::nullopt;
        addresses.push_back(core::next_address(addresses.back()));
    }
    return addresses;
}

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

Error in_conntrack(const char* step, const Error& error) {
    return Error{error.code, std::string("conntrack ") + step + ": " + error.what};
}

/// Deletes entries of a dump that is still running, many with one call.
class BatchDeleter {
public:
    Result<void> open() { return socket_.open(); }

    void add(const nlmsghdr& entry) {
        const std::size_t offset = messages_.size();
        if (failed_ || !append_delete(messages_, entry, socket_.next_sequence()))
            return;
        last_ = offset;
        if (++count_ == NetfilterSocket::kMaxBatch)
            flush();
    }
    /// How many were deleted; those that somebody else deleted first are not counted.
    Result<std::uint64_t> finish() {
        flush();
        if (failed_)
            return *failed_;
        return deleted_;
    }
    bool failed() const { return failed_.has_value(); }

private:
    void flush() {
        if (count_ == 0 || failed_)
            return;
        ask_acknowledgement(messages_, last_);
        const auto absent = socket_.request_batch(messages_, count_);
        if (absent)
            deleted_ += count_ - *absent;
        else
            failed_ = in_conntrack("delete", absent.error());
        messages_.clear();
        count_ = 0;
    }

    NetfilterSocket socket_;
    std::vector<std::uint8_t> messages_;
    std::size_t last_ = 0;
    std::size_t count_ = 0;
    std::uint64_t deleted_ = 0;
    std::optional<Error> failed_;
};

} // namespace

ConntrackFlowApplier::ConntrackFlowApplier(core::Privileged privileged, Mode mode)
    : privileged_(std::move(privileged)), kernel_selects_(mode == Mode::automatic) {}

Result<ForgetReport> ConntrackFlowApplier::forget(const FlowSelector& selector) {
    if (selector.kind == FlowSelector::Kind::translated_to)
        if (const auto fit = check_range({selector.first, selector.last}, selector.family); !fit)
            return fit.error();
    if (selector.kind == FlowSelector::Kind::marked &&
        (selector.mark == 0 || (selector.mark & ~selector.mask) != 0))
        return Error{EINVAL, "conntrack: flows without a mark cannot be selected by it"};
    std::optional<Result<ForgetReport>> report;
    privileged_([&] { report = forget_selected(selector); });
    return *report;
}

Result<ForgetReport> ConntrackFlowApplier::forget_selected(const FlowSelector& selector) {
    const auto began = std::chrono::steady_clock::now();
    ForgetReport report;
    const auto by_message = delete_by_message(selector);
    if (!by_message)
        return by_message.error();
    if (!*by_message) {
        const auto deleted = dump_and_delete(selector);
        if (!deleted)
            return deleted.error();
        report.method = ForgetReport::Method::dump_and_delete;
        report.deleted = *deleted;
    }
    report.took = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - began);
    return report;
}

/// False: not possible by message, nothing has been lost by trying.
Result<bool> ConntrackFlowApplier::delete_by_message(const FlowSelector& selector) {
    if (selector.kind == FlowSelector::Kind::marked)
        return delete_marked(selector);
    if (!kernel_selects_ || selector.kind != FlowSelector::Kind::translated_to ||
        selector.family != Family::v4)
        return false;
    const auto addresses = few_addresses(selector.first, selector.last);
    if (!addresses)
        return false;
    NetfilterSocket socket;
    if (const auto opened = socket.open(); !opened)
        return opened.error();
    for (const Address& address : *addresses) {
        const NlMessage message = make_filtered_delete(selector.family, address, kTranslated);
        const auto done = socket.request(*message);
        if (done)
            continue;
        if (done.error().code != EINVAL && done.error().code != EOPNOTSUPP)
            return in_conntrack("filtered delete", done.error());
        kernel_selects_ = false;
        return false;
    }
    return true;
}

Result<bool> ConntrackFlowApplier::delete_marked(const FlowSelector& selector) {
    NetfilterSocket socket;
    if (const auto opened = socket.open(); !opened)
        return opened.error();
    const NlMessage message = make_marked_delete(selector.family, selector.mark, selector.mask);
    const auto done = socket.request(*message);
    if (done)
        return true;
    return in_conntrack("delete by mark", done.error());
}

Result<std::uint64_t> ConntrackFlowApplier::dump_and_delete(const FlowSelector& selector) {
    NetfilterSocket dump;
    BatchDeleter deleter;
    for (const auto& opened : {dump.open(), deleter.open()})
        if (!opened)
            return opened.error();
    const bool translated = selector.kind == FlowSelector::Kind::translated_to;
    const NlMessage message =
        make_flow_dump(selector.family, translated ? kTranslated : kUntranslated);
    // Deleting while the dump goes on is fine: if the entry it stopped at is gone, the kernel
    // begins that hash bucket again.
    const auto dumped = dump.dump(*message, [&](const nlmsghdr& entry) {
        if (const auto flow = decode_flow(entry); flow && is_selected(selector, *flow))
            deleter.add(entry);
        return !deleter.failed();
    });
    const auto deleted = deleter.finish();
    if (!dumped)
        return in_conntrack("dump", dumped.error());
    return deleted;
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
