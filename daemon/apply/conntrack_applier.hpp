// SPDX-License-Identifier: GPL-2.0-or-later
//
// Forgets and lists tracked flows through ctnetlink, without a process or a library of conntrack's.
//
// The table is one hash for all network namespaces; the namespace is only a filter on it. So every
// walk costs what the whole machine tracks, and one walk inside the kernel is much cheaper than
// telling us every flow and being told each one to delete. forget() takes the former where it may
// be trusted. Sockets are made anew for each call: none can be left with half an answer in it.
#pragma once

#include "apply/flow_applier.hpp"
#include "apply/netfilter_socket.hpp"
#include "core/privileges.hpp"

#include <functional>

namespace multihomed::apply {

struct TrackedFlow;

class ConntrackFlowApplier final : public FlowApplier {
public:
    enum class Mode : std::uint8_t {
        automatic,
        dump_and_delete, ///< as if the kernel could not select flows for deletion itself
    };

    explicit ConntrackFlowApplier(core::Privileged privileged, Mode mode = Mode::automatic);

    core::Result<ForgetReport> forget(const core::FlowSelector& selector) override;
    core::Result<std::vector<FlowCount>> count(const std::vector<AddressRange>& ranges) override;
    core::Result<FlowList> list(const AddressRange& translated_to, std::size_t limit) override;

private:
    using Match = std::function<bool(const TrackedFlow&)>;

    core::Result<ForgetReport> forget_selected(const core::FlowSelector& selector);
    core::Result<bool> delete_by_message(const core::FlowSelector& selector);
    core::Result<bool> delete_marked(const core::FlowSelector& selector);
    core::Result<std::uint64_t> dump_and_delete(const core::FlowSelector& selector);
    core::Result<void> walk_translated(core::Family family,
                                       const std::function<void(const TrackedFlow&)>& each);

    core::Privileged privileged_;
    bool kernel_selects_; ///< until the kernel has refused
};

} // namespace multihomed::apply
