// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keeps Observation::interfaces: what each link and address message does to it. Messages name an
// interface by index, the observation by name, and an interface may be renamed or come back with
// another index. Pure; reread() is for whole dumps and forgets what they did not mention.
#pragma once

#include "core/observation.hpp"
#include "observe/netlink_decode.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace multihomed::observe {

using Interfaces = std::map<std::string, core::Interface>;

/// What a message changed. `shaken`: routes through the interface may be gone or altered without
/// any message about them, because it went down or up, lost or regained carrier, or disappeared.
struct InterfaceChange {
    bool links = false;
    bool addresses = false;
    std::vector<std::uint32_t> shaken;

    InterfaceChange& operator|=(const InterfaceChange& other);
};

class InterfaceTable {
public:
    /// `interfaces` is the same map in every call, and nobody else changes it.
    InterfaceChange apply(Interfaces& interfaces, const Link& link);
    InterfaceChange apply(Interfaces& interfaces, const LinkGone& gone);
    InterfaceChange apply(Interfaces& interfaces, const Addr& addr);
    InterfaceChange apply(Interfaces& interfaces, const AddrGone& gone);

    InterfaceChange reread(Interfaces& interfaces, const std::vector<Link>& links,
                           const std::vector<Addr>& addresses);

private:
    core::Interface* find(Interfaces& interfaces, std::uint32_t index);

    std::map<std::uint32_t, std::string> names_; ///< by index
};

} // namespace multihomed::observe
