// SPDX-License-Identifier: GPL-2.0-or-later
//
// Appliers without a kernel, with faults. All of them write what they were told into one journal,
// so that a test can see the order of a change. FakeZebra stands for zebra and the kernel behind
// it: what it was told reaches the kernel with deliver(), and observations are made by report().
#pragma once

#include "runtime/reconciler.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace multihomed::test {

using Journal = std::vector<std::string>;

class FakeZebra final : public apply::RoutingApplier {
public:
    explicit FakeZebra(Journal& journal) : journal_(journal) {}

    void add(const core::Route& route) override;
    void remove(const core::Route& route) override;
    void add(const core::Rule& rule) override;
    void remove(const core::Rule& rule) override;
    void rules_complete() override { journal_.push_back("rules complete"); }

    /// What was told since the last time takes effect. True if anything did.
    bool deliver();
    /// The kernel's routes and rules, with those of others.
    void report(core::Observation& seen) const;

    /// Texts of routes and rules (core/text.hpp) that never reach the kernel.
    std::set<std::string> refused;
    /// Texts of unreachable routes behind one that zebra has from a predecessor and cannot install:
    /// it says nothing and installs neither until the one in front is withdrawn.
    std::set<std::string> dead_in_front;
    /// What others have in the kernel.
    std::vector<core::KernelRoute> foreign_routes;
    std::vector<core::KernelRule> foreign_rules;

    void delete_by_hand(const std::string& text);
    /// zebra drops what a client had when its session ends.
    void end_session();
    /// A rule of ours that a predecessor left; beside an equal one, if need be.
    void leave_behind(const core::Rule& rule) { rules_.insert(rule); }
    bool holds(const std::string& text) const;
    /// Texts of all routes and rules of ours in the kernel, sorted.
    std::vector<std::string> held() const;

private:
    std::vector<const core::Route*> kernel_routes() const;

    struct Order {
        bool add = false;
        std::optional<core::Route> route;
        std::optional<core::Rule> rule;
    };
    Journal& journal_;
    std::vector<Order> orders_;
    std::map<core::Route::Key, core::Route> routes_;
    std::multiset<core::Rule> rules_; ///< as stock zebra does it, which adds what is there
};

class FakeNat final : public apply::NatApplier {
public:
    explicit FakeNat(Journal& journal) : journal_(journal) {}

    core::Result<void> apply(const core::NatPlan& plan) override;
    core::Result<void> remove() override;
    core::Result<bool> verify() override;
    core::Result<std::vector<apply::GuardCount>> counters() override;

    std::string fault; ///< every call fails with this while it is not empty
    bool tampered = false;
    std::optional<core::NatPlan> held;
    std::vector<apply::GuardCount> counts;

private:
    Journal& journal_;
};

class FakeFlows final : public apply::FlowApplier {
public:
    explicit FakeFlows(Journal& journal) : journal_(journal) {}

    apply::Ticket forget(const core::FlowSelector& selector) override;
    void cancel(apply::Ticket ticket) override;
    std::vector<apply::Completion> completed() override;
    core::Result<std::vector<apply::FlowCount>>
    count(const std::vector<core::AddressRange>& ranges) override;
    core::Result<apply::FlowList> list(const core::AddressRange& translated_to,
                                       std::size_t limit) override;

    bool has_news() const { return !slow && !under_way_.empty(); }

    std::string fault;                        ///< of what is asked while it is not empty
    std::set<std::string> refused;            ///< what cannot be forgotten, as the journal has it
    std::optional<std::uint64_t> deleted = 3; ///< what every forget() reports
    bool slow = false;                        ///< nothing is completed while this holds
    std::vector<apply::Flow> flows;
    core::FlowSelector last; ///< what was asked for last

private:
    Journal& journal_;
    apply::Ticket last_ticket_ = 0;
    std::vector<apply::Completion> under_way_;
    std::map<apply::Ticket, std::string> names_;
};

class FakeSysctls final : public apply::SysctlApplier {
public:
    explicit FakeSysctls(Journal& journal) : journal_(journal) {}

    core::Result<void> apply(const std::vector<core::Sysctl>& wanted) override;
    std::vector<core::Sysctl> missing(const std::vector<core::Sysctl>& wanted) override;
    const apply::SysctlHolds& originals() const override { return holds_; }
    void adopt(const apply::SysctlHolds& holds) override { holds_ = holds; }

    std::string fault;
    std::vector<core::Sysctl> held;

private:
    Journal& journal_;
    apply::SysctlHolds holds_;
};

/// Makes interfaces that report() shows: up, with alias and address.
class FakeTunnels final : public apply::TunnelApplier {
public:
    explicit FakeTunnels(Journal& journal) : journal_(journal) {}

    core::Result<void> establish(const core::TunnelPlan& plan) override;
    core::Result<void> remove(const std::string& interface) override;

    /// What the kernel would show of them, and of none that was removed. True if it is news.
    bool report(core::Observation& seen);

    std::string fault; ///< every call fails with this while it is not empty
    std::map<std::string, core::TunnelPlan> held;
    std::map<std::string, core::Interface> interfaces;

private:
    Journal& journal_;
    std::uint32_t last_index_ = 1000;
};

class FakeTableNames final : public apply::TableNameApplier {
public:
    core::Result<void> apply(const std::vector<core::TableName>& names) override;
    core::Result<void> remove() override;

    std::string fault;
    std::vector<core::TableName> held;
};

} // namespace multihomed::test
