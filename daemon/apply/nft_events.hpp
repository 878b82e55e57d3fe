// SPDX-License-Identifier: GPL-2.0-or-later
//
// Messages of the nftables subsystem, from bytes to values; linux/netfilter/nf_tables.h. Pure.
#pragma once

#include "apply/nft_render.hpp"

#include <cstdint>
#include <optional>

struct nlmsghdr;

namespace multihomed::apply {

/// What one notification says to somebody who cares for table `inet multihome` alone.
struct NftEvent {
    enum class Kind : std::uint8_t {
        other,      ///< another table
        our_table,  ///< part of a transaction that changes our table
        generation, ///< end of a transaction
    };
    Kind kind = Kind::other;
    std::uint32_t generation = 0; ///< its number, which grows by one a transaction of any table
    /// Who made the generation; in the answer to NFT_MSG_GETGEN, who asks. A pid of the initial
    /// namespace whatever the reader's is; 0 when not told.
    std::uint32_t process = 0;

    bool operator==(const NftEvent&) const = default;
};

NftEvent decode_nft_event(const nlmsghdr& header);

/// A named counter of our table out of a dump of NFT_MSG_GETOBJ; nothing for all else.
std::optional<CounterValue> decode_counter(const nlmsghdr& header);

} // namespace multihomed::apply
