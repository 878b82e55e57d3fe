// SPDX-License-Identifier: GPL-2.0-or-later
//
// Forgets tracked flows through ctnetlink, without a process or a library of conntrack's, and waits
// for it.
//
// The table is one hash for all network namespaces; the namespace is only a filter on it. So every
// walk costs what the whole machine tracks, and one walk inside the kernel is much cheaper than
// telling us every flow and being told each one to delete. erase() takes the former where it may be
// trusted. Sockets are made anew for each call: none can be left with half an answer in it.
//
// A walk of ours deletes the flows that were seen lately as it comes by them (conntrack_age.hpp),
// and all others afterwards: somebody waits for the former. It can end after each 64 entries that
// the kernel hands over. What cannot be ended is a message, which the kernel works off without
// looking up: about a second for a million entries.
#pragma once

#include "apply/forget_worker.hpp"

#include <cstddef>
#include <cstdint>

namespace multihomed::apply {

class ConntrackEraser final : public FlowEraser {
public:
    enum class Mode : std::uint8_t {
        automatic,
        dump_and_delete, ///< as if the kernel could not select flows for deletion by a filter
    };

    /// Bytes of requests to delete idle flows that are kept until the lively ones are gone (enough
    /// for about 80,000 flows); for more of them the table is walked again.
    static constexpr std::size_t kMaxPostponed = 8 * 1024 * 1024;

    explicit ConntrackEraser(Mode mode, std::size_t max_postponed = kMaxPostponed);

    bool is_quick(const core::FlowSelector& selector) const override;
    core::Result<ForgetReport> erase(const core::FlowSelector& selector,
                                     const GoOn& go_on) override;

private:
    bool may_be_told(const core::FlowSelector& selector) const;
    core::Result<bool> tell_kernel(const core::FlowSelector& selector, const GoOn& go_on);

    bool kernel_selects_; ///< until the kernel has refused
    std::size_t max_postponed_;
};

} // namespace multihomed::apply
