// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tunnel interfaces as libnl's objects: what is wanted, and whether the kernel's is that.
#pragma once

#include "core/tunnel.hpp"

#include <memory>
#include <string>

struct rtnl_link;

namespace multihomed::apply {

struct LinkFree {
    void operator()(rtnl_link* link) const;
};
using LinkObject = std::unique_ptr<rtnl_link, LinkFree>;

/// The interface of `plan` under another name. Throws std::bad_alloc when there is no memory.
LinkObject make_tunnel_link(const core::TunnelPlan& plan, const std::string& name);
/// Is this interface one of the plan, its MTU and state apart?
bool is_tunnel_of(rtnl_link& link, const core::TunnelPlan& plan);
/// Does the alias say that it is ours?
bool is_ours(rtnl_link& link);

} // namespace multihomed::apply
