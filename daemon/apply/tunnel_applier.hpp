// SPDX-License-Identifier: GPL-2.0-or-later
//
// The role of whatever makes tunnel interfaces (core/tunnel.hpp), and the kernel's sit interfaces
// through libnl.
//
// An interface is ours if its alias says so; nothing else is ever changed or removed. It has the
// alias before it has its name, because the kernel takes no alias while it makes an interface: made
// under a name that is nobody's, aliased, then renamed. So a crash in between leaves nothing under
// the operator's name that would not be recognised. What a predecessor left is kept if it is what
// is wanted. An interface that differs in anything but its MTU is removed and made anew.
#pragma once

#include "core/privileges.hpp"
#include "core/result.hpp"
#include "core/tunnel.hpp"

#include <string>

namespace multihomed::apply {

class TunnelApplier {
public:
    virtual ~TunnelApplier() = default;

    /// Makes the interface stand as it is wanted, up and with its address, if it does not yet.
    virtual core::Result<void> establish(const core::TunnelPlan& plan) = 0;
    /// Removes an interface of ours. One that is gone, or is not ours, is success.
    virtual core::Result<void> remove(const std::string& interface) = 0;
};

class NetlinkTunnelApplier final : public TunnelApplier {
public:
    explicit NetlinkTunnelApplier(core::Privileged privileged);

    core::Result<void> establish(const core::TunnelPlan& plan) override;
    core::Result<void> remove(const std::string& interface) override;

private:
    core::Privileged privileged_;
};

} // namespace multihomed::apply
