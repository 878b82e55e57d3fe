// SPDX-License-Identifier: GPL-2.0-or-later
#include "fakes/appliers.hpp"

#include "core/kernel_view.hpp"
#include "core/text.hpp"

#include <algorithm>

namespace multihomed::test {

namespace {

constexpr std::uint8_t kUnicast = 1;
constexpr std::uint8_t kUnreachable = 7;

core::Error failure(const std::string& what) {
    return {5, what};
}

const char* family_text(core::Family family) {
    return family == core::Family::v4 ? "v4 " : "v6 ";
}

std::string text_of(const core::Route& route) {
    return family_text(route.destination.family()) + core::to_string(route);
}

std::string text_of(const core::Rule& rule) {
    return family_text(rule.family) + core::to_string(rule);
}

std::string text_of(const core::FlowSelector& selector) {
    const std::string family = core::to_string(selector.family);
    switch (selector.kind) {
    case core::FlowSelector::Kind::translated_to:
        return selector.first.to_string();
    case core::FlowSelector::Kind::untranslated:
        return "untranslated " + family;
    case core::FlowSelector::Kind::bound:
        return "bound to " + selector.sources.at(0).to_string();
    case core::FlowSelector::Kind::marked:
        break;
    }
    return "mark " + std::to_string(selector.mark >> 24U) + " " + family;
}

core::KernelRoute kernel_route(const core::Route& route) {
    core::KernelRoute found{.destination = route.destination,
                            .table = route.table,
                            .metric = 20,
                            .protocol = core::protocol_of(route),
                            .type = route.nexthops.empty() ? kUnreachable : kUnicast,
                            .nexthops = {}};
    for (const core::Nexthop& nexthop : route.nexthops)
        found.nexthops.push_back({.ifindex = nexthop.ifindex,
                                  .gateway = nexthop.gateway,
                                  .weight = nexthop.weight,
                                  .linkdown = false});
    return found;
}

} // namespace

void FakeZebra::add(const core::Route& route) {
    journal_.push_back("add " + text_of(route));
    orders_.push_back({true, route, std::nullopt});
}

void FakeZebra::remove(const core::Route& route) {
    journal_.push_back("remove " + text_of(route));
    orders_.push_back({false, route, std::nullopt});
}

void FakeZebra::add(const core::Rule& rule) {
    journal_.push_back("add " + text_of(rule));
    orders_.push_back({true, std::nullopt, rule});
}

void FakeZebra::remove(const core::Rule& rule) {
    journal_.push_back("remove " + text_of(rule));
    orders_.push_back({false, std::nullopt, rule});
}

bool FakeZebra::deliver() {
    const auto orders = std::move(orders_);
    orders_.clear();
    for (const Order& order : orders) {
        const std::string text = order.route ? text_of(*order.route) : text_of(*order.rule);
        if (order.add && refused.contains(text))
            continue;
        if (order.route && order.add) {
            routes_[order.route->key()] = *order.route;
        } else if (order.route) {
            routes_.erase(order.route->key());
            dead_in_front.erase(text);
        } else if (order.add) {
            rules_.insert(*order.rule);
        } else if (const auto one = rules_.find(*order.rule); one != rules_.end()) {
            rules_.erase(one);
        }
    }
    return !orders.empty();
}

/// Of routes to one destination zebra installs the one with the least distance.
std::vector<const core::Route*> FakeZebra::kernel_routes() const {
    std::vector<const core::Route*> best;
    for (const auto& [key, route] : routes_) {
        const bool behind = !best.empty() && best.back()->table == route.table &&
                            best.back()->destination == route.destination;
        if (!behind && !dead_in_front.contains(text_of(route)))
            best.push_back(&route);
    }
    return best;
}

void FakeZebra::report(core::Observation& seen) const {
    seen.routes = foreign_routes;
    for (const core::Route* route : kernel_routes())
        seen.routes.push_back(kernel_route(*route));
    seen.rules = foreign_rules;
    const std::uint8_t protocol =
        seen.dataplane.module ? core::kRuleProtocol : core::kStockRuleProtocol;
    for (const core::Rule& rule : rules_)
        seen.rules.push_back({rule, protocol, false});
}

void FakeZebra::delete_by_hand(const std::string& text) {
    std::erase_if(routes_, [&](const auto& entry) { return text_of(entry.second) == text; });
    std::erase_if(rules_, [&](const core::Rule& rule) { return text_of(rule) == text; });
}

void FakeZebra::end_session() {
    orders_.clear();
    routes_.clear();
    rules_.clear();
}

bool FakeZebra::holds(const std::string& text) const {
    return std::ranges::count(held(), text) > 0;
}

std::vector<std::string> FakeZebra::held() const {
    std::vector<std::string> texts;
    for (const core::Route* route : kernel_routes())
        texts.push_back(text_of(*route));
    for (const core::Rule& rule : rules_)
        texts.push_back(text_of(rule));
    std::ranges::sort(texts);
    return texts;
}

core::Result<void> FakeNat::apply(const core::NatPlan& plan) {
    if (!fault.empty())
        return failure(fault);
    std::string lines;
    for (const core::LineNat& line : plan.lines) {
        lines += " " + line.interface;
        for (const core::Family family : core::kFamilies)
            if (line.dead[family])
                lines += std::string("(dead v") + (family == core::Family::v4 ? "4)" : "6)");
    }
    journal_.push_back("nat" + lines);
    held = plan;
    tampered = false;
    return {};
}

core::Result<void> FakeNat::remove() {
    if (!fault.empty())
        return failure(fault);
    journal_.push_back("nat removed");
    held.reset();
    tampered = false;
    return {};
}

core::Result<bool> FakeNat::verify() {
    if (!fault.empty())
        return failure(fault);
    return !tampered;
}

core::Result<std::vector<apply::GuardCount>> FakeNat::counters() {
    if (!fault.empty())
        return failure(fault);
    return counts;
}

apply::Ticket FakeFlows::forget(const core::FlowSelector& selector) {
    const apply::Ticket ticket = ++last_ticket_;
    names_[ticket] = text_of(selector);
    last = selector;
    if (!fault.empty() || refused.contains(names_[ticket])) {
        under_way_.push_back({ticket, failure(fault)});
        return ticket;
    }
    journal_.push_back("forget " + names_[ticket]);
    under_way_.push_back(
        {ticket, apply::ForgetReport{.method = apply::ForgetReport::Method::one_message,
                                     .deleted = deleted,
                                     .took = std::chrono::microseconds(1500)}});
    return ticket;
}

void FakeFlows::cancel(apply::Ticket ticket) {
    if (std::erase_if(under_way_, [&](const auto& each) { return each.ticket == ticket; }) == 0)
        journal_.push_back("nothing to cancel");
    else
        journal_.push_back("cancel " + names_[ticket]);
}

std::vector<apply::Completion> FakeFlows::completed() {
    if (slow)
        return {};
    return std::exchange(under_way_, {});
}

core::Result<std::vector<apply::FlowCount>>
FakeFlows::count(const std::vector<core::AddressRange>& ranges) {
    if (!fault.empty())
        return failure(fault);
    std::vector<apply::FlowCount> counts;
    for (const core::AddressRange& range : ranges) {
        apply::FlowCount count{.translated_to = range, .flows = 0};
        for (const apply::Flow& flow : flows)
            if (core::contains(range, flow.translated_to))
                ++count.flows;
        counts.push_back(count);
    }
    return counts;
}

core::Result<apply::FlowList> FakeFlows::list(const core::AddressRange& translated_to,
                                              std::size_t limit) {
    if (!fault.empty())
        return failure(fault);
    apply::FlowList list;
    for (const apply::Flow& flow : flows) {
        if (!core::contains(translated_to, flow.translated_to))
            continue;
        ++list.total;
        if (list.flows.size() < limit)
            list.flows.push_back(flow);
    }
    return list;
}

core::Result<void> FakeSysctls::apply(const std::vector<core::Sysctl>& wanted) {
    if (!fault.empty())
        return failure(fault);
    journal_.push_back("sysctls " + std::to_string(wanted.size()));
    held = wanted;
    return {};
}

std::vector<core::Sysctl> FakeSysctls::missing(const std::vector<core::Sysctl>& wanted) {
    std::vector<core::Sysctl> missing;
    for (const core::Sysctl& sysctl : wanted)
        if (std::ranges::find(held, sysctl) == held.end())
            missing.push_back(sysctl);
    return missing;
}

core::Result<void> FakeTunnels::establish(const core::TunnelPlan& plan) {
    if (!fault.empty())
        return failure(fault);
    const auto stands = held.find(plan.interface);
    if (stands != held.end() && stands->second == plan)
        return {};
    journal_.push_back("tunnel " + plan.interface + " local " + plan.local.to_string() +
                       (plan.address ? " address " + plan.address->to_string() : ""));
    held[plan.interface] = plan;
    core::Interface made{.index = ++last_index_,
                         .name = plan.interface,
                         .up = true,
                         .carrier = true,
                         .point_to_point = true,
                         .mtu = plan.mtu,
                         .alias = core::tunnel_alias(plan.uplink),
                         .addresses = {}};
    if (plan.address)
        made.addresses.push_back(
            {.address = plan.address->address, .prefix_length = plan.address->length, .peer = {}});
    interfaces[plan.interface] = made;
    return {};
}

core::Result<void> FakeTunnels::remove(const std::string& interface) {
    if (!fault.empty())
        return failure(fault);
    journal_.push_back("remove tunnel " + interface);
    held.erase(interface);
    interfaces.erase(interface);
    return {};
}

bool FakeTunnels::report(core::Observation& seen) {
    const auto before = seen.interfaces;
    std::erase_if(seen.interfaces,
                  [](const auto& entry) { return core::is_tunnel_alias(entry.second.alias); });
    for (const auto& [name, interface] : interfaces)
        seen.interfaces[name] = interface;
    return seen.interfaces != before;
}

core::Result<void> FakeTableNames::apply(const std::vector<core::TableName>& names) {
    if (!fault.empty())
        return failure(fault);
    held = names;
    return {};
}

core::Result<void> FakeTableNames::remove() {
    return apply({});
}

} // namespace multihomed::test
