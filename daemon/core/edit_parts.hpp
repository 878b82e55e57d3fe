// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the edit*.cpp files share.
#pragma once

#include "core/edit.hpp"
#include "core/result.hpp"
#include "core/utf8.hpp"
#include "core/validate.hpp"

#include <algorithm>

namespace multihomed::core {

/// Calls change(uplink) for the uplink of that name; the empty one stands for a name that was
/// refused.
template <class Change>
Refusal with_uplink(Config& config, const std::string& name, Change change) {
    const auto found = std::ranges::find(config.uplinks, name, &Uplink::name);
    if (found == config.uplinks.end())
        return name.empty() ? "the uplink was refused" : "there is no uplink " + quoted(name);
    return change(*found);
}

/// The address, or the prefix (of any family unless one is given), that these words mean.
Result<Address> typed_address(const std::string& text, Family family);
Result<Prefix> typed_prefix(const std::string& text, std::optional<Family> family);

/// Is it, in one family or both, a line of another router?
inline bool has_router(const Uplink& uplink) {
    return std::ranges::any_of(uplink.family.values, [](const UplinkFamily& family) {
        return family.gateway.kind == Gateway::Kind::router;
    });
}

/// Is there a word that says so? IPv4 is by default.
inline bool is_translated(const UplinkFamily& family) {
    return (family.nat && family.nat->kind != Nat::Kind::none) || !family.prefix_nats.empty();
}

inline Refusal refuse_translation(const Uplink& uplink) {
    if (!has_router(uplink))
        return std::nullopt;
    return "uplink " + uplink.name + " is another router's line, which translates it";
}

/// Why the value is none for this number.
inline Refusal refuse_number(const char* what, std::uint32_t value, std::uint32_t least,
                             std::uint32_t most) {
    if (value >= least && value <= most)
        return std::nullopt;
    return std::string(what) + " is between " + std::to_string(least) + " and " +
           std::to_string(most);
}

} // namespace multihomed::core
