// SPDX-License-Identifier: GPL-2.0-or-later
//
// net.{ipv4,ipv6}.conf.<interface>.<name>, and without an interface net.{ipv4,ipv6}.<name>, which
// is one for the network namespace: set while wanted, put back afterwards.
//
// What a value was before we touched it is a hold. Holds are the only state, and they are handed
// out so that the daemon can write them down: after a kill -9 the next one adopts them and can
// still put the values back. An interface that is gone needs nothing and ends its holds. Paths
// below /proc/sys are used, not sysctl names, because interface names contain dots. apply() is
// central.
#pragma once

#include "core/desired.hpp"
#include "core/privileges.hpp"
#include "core/result.hpp"

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace multihomed::apply {

struct SysctlKey {
    core::Family family = core::Family::v4;
    std::string interface; ///< empty: of the network namespace
    std::string name;

    auto operator<=>(const SysctlKey&) const = default;
};

struct SysctlHold {
    int original = 0; ///< before we first touched it
    int ours = 0;     ///< what we last set

    bool operator==(const SysctlHold&) const = default;
};

using SysctlHolds = std::map<SysctlKey, SysctlHold>;

class SysctlApplier {
public:
    virtual ~SysctlApplier() = default;

    /// Sets what is wanted and puts back what no longer is. Goes on after a failure; the error
    /// names every failure, and calling again retries them. A value to be put back that is no
    /// longer the one we set is somebody else's now and stays.
    virtual core::Result<void> apply(const std::vector<core::Sysctl>& wanted) = 0;
    /// Those of `wanted` that the kernel does not hold now. What cannot be set because its
    /// interface is not there is not among them.
    virtual std::vector<core::Sysctl> missing(const std::vector<core::Sysctl>& wanted) = 0;

    virtual const SysctlHolds& originals() const = 0;
    /// Holds of an earlier life of the daemon. Those of this one win.
    virtual void adopt(const SysctlHolds& holds) = 0;

    /// Puts everything back.
    core::Result<void> release() { return apply({}); }
};

class ProcSysctlApplier final : public SysctlApplier {
public:
    explicit ProcSysctlApplier(core::Privileged privileged, std::string root = "/proc/sys");

    core::Result<void> apply(const std::vector<core::Sysctl>& wanted) override;
    std::vector<core::Sysctl> missing(const std::vector<core::Sysctl>& wanted) override;
    const SysctlHolds& originals() const override { return holds_; }
    void adopt(const SysctlHolds& holds) override;

private:
    core::Result<void> hold(const SysctlKey& key, int value);
    core::Result<void> put_back(const SysctlKey& key, const SysctlHold& hold);
    /// Nothing: the interface, or the family, is not there.
    core::Result<std::optional<int>> read(const SysctlKey& key) const;
    core::Result<void> write(const SysctlKey& key, int value) const;
    std::string path(const SysctlKey& key) const;

    core::Privileged privileged_;
    std::string root_;
    SysctlHolds holds_;
};

} // namespace multihomed::apply
