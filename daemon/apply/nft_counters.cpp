// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/nft_counters.hpp"

#include "apply/nft_events.hpp"

#include <cerrno>
#include <cstring>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <utility>

namespace multihomed::apply {

namespace {

constexpr int kDumpAttempts = 5;

} // namespace

core::Result<std::vector<CounterValue>> dump_counters(NetfilterSocket& socket) {
    for (int attempt = 1;; ++attempt) {
        const NlMessage message =
            make_netfilter_message(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ, 0, NFPROTO_INET);
        put_attribute(*message, NFTA_OBJ_TABLE, kNatTable, std::strlen(kNatTable) + 1);
        put_be32(*message, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
        std::vector<CounterValue> values;
        const auto dumped = socket.dump(*message, [&](const nlmsghdr& header) {
            if (auto value = decode_counter(header))
                values.push_back(std::move(*value));
            return true;
        });
        if (dumped || dumped.error().code == ENOENT)
            return values;
        if (dumped.error().code != EINTR || attempt == kDumpAttempts)
            return core::Error{dumped.error().code, "counters: " + dumped.error().what};
    }
}

} // namespace multihomed::apply
