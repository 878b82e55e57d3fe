// SPDX-License-Identifier: GPL-2.0-or-later
//
// The narrow interface between the prober and the network: probes of one kind, for one line and
// family, bound to its device and source address. It alone reads clocks: what it tells of times is
// exact, whenever the event loop gets round to asking. Whether a probe is lost is not its business;
// it is told when nobody waits any more. ProbeSocketFactory makes the real ones or fakes.
#pragma once

#include "core/address.hpp"
#include "core/desired.hpp"
#include "core/observation.hpp"
#include "core/privileges.hpp"
#include "core/result.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace multihomed::probe {

/// What has become of a probe.
struct Outcome {
    enum class Kind : std::uint8_t {
        answered,
        refused,   ///< it failed, and no more will come
        complaint, ///< somebody says that it was not delivered; it may be answered yet
    };
    Kind kind = Kind::answered;
    std::uint16_t sequence = 0;
    core::Address target; ///< whom it asked
    core::Time at = {};   ///< when the kernel took the answer in, however late it is read
    std::string text = {};
};

class ProbeSocket {
public:
    using Take = std::function<void(const Outcome&)>;

    virtual ~ProbeSocket() = default;

    /// Readable when receive() has something to do.
    virtual int fd() const = 0;
    /// Never waits: a full queue is an error like any other. Returns when the probe went out.
    virtual core::Result<core::Time> send(const core::ProbeTarget& target,
                                          std::uint16_t sequence) = 0;
    /// Calls `each` with what has arrived, or with some of it if it is much.
    virtual void receive(const Take& each) = 0;

    /// When the oldest probe went out that holds something (a descriptor) until it is answered.
    virtual std::optional<core::Time> oldest_pending() const { return std::nullopt; }
    /// Lets go of what is pending since then or longer.
    virtual void give_up(core::Time /*sent_until*/) {}
};

using ProbeSocketFactory = std::function<core::Result<std::unique_ptr<ProbeSocket>>(
    const core::ProbePlan&, core::ProbeTarget::Kind)>;

/// The real ones; what needs privileges (CAP_NET_RAW) is done through `privileged`.
ProbeSocketFactory probe_sockets(core::Privileged privileged);

} // namespace multihomed::probe
