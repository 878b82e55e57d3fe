// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/address_range.hpp"

namespace multihomed::core {

namespace {

void cut(std::vector<AddressRange>& into, const AddressRange& range, const AddressRange& taken) {
    if (!overlap(range, taken)) {
        into.push_back(range);
        return;
    }
    if (range.first < taken.first)
        into.push_back({range.first, previous_address(taken.first)});
    if (taken.last < range.last)
        into.push_back({next_address(taken.last), range.last});
}

} // namespace

AddressRange range_of(const Prefix& prefix) {
    const Family family = prefix.family();
    auto bytes = address_bytes(prefix.address());
    for (unsigned bit = prefix.length(); bit < address_bits(family); ++bit)
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | (0x80U >> (bit % 8)));
    return {prefix.address(), address_from_bytes(family, bytes.data())};
}

bool overlap(const AddressRange& one, const AddressRange& other) {
    return family_of(one.first) == family_of(other.first) && one.first <= other.last &&
           other.first <= one.last;
}

bool contains(const Prefix& prefix, const AddressRange& range) {
    return prefix.contains(range.first) && prefix.contains(range.last);
}

bool contains(const AddressRange& range, const Address& address) {
    return overlap(range, {address, address});
}

std::vector<AddressRange> without(const AddressRange& range,
                                  const std::vector<AddressRange>& taken) {
    std::vector<AddressRange> left{range};
    for (const AddressRange& each : taken) {
        std::vector<AddressRange> next;
        for (const AddressRange& piece : left)
            cut(next, piece, each);
        left = std::move(next);
    }
    return left;
}

} // namespace multihomed::core
