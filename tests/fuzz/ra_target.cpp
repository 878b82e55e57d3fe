// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/targets.hpp"

#include "apply/ra_codec.hpp"

#include <cstdlib>

namespace multihomed::fuzz {

void ra_target(Bytes input) {
    const auto router = core::parse_address("fe80::2").value();
    const apply::IcmpMessage message{router, 255, input};
    const auto heard = apply::decode_advertisement(message);
    const bool asked = apply::is_solicitation(message);
    if (heard && (asked || input.size() < 16 || input.size() % 8 != 0))
        std::abort();
    if (asked && (input.size() < 8 || input.size() % 8 != 0))
        std::abort();
    if (!heard)
        return;
    if (heard->prefixes.size() * 32 > input.size() || heard->resolvers * 16 > input.size())
        std::abort();
    // What was understood can be said, and is understood again.
    core::RouterAdvertisement content;
    content.lifetime_s = heard->lifetime_s;
    content.prefixes = heard->prefixes;
    const auto bytes = apply::encode_advertisement(content, std::nullopt);
    const auto again = apply::decode_advertisement({router, 255, bytes});
    if (!again || again->prefixes != heard->prefixes || again->lifetime_s != heard->lifetime_s)
        std::abort();
    if (apply::decode_advertisement({router, 64, input}))
        std::abort();
}

} // namespace multihomed::fuzz
