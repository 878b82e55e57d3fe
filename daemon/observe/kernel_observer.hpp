// SPDX-License-Identifier: GPL-2.0-or-later
//
// KernelObserver keeps the kernel's part of an Observation true: interfaces, addresses, neighbours
// of interest, policy rules, routes of interest. It follows rtnetlink's multicast groups on four
// sockets, so that a flood of route or neighbour events (mostly filtered in the kernel) can neither
// delay nor push out the news of a lost carrier. Where messages do not tell all (see RouteTable),
// or were lost, it reads again. on_readable() is the centre. Not thread-safe; knows no event loop:
// the owner watches fd() and calls on_readable().
#pragma once

#include "core/observation.hpp"
#include "core/privileges.hpp"
#include "core/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>

namespace multihomed::observe {

/// Parts of an Observation that have changed.
struct Changes {
    bool links = false;
    bool addresses = false;
    bool neighbours = false;
    bool rules = false;
    bool routes = false;

    explicit operator bool() const { return links || addresses || neighbours || rules || routes; }
    Changes& operator|=(const Changes& other);
    bool operator==(const Changes&) const = default;
};

/// What the observer has been through, for `show` and for logs.
struct ObserverCounters {
    std::uint64_t events = 0;   ///< messages that passed the filters
    std::uint64_t overruns = 0; ///< the kernel dropped events; what they were about was read again
    std::uint64_t reads = 0;    ///< dumps and single look-ups
    std::uint64_t failures = 0; ///< reads that failed; each is tried again
};

class KernelObserver {
public:
    /// `privileged` needs CAP_NET_ADMIN (receive buffers, resolve_neighbour()).
    explicit KernelObserver(core::Privileged privileged = {});
    ~KernelObserver();
    KernelObserver(const KernelObserver&) = delete;
    KernelObserver& operator=(const KernelObserver&) = delete;

    /// Opens the sockets in the caller's network namespace. Once.
    core::Result<void> open();
    /// Readable when on_readable() has something to do, be it an event or work put off.
    int fd() const;

    /// Which routing tables are ours and which neighbours are gateways. Cheap when nothing changed;
    /// else what is new is read by the next on_readable(), which fd() announces.
    core::Result<void> set_interest(std::set<std::uint32_t> tables,
                                    std::set<core::NeighbourKey> gateways);

    /// Reads everything. The same Observation must be given in every call of resync() and
    /// on_readable(); its parts `probes` and `dataplane` are not touched.
    core::Result<Changes> resync(core::Observation& observation);

    /// Takes in what has happened. News of interfaces and addresses is returned at once; the
    /// reading that may follow from it (routes) is left to the next call, for which fd() is
    /// readable already.
    Changes on_readable(core::Observation& observation);

    /// Makes the kernel ask this neighbour now, whatever it believes of it; the outcome comes as a
    /// change of its state (reachable or failed; failed after about three seconds of silence).
    /// Entries that an operator or another program maintains are left alone. Creates no permanent
    /// entry.
    core::Result<void> resolve_neighbour(std::uint32_t ifindex, const core::Address& address);

    ObserverCounters counters() const;
    /// Why the last read failed; empty once reading works again.
    const std::optional<core::Error>& last_error() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

} // namespace multihomed::observe
