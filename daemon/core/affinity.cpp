// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/affinity.hpp"

#include <algorithm>
#include <bit>
#include <set>

namespace multihomed::core {

std::uint32_t mark_capacity(std::uint32_t mask) {
    const int bits = std::popcount(mask);
    return bits >= 32 ? UINT32_MAX : (std::uint32_t{1} << static_cast<unsigned>(bits)) - 1;
}

std::uint32_t mark_of(std::uint32_t number, std::uint32_t mask) {
    std::uint32_t mark = 0;
    for (; mask != 0; mask &= mask - 1, number >>= 1U)
        if ((number & 1U) != 0)
            mark |= mask & (~mask + 1);
    return mark;
}

MarkNumbers assign_marks(const Config& config, const MarkNumbers& previous) {
    MarkNumbers numbers;
    if (!config.flow_affinity)
        return numbers;
    const std::uint32_t most = mark_capacity(config.mark_mask);
    std::set<std::uint32_t> taken;
    for (const auto& [name, number] : previous)
        if (number >= 1 && number <= most && taken.insert(number).second)
            numbers[name] = number;
    std::uint32_t next = 1;
    for (const Uplink& uplink : config.uplinks) {
        if (numbers.contains(uplink.name))
            continue;
        while (next <= most && taken.contains(next))
            ++next;
        if (next > most)
            break;
        taken.insert(next);
        numbers[uplink.name] = next;
    }
    return numbers;
}

} // namespace multihomed::core
