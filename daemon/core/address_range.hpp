// SPDX-License-Identifier: GPL-2.0-or-later
//
// Inclusive ranges of addresses: what a line's flows are translated to.
#pragma once

#include "core/address.hpp"

#include <vector>

namespace multihomed::core {

/// Inclusive, of one family.
struct AddressRange {
    Address first;
    Address last;

    bool operator==(const AddressRange&) const = default;
};

/// All addresses of the prefix.
AddressRange range_of(const Prefix& prefix);
bool overlap(const AddressRange& one, const AddressRange& other);
bool contains(const Prefix& prefix, const AddressRange& range);
bool contains(const AddressRange& range, const Address& address);
/// What is left of `range` once all of `taken` is cut out of it, in ascending order.
std::vector<AddressRange> without(const AddressRange& range,
                                  const std::vector<AddressRange>& taken);

} // namespace multihomed::core
