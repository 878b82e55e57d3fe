// SPDX-License-Identifier: GPL-2.0-or-later
//
// Translation and egress guard by nftables, in process: libnftables for changes and listings,
// netlink for counters and notifications. Owns table `inet multihome` and never names another one.
//
// A change is one transaction. When the table is as the last apply() left it, only the sets that
// differ are refilled; when it is not (a fresh start, leftovers of a killed daemon, somebody's
// hand in it), the whole table is replaced and the guard's counters are carried over. "As we left
// it" means: nftables' generation number has not moved, or nft's listing with handles, without
// counter values, is the same text as then. apply() is central.
#pragma once

#include "apply/nat_applier.hpp"
#include "apply/netfilter_socket.hpp"
#include "apply/nft_render.hpp"
#include "core/privileges.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct nft_ctx;

namespace multihomed::apply {

class NftablesNatApplier final : public NatApplier {
public:
    explicit NftablesNatApplier(core::Privileged privileged);
    ~NftablesNatApplier() override;

    /// Before many other descriptors are open: libnftables opens its socket here and waits for it
    /// with select(), which takes numbers below 1024 only. The first apply() does it otherwise.
    void open();

    core::Result<void> apply(const core::NatPlan& plan) override;
    core::Result<void> remove() override;
    core::Result<bool> verify() override;
    core::Result<std::vector<GuardCount>> counters() override;

private:
    struct ContextFree {
        void operator()(nft_ctx* context) const;
    };

    /// The table at one moment.
    struct State {
        std::uint32_t generation = 0; ///< of all tables of the namespace
        std::string listing;          ///< "" when there is no table
    };

    core::Result<void> apply_content(NatTableContent wanted);
    core::Result<void> change_to(const NatTableContent& wanted);
    core::Result<void> create(const NatTableContent& wanted);
    core::Result<void> commit(const std::string& commands);
    core::Result<bool> is_as_left();
    core::Result<void> open_socket();
    core::Result<std::uint32_t> read_generation();
    void open_context();
    core::Result<std::string> run(const std::string& commands, unsigned int output_flags);
    core::Result<std::string> list();
    core::Result<std::vector<CounterValue>> read_counters();

    core::Privileged privileged_;
    std::unique_ptr<nft_ctx, ContextFree> context_;
    NetfilterSocket socket_;
    NatTableContent content_;   ///< of the table left_ lists
    std::optional<State> left_; ///< as our last transaction left it; absent: not known
};

/// Says when somebody else may have changed our table. Notifications arrive after the fact and may
/// get lost, in which case the answer is "may have": verify() knows.
class NftMonitor {
public:
    explicit NftMonitor(core::Privileged privileged);

    core::Result<void> open();
    /// To be watched for reading, level-triggered; -1 until opened.
    int fd() const { return socket_.fd(); }
    /// Reads what there is, up to a bound. True: our table may have been changed, and not by this
    /// process. Never waits.
    bool on_readable();

private:
    bool note(std::span<const std::uint8_t> bytes);

    core::Privileged privileged_;
    NetfilterSocket socket_;
    std::uint32_t self_ = 0; ///< as the kernel calls us; in a container that is not getpid()
    bool ours_in_transaction_ = false; ///< the transaction being told of has touched our table
};

} // namespace multihomed::apply
