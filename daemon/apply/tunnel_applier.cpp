// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/tunnel_applier.hpp"

#include "apply/tunnel_link.hpp"

#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <new>

namespace multihomed::apply {

namespace {

using core::Error;
using core::Result;

/// While an interface has no alias yet.
const std::string kUnfinished = "multihomed-new";

struct SocketFree {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
struct AddressFree {
    void operator()(rtnl_addr* address) const { rtnl_addr_put(address); }
};
struct BytesFree {
    void operator()(nl_addr* address) const { nl_addr_put(address); }
};

/// One conversation with the kernel. It is short: the capabilities are raised meanwhile.
class Kernel {
public:
    Result<void> open() {
        socket_.reset(nl_socket_alloc());
        if (!socket_)
            throw std::bad_alloc();
        return done("open netlink socket", nl_connect(socket_.get(), NETLINK_ROUTE));
    }

    /// Null: there is no such interface.
    Result<LinkObject> find(const std::string& name) {
        rtnl_link* found = nullptr;
        const int outcome = rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &found);
        if (outcome == -NLE_OBJ_NOTFOUND || outcome == -NLE_NODEV)
            return LinkObject();
        if (outcome < 0)
            return failure("look at interface " + name, outcome);
        return LinkObject(found);
    }

    Result<void> add(const LinkObject& link, const std::string& name) {
        const int flags = NLM_F_CREATE | NLM_F_EXCL;
        return done("make tunnel " + name, rtnl_link_add(socket_.get(), link.get(), flags));
    }

    Result<void> change(rtnl_link& link, const LinkObject& changes, const std::string& what) {
        return done(what, rtnl_link_change(socket_.get(), &link, changes.get(), 0));
    }

    Result<void> remove(rtnl_link& link, const std::string& name) {
        const int outcome = rtnl_link_delete(socket_.get(), &link);
        return done("remove tunnel " + name, outcome == -NLE_NODEV ? 0 : outcome);
    }

    /// An address that is there is done: IPv6 knows none twice on an interface.
    Result<void> put(rtnl_link& link, const core::OwnAddress& own) {
        const std::unique_ptr<rtnl_addr, AddressFree> address(rtnl_addr_alloc());
        const auto bytes = core::address_bytes(own.address);
        const std::unique_ptr<nl_addr, BytesFree> local(
            nl_addr_build(AF_INET6, bytes.data(), bytes.size()));
        if (!address || !local)
            throw std::bad_alloc();
        nl_addr_set_prefixlen(local.get(), own.length);
        rtnl_addr_set_ifindex(address.get(), rtnl_link_get_ifindex(&link));
        int outcome = rtnl_addr_set_local(address.get(), local.get());
        if (outcome >= 0)
            outcome = rtnl_addr_add(socket_.get(), address.get(), NLM_F_CREATE | NLM_F_EXCL);
        return done("give " + std::string(rtnl_link_get_name(&link)) + " the address " +
                        own.to_string(),
                    outcome == -NLE_EXIST ? 0 : outcome);
    }

private:
    static Error failure(const std::string& what, int outcome) {
        return {0, what + ": " + nl_geterror(outcome)};
    }
    static Result<void> done(const std::string& what, int outcome) {
        if (outcome < 0)
            return failure(what, outcome);
        return {};
    }
    std::unique_ptr<nl_sock, SocketFree> socket_;
};

LinkObject empty_link() {
    LinkObject link(rtnl_link_alloc());
    if (!link)
        throw std::bad_alloc();
    return link;
}

/// Up, with the MTU that is wanted.
Result<void> tune(Kernel& kernel, rtnl_link& link, const core::TunnelPlan& plan) {
    if ((rtnl_link_get_flags(&link) & IFF_UP) != 0 && rtnl_link_get_mtu(&link) == plan.mtu)
        return {};
    const LinkObject changes = empty_link();
    rtnl_link_set_mtu(changes.get(), plan.mtu);
    rtnl_link_set_flags(changes.get(), IFF_UP);
    return kernel.change(link, changes, "set tunnel " + plan.interface + " up");
}

/// What an end in the middle of make() left.
Result<void> clear_unfinished(Kernel& kernel) {
    const auto left = kernel.find(kUnfinished);
    if (!left)
        return left.error();
    return *left ? kernel.remove(**left, kUnfinished) : Result<void>();
}

Result<void> make(Kernel& kernel, const core::TunnelPlan& plan) {
    if (auto cleared = clear_unfinished(kernel); !cleared)
        return cleared;
    if (auto added = kernel.add(make_tunnel_link(plan, kUnfinished), plan.interface); !added)
        return added;
    const auto fresh = kernel.find(kUnfinished);
    if (!fresh || !*fresh)
        return fresh ? Error{ENODEV, "tunnel " + plan.interface + " has vanished"} : fresh.error();
    const LinkObject alias = empty_link();
    rtnl_link_set_ifalias(alias.get(), core::tunnel_alias(plan.uplink).c_str());
    if (auto named = kernel.change(**fresh, alias, "mark tunnel " + plan.interface); !named)
        return named;
    const LinkObject name = empty_link();
    rtnl_link_set_name(name.get(), plan.interface.c_str());
    if (auto named = kernel.change(**fresh, name, "name tunnel " + plan.interface); !named) {
        (void)kernel.remove(**fresh, kUnfinished);
        return named;
    }
    return {};
}

Result<void> establish_now(const core::TunnelPlan& plan) {
    Kernel kernel;
    if (auto opened = kernel.open(); !opened)
        return opened;
    auto found = kernel.find(plan.interface);
    if (!found)
        return found.error();
    if (*found && !is_ours(**found))
        return Error{EEXIST, "an interface of this name exists and is not ours"};
    if (*found && !is_tunnel_of(**found, plan)) {
        if (auto removed = kernel.remove(**found, plan.interface); !removed)
            return removed;
        found = LinkObject();
    }
    if (!*found) {
        if (auto made = make(kernel, plan); !made)
            return made;
        found = kernel.find(plan.interface);
        if (!found || !*found)
            return Error{ENODEV, "tunnel " + plan.interface + " has vanished"};
    }
    if (auto tuned = tune(kernel, **found, plan); !tuned)
        return tuned;
    return plan.address ? kernel.put(**found, *plan.address) : Result<void>();
}

Result<void> remove_now(const std::string& interface) {
    Kernel kernel;
    if (auto opened = kernel.open(); !opened)
        return opened;
    const auto found = kernel.find(interface);
    if (!found)
        return found.error();
    return *found && is_ours(**found) ? kernel.remove(**found, interface) : Result<void>();
}

} // namespace

NetlinkTunnelApplier::NetlinkTunnelApplier(core::Privileged privileged)
    : privileged_(std::move(privileged)) {}

Result<void> NetlinkTunnelApplier::establish(const core::TunnelPlan& plan) {
    Result<void> result = Error{EPERM, "make tunnel " + plan.interface + ": no privileges"};
    privileged_([&] { result = establish_now(plan); });
    return result;
}

Result<void> NetlinkTunnelApplier::remove(const std::string& interface) {
    Result<void> result = Error{EPERM, "remove tunnel " + interface + ": no privileges"};
    privileged_([&] { result = remove_now(interface); });
    return result;
}

} // namespace multihomed::apply
