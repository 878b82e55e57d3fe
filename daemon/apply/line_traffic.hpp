// SPDX-License-Identifier: GPL-2.0-or-later
//
// How much traffic of others goes through each line: the packets that the NAT table's chains
// `forward` count (see nft_render.hpp). Made to be read many times a second: one socket that stays
// open, one dump, no listing.
#pragma once

#include "apply/netfilter_socket.hpp"
#include "core/privileges.hpp"
#include "core/result.hpp"
#include "core/silence.hpp"

#include <vector>

namespace multihomed::apply {

class LineTrafficReader {
public:
    virtual ~LineTrafficReader() = default;

    /// Sorted by line; both families of every line that NatApplier::apply() was given last. Empty
    /// when nothing is applied. Counters of lines that stay go on through every apply().
    virtual core::Result<std::vector<core::LineTraffic>> read() = 0;
};

class NftLineTrafficReader final : public LineTrafficReader {
public:
    explicit NftLineTrafficReader(core::Privileged privileged);

    core::Result<std::vector<core::LineTraffic>> read() override;

private:
    core::Privileged privileged_;
    NetfilterSocket socket_;
};

} // namespace multihomed::apply
