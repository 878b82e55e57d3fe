// SPDX-License-Identifier: GPL-2.0-or-later
//
// The role of whatever makes the kernel forget tracked flows, and tells which there are. To forget
// may take seconds, so it is asked for and happens elsewhere; what has become of it is fetched.
#pragma once

#include "core/address.hpp"
#include "core/address_range.hpp"
#include "core/desired.hpp"
#include "core/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::apply {

struct ForgetReport {
    enum class Method : std::uint8_t {
        one_message,     ///< the kernel picked the flows itself, one request an address
        dump_and_delete, ///< we read the table and deleted flow by flow
    };
    Method method = Method::one_message;
    std::optional<std::uint64_t> deleted; ///< absent: the kernel does not say
    std::chrono::microseconds took{0};
};

using core::AddressRange;

struct FlowCount {
    AddressRange translated_to;
    std::uint64_t flows = 0;

    bool operator==(const FlowCount&) const = default;
};

/// One source-translated flow, as the one who began it sees it, and what it looks like outside.
struct Flow {
    core::Family family = core::Family::v4;
    std::uint8_t protocol = 0; ///< IPPROTO_*
    core::Address source;
    core::Address destination;
    std::uint16_t source_port = 0;      ///< 0 for protocols without; ICMP: the identifier
    std::uint16_t destination_port = 0; ///< 0 for protocols without; ICMP: type << 8 | code
    core::Address translated_to;        ///< where replies are sent
    std::string tcp_state;              ///< empty unless TCP
    bool answered = false;              ///< a reply has been seen
    std::chrono::seconds timeout{0};    ///< left to live if nothing more is seen

    bool operator==(const Flow&) const = default;
};

struct FlowList {
    std::uint64_t total = 0;
    std::vector<Flow> flows; ///< the first `limit` of them, in the table's order

    bool operator==(const FlowList&) const = default;
};

/// Names one request to forget flows; never given twice, never 0.
using Ticket = std::uint64_t;

struct Completion {
    Ticket ticket = 0;
    core::Result<ForgetReport> result;
};

class FlowApplier {
public:
    virtual ~FlowApplier() = default;

    /// Begins to forget the flows selected and no other, and waits for nothing. No such flow is
    /// success. Flows that begin meanwhile may be forgotten or not.
    virtual Ticket forget(const core::FlowSelector& selector) = 0;
    /// Ends the request as soon as it can be ended, and waits for nothing. What the kernel has been
    /// told already still happens; there will be no completion.
    virtual void cancel(Ticket ticket) = 0;
    /// The requests that have come to their end since the last call, in that order.
    virtual std::vector<Completion> completed() = 0;
    /// How many flows are source-translated into each range, in the order asked.
    virtual core::Result<std::vector<FlowCount>> count(const std::vector<AddressRange>& ranges) = 0;
    virtual core::Result<FlowList> list(const AddressRange& translated_to, std::size_t limit) = 0;
};

} // namespace multihomed::apply
