// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tracked flows of the kernel's: forgets them in a thread of its own (forget_worker.hpp,
// conntrack_eraser.hpp), and counts and lists them in the caller's. The two share no socket and no
// lock of ours; but the kernel takes the request for a list only between two messages that delete.
#pragma once

#include "apply/conntrack_eraser.hpp"
#include "apply/flow_applier.hpp"
#include "apply/forget_worker.hpp"
#include "core/privileges.hpp"

#include <functional>

namespace multihomed::apply {

struct TrackedFlow;

class ConntrackFlowApplier final : public FlowApplier {
public:
    using Mode = ConntrackEraser::Mode;

    /// `privileged` is for counting and listing.
    explicit ConntrackFlowApplier(core::Privileged privileged, Mode mode = Mode::automatic);

    Ticket forget(const core::FlowSelector& selector) override;
    void cancel(Ticket ticket) override;
    std::vector<Completion> completed() override;
    /// Readable while completed() has something to tell. Made by the first call; -1 if that failed.
    int fd() { return worker_.fd(); }

    core::Result<std::vector<FlowCount>> count(const std::vector<AddressRange>& ranges) override;
    core::Result<FlowList> list(const AddressRange& translated_to, std::size_t limit) override;

private:
    core::Result<void> walk_translated(core::Family family,
                                       const std::function<void(const TrackedFlow&)>& each);

    core::Privileged privileged_;
    ForgetWorker worker_;
};

} // namespace multihomed::apply
