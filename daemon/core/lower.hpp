// SPDX-License-Identifier: GPL-2.0-or-later
//
// From the rules as wanted to the rules that this dataplane can install.
//
// With zebra_multihome every rule is installed as it is. Stock zebra gives every rule an ingress
// interface and a rule without one never matches; it knows neither suppress_prefixlength nor goto
// nor mark masks. So each rule becomes one an ingress interface plus one for local traffic (`iif
// lo`), and "main except its default" becomes "to <internal prefix> lookup main".
#pragma once

#include "core/desired.hpp"

#include <string>
#include <vector>

namespace multihomed::core {

/// RTPROT_ZEBRA: stock zebra's rules bear it.
inline constexpr std::uint8_t kStockRuleProtocol = 11;

struct Lowered {
    std::vector<Rule> rules; ///< sorted, unique
    std::uint8_t protocol = 0;
    std::vector<std::string> losses; ///< what this dataplane cannot do, for the operator
};

Lowered lower(const std::vector<Rule>& rules, const std::vector<Prefix>& internal,
              const Observation& seen);

} // namespace multihomed::core
