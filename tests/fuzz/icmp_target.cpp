// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/targets.hpp"

#include "probe/icmp_codec.hpp"

#include <cstdlib>

namespace multihomed::fuzz {

void icmp_target(Bytes input) {
    if (input.empty())
        return;
    const auto family = input[0] % 2 == 0 ? core::Family::v4 : core::Family::v6;
    const Bytes packet = input.subspan(1);
    const auto reply = probe::decode_echo_reply(family, packet);
    const auto error = probe::decode_echo_error(family, packet);
    if (reply && (error || packet.size() < probe::kEchoBytes))
        std::abort();
    if (error && (error->text.empty() || core::family_of(error->target) != family))
        std::abort();
}

} // namespace multihomed::fuzz
