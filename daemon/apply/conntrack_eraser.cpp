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
// The same holds for a mark narrowed to a protocol and a port: the message bears CTA_TUPLE_ORIG
// with the protocol and no addresses, which is no tuple to any version. Ports are compared for TCP
// and UDP only (ctnetlink_filter_match_tuple), and would be passed over in flows of SCTP, DCCP and
// UDP-Lite; a port without a protocol is refused. Those are dumped and deleted.
//
// By mark alone it is simpler: the mark's filter is as old as the request without a tuple that
// takes it, and a kernel without conntrack marks refuses it (EOPNOTSUPP). A mark or mask of 0 would
// select everything, and is refused here.
//
// Why selecting by address is for IPv4 alone. ctnetlink_filter_match_tuple() compares IPv6
// addresses the wrong way round (!ipv6_addr_cmp(), seen up to Linux 6.18): the filter keeps the
// flows of the failed line and deletes everybody else's. No answer of the kernel tells a mended
// version from a broken one without risking flows, so IPv6 is dumped and deleted.
//
// Why dumps use no filter at all. The kernel looks for as many entries as fit into one answer with
// soft interrupts off and without letting go of the processor (ctnetlink_dump_table). Where hardly
// any entry fits the filter, that is the whole table in one go, and whatever shares the processor,
// the event loop or the network card, waits. Without a filter it is some hundred entries. What
// cannot be helped: a table full of another namespace's entries.
#include "apply/conntrack_eraser.hpp"

#include "apply/conntrack_age.hpp"
#include "apply/conntrack_codec.hpp"
#include "apply/netfilter_socket.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <cerrno>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::apply {

