// SPDX-License-Identifier: GPL-2.0-or-later
//
// The role of whatever makes the kernel forget tracked flows, and tells which there are.
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

class FlowApplier {
public:
    virtual ~FlowApplier() = default;

    /// Forgets the flows selected and no other. No such flow is success.
    virtual core::Result<ForgetReport> forget(const core::FlowSelector& selector) = 0;
    /// How many flows are source-translated into each range, in the order asked.
    virtual core::Result<std::vector<FlowCount>> count(const std::vector<AddressRange>& ranges) = 0;
    virtual core::Result<FlowList> list(const AddressRange& translated_to, std::size_t limit) = 0;
};

} // namespace multihomed::apply
