// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/targets.hpp"

#include "probe/neighbour_codec.hpp"

#include <cstdlib>

namespace multihomed::fuzz {

void neighbour_target(Bytes input) {
    const auto reply = probe::decode_arp_reply(input);
    if (reply &&
        (input.size() < probe::kArpBytes || !reply->sender.is_v4() || !reply->target.is_v4()))
        std::abort();
    const auto told = probe::decode_neighbour_advertisement(input);
    if (told && (input.size() < 24 || !told->target.is_v6() || told->target.is_multicast()))
        std::abort();
    if (reply && told)
        std::abort();
}

} // namespace multihomed::fuzz