namespace {

using core::Address;
using core::AddressRange;
using core::Error;
using core::Family;
using core::FlowSelector;
using core::Prefix;
using core::Result;
using Kind = FlowSelector::Kind;

/// Above so many addresses one walk of ours is cheaper than one of the kernel's for each.
constexpr std::size_t kMaxMessages = 16;

bool is_narrowed(const FlowSelector& selector) {
    return selector.translated_only || selector.protocol != 0 || selector.destination_port != 0;
}

Result<void> check(const FlowSelector& selector) {
    if (selector.kind == Kind::translated_to)
        return check_range({selector.first, selector.last}, selector.family);
    if (selector.kind != Kind::marked)
        return {};
    if (selector.mark == 0 || (selector.mark & ~selector.mask) != 0)
        return Error{EINVAL, "conntrack: flows without a mark cannot be selected by it"};
    if (selector.destination_port != 0 && selector.protocol != 0 &&
        !core::has_ports(selector.protocol))
        return Error{EINVAL,
                     "conntrack: protocol " + std::to_string(selector.protocol) + " has no ports"};
    return {};
}

/// Asked for every flow that there is.
bool is_in(const std::vector<Prefix>& prefixes, const Address& address) {
    return core::is_covered(Prefix::host(address), prefixes);
}

/// From `sources` to where it would be translated. What answers name is what our packets bear when
/// they have left, and where they really go if their destination is translated.
bool leaves_untranslated(const FlowSelector& selector, const FlowTuple& sent,
                         const FlowTuple& answered) {
    return is_in(selector.sources, answered.destination) &&
           !is_in(selector.not_destinations, sent.destination) &&
           !is_in(selector.not_destinations, answered.source);
}

bool is_untranslated(const FlowSelector& selector, const TrackedFlow& flow) {
    if ((flow.mark & selector.mask) != selector.mark)
        return false;
    const bool is_answered_first =
        selector.either_way && leaves_untranslated(selector, flow.reply, flow.original);
    return is_answered_first || leaves_untranslated(selector, flow.original, flow.reply);
}

bool is_marked(const FlowSelector& selector, const TrackedFlow& flow) {
    const bool of_protocol = selector.protocol == 0 || flow.protocol == selector.protocol;
    const bool to_port = selector.destination_port == 0 ||
                         (core::has_ports(flow.protocol) &&
                          flow.original.destination_port == selector.destination_port);
    const bool of_status = !selector.translated_only || (flow.status & IPS_SRC_NAT) != 0;
    return (flow.mark & selector.mask) == selector.mark && of_protocol && to_port && of_status;
}

bool is_selected(const FlowSelector& selector, const TrackedFlow& flow) {
    const bool translated = (flow.status & IPS_SRC_NAT) != 0;
    if (flow.family != selector.family)
        return false;
    switch (selector.kind) {
    case Kind::translated_to:
        return translated &&
               core::contains({selector.first, selector.last}, flow.reply.destination);
    case Kind::marked:
        return is_marked(selector, flow);
    case Kind::bound:
        return !translated && (is_in(selector.sources, flow.original.source) ||
                               is_in(selector.sources, flow.reply.source));
    case Kind::untranslated:
        break;
    }
    return !translated && is_untranslated(selector, flow);
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

/// What makes the kernel delete these flows itself; none when there are no such messages.
std::vector<NlMessage> make_messages(const FlowSelector& selector) {
    std::vector<NlMessage> messages;
    const MarkFilter mark{selector.mark, selector.mask};
    if (selector.kind == Kind::translated_to && selector.family == Family::v4) {
        if (const auto addresses = few_addresses(selector.first, selector.last))
            for (const Address& address : *addresses)
                messages.push_back(make_filtered_delete(selector.family, address, kTranslated));
    } else if (selector.kind == Kind::marked && !is_narrowed(selector)) {
        messages.push_back(make_marked_delete(selector.family, mark));
    } else if (selector.kind == Kind::marked && !selector.translated_only &&
               selector.protocol != 0 &&
               (selector.destination_port == 0 || selector.protocol == IPPROTO_TCP ||
                selector.protocol == IPPROTO_UDP)) {
        messages.push_back(make_narrowed_delete(selector.family, mark, selector.protocol,
                                                selector.destination_port));
    }
    return messages;
}

/// Every version that has marks does it.
bool needs_no_filter(const FlowSelector& selector) {
    return selector.kind == Kind::marked && !is_narrowed(selector);
}

Error cancelled() {
    return Error{ECANCELED, "conntrack: ended before its time"};
}

/// Deletes entries of a dump that is still running, many with one call.
class BatchDeleter {
public:
    Result<void> open() { return socket_.open(); }

    /// Takes the request that append_delete() made.
    void add(const nlmsghdr& request) {
        if (failed_)
            return;
        last_ = messages_.size();
        append_request(messages_, request, socket_.next_sequence());
        if (++count_ == NetfilterSocket::kMaxBatch)
            flush();
    }
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
    /// Those that somebody else deleted first are not counted.
    std::uint64_t deleted() const { return deleted_; }
    const std::optional<Error>& failure() const { return failed_; }

private:
    NetfilterSocket socket_;
    std::vector<std::uint8_t> messages_;
    std::size_t last_ = 0;
    std::size_t count_ = 0;
    std::uint64_t deleted_ = 0;
    std::optional<Error> failed_;
};

/// Dumps and deletes. Lively flows go as they come by, the others once all of those are gone.
class Walk {
public:
    Walk(const FlowSelector& selector, std::size_t max_postponed, const GoOn& go_on)
        : selector_(selector), max_postponed_(max_postponed), go_on_(go_on) {}

    Result<std::uint64_t> walk() {
        if (const auto opened = deleter_.open(); !opened)
            return opened.error();
        if (const auto dumped = dump(true); !dumped)
            return dumped.error();
        delete_postponed();
        if (overflowed_ && !ended_)
            if (const auto dumped = dump(false); !dumped)
                return dumped.error();
        if (ended_)
            return cancelled();
        deleter_.flush();
        if (deleter_.failure())
            return *deleter_.failure();
        return deleter_.deleted();
    }

private:
    Result<void> dump(bool lively_first) {
        NetfilterSocket socket;
        if (const auto opened = socket.open(); !opened)
            return opened.error();
        const NlMessage message = make_whole_dump();
        // Deleting while the dump goes on is fine: if the entry it stopped at is gone, the kernel
        // begins that hash bucket again.
        const auto dumped = socket.dump(*message, [&](const nlmsghdr& entry) {
            if (const auto flow = decode_flow(entry); flow && is_selected(selector_, *flow))
                take(entry, !lively_first || is_lively(*flow, timeouts_));
            return goes_on();
        });
        if (!dumped)
            return in_conntrack("dump", dumped.error());
        return {};
    }
    void take(const nlmsghdr& entry, bool now) {
        std::vector<std::uint8_t>& requests = now ? request_ : postponed_;
        if (!now && postponed_.size() >= max_postponed_) {
            overflowed_ = true;
            return;
        }
        if (append_delete(requests, entry) && now)
            deleter_.add(*reinterpret_cast<const nlmsghdr*>(request_.data()));
        request_.clear();
    }
    void delete_postponed() {
        for_each_message(postponed_, [&](const nlmsghdr& request) {
            if (goes_on())
                deleter_.add(request);
            return !ended_;
        });
        postponed_ = {};
    }
    bool goes_on() {
        if (++steps_ % NetfilterSocket::kMaxBatch == 0)
            ended_ = ended_ || !go_on_();
        return !ended_ && !deleter_.failure();
    }

    const FlowSelector& selector_;
    const std::size_t max_postponed_;
    const GoOn& go_on_;
    const FlowTimeouts timeouts_ = read_flow_timeouts();
    BatchDeleter deleter_;
    std::vector<std::uint8_t> request_;
    std::vector<std::uint8_t> postponed_;
    bool overflowed_ = false;
    bool ended_ = false;
    std::size_t steps_ = 0;
};

} // namespace

ConntrackEraser::ConntrackEraser(Mode mode, std::size_t max_postponed)
    : kernel_selects_(mode == Mode::automatic), max_postponed_(max_postponed) {}

bool ConntrackEraser::is_quick(const FlowSelector& selector) const {
    return !check(selector) || (may_be_told(selector) && !make_messages(selector).empty());
}

bool ConntrackEraser::may_be_told(const FlowSelector& selector) const {
    return kernel_selects_ || needs_no_filter(selector);
}

Result<ForgetReport> ConntrackEraser::erase(const FlowSelector& selector, const GoOn& go_on) {
    const auto began = std::chrono::steady_clock::now();
    if (const auto fit = check(selector); !fit)
        return fit.error();
    ForgetReport report;
    const auto told = tell_kernel(selector, go_on);
    if (!told)
        return told.error();
    if (!*told) {
        const auto deleted = Walk(selector, max_postponed_, go_on).walk();
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
Result<bool> ConntrackEraser::tell_kernel(const FlowSelector& selector, const GoOn& go_on) {
    const auto messages =
        may_be_told(selector) ? make_messages(selector) : std::vector<NlMessage>();
    if (messages.empty())
        return false;
    NetfilterSocket socket;
    if (const auto opened = socket.open(); !opened)
        return opened.error();
    for (const NlMessage& message : messages) {
        if (const auto done = socket.request(*message); !done) {
            const int code = done.error().code;
            if (needs_no_filter(selector) || (code != EINVAL && code != EOPNOTSUPP))
                return in_conntrack("filtered delete", done.error());
            kernel_selects_ = false;
            return false;
        }
        if (&message != &messages.back() && !go_on())
            return cancelled();
    }
    return true;
}

} // namespace multihomed::apply
