// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/kernel_observer.hpp"

#include "observe/interface_table.hpp"
#include "observe/kernel_reader.hpp"
#include "observe/netlink_decode.hpp"
#include "observe/netlink_socket.hpp"
#include "observe/route_table.hpp"

#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <tuple>
#include <utility>

namespace multihomed::observe {

namespace {

/// Before a read that has failed is tried again.
constexpr timespec kRetry{1, 0};
/// A timerfd expires at once with the least value that is not zero.
constexpr timespec kAtOnce{0, 1};
/// Rules read while others change them are read again, this often before it is put off.
constexpr int kRuleAttempts = 4;

auto place_of(const core::KernelRule& rule) {
    return std::tuple(rule.rule.family, rule.rule.priority);
}

/// The kernel keeps rules by priority, new ones behind those of the same priority.
void insert_rule(std::vector<core::KernelRule>& rules, core::KernelRule rule) {
    rules.insert(std::ranges::upper_bound(rules, place_of(rule), {}, place_of), std::move(rule));
}

} // namespace

class KernelObserver::Impl {
public:
    explicit Impl(core::Privileged privileged)
        : privileged_(std::move(privileged)), reader_(privileged_) {}

    core::Result<void> open();
    core::Result<void> set_interest(std::set<std::uint32_t> tables,
                                    std::set<core::NeighbourKey> gateways);
    core::Result<Changes> resync(core::Observation& observation);
    Changes on_readable(core::Observation& observation);
    core::Result<void> resolve(const core::NeighbourKey& key);

    int fd() const { return epoll_.get(); }
    ObserverCounters counters() const;
    const std::optional<core::Error>& last_error() const { return last_error_; }

private:
    core::Result<void> watch(int fd) const;
    void wake(const timespec& when) const;
    bool was_put_off() const;

    void drain(EventSocket& socket, const std::function<void(Message)>& visit,
               const std::function<void()>& overrun);
    Changes drain_interfaces(core::Observation& observation);
    Changes drain_neighbours(core::Observation& observation);
    Changes drain_rules(core::Observation& observation);
    void drain_routes();
    Changes settle(const InterfaceChange& change);

    bool has_work() const;
    Changes work(core::Observation& observation);
    bool succeeded(const core::Result<void>& outcome);
    core::Result<void> read_interfaces(core::Observation& observation, Changes& changes);
    core::Result<void> read_neighbours(core::Observation& observation, Changes& changes);
    core::Result<void> read_rules(core::Observation& observation, Changes& changes);
    core::Result<void> read_routes(core::Observation& observation, Changes& changes);

    core::Privileged privileged_;
    EventSocket interface_events_;
    EventSocket neighbour_events_;
    EventSocket rule_events_;
    EventSocket route_events_;
    KernelReader reader_;
    FileDescriptor timer_; ///< wakes the owner for work that was put off
    FileDescriptor epoll_;

    InterfaceTable interfaces_;
    RouteTable routes_;
    std::set<std::uint32_t> tables_;
    std::set<core::NeighbourKey> gateways_;

    // What is to be read again, besides the dirty scopes of routes_.
    bool interfaces_due_ = false;
    bool rules_due_ = false;
    std::set<core::NeighbourKey> neighbours_due_;
    /// Published neighbours or routes are no longer of interest.
    bool sweep_due_ = false;

    std::uint64_t events_ = 0;
    std::uint64_t overruns_ = 0;
    std::uint64_t failures_ = 0;
    std::optional<core::Error> last_error_;
};

// ---------------------------------------------------------------- set-up

core::Result<void> KernelObserver::Impl::watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        return system_error("watch netlink socket", errno);
    return {};
}

core::Result<void> KernelObserver::Impl::open() {
    epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
    timer_.reset(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!epoll_ || !timer_)
        return system_error("open observer", errno);
    struct Subscription {
        EventSocket& socket;
        std::vector<unsigned> groups;
        SocketFilter filter;
    };
    const Subscription subscriptions[] = {
        {interface_events_, {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR}, {}},
        {neighbour_events_, {RTNLGRP_NEIGH}, neighbour_filter(gateways_)},
        {rule_events_, {RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE}, {}},
        {route_events_,
         {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_NEXTHOP},
         route_filter(tables_)},
    };
    for (const Subscription& subscription : subscriptions) {
        auto opened =
            subscription.socket.open(subscription.groups, subscription.filter, privileged_);
        if (!opened)
            return opened;
        if (auto watched = watch(subscription.socket.fd()); !watched)
            return watched;
    }
    return watch(timer_.get());
}

core::Result<void> KernelObserver::Impl::set_interest(std::set<std::uint32_t> tables,
                                                      std::set<core::NeighbourKey> gateways) {
    // Filters first: what changes between them and the reading is then seen as an event.
    if (tables != tables_) {
        if (auto set = route_events_.set_filter(route_filter(tables)); !set)
            return set;
        tables_ = tables;
        sweep_due_ |= routes_.set_tables(std::move(tables));
    }
    if (gateways != gateways_) {
        if (auto set = neighbour_events_.set_filter(neighbour_filter(gateways)); !set)
            return set;
        std::ranges::set_difference(gateways, gateways_,
                                    std::inserter(neighbours_due_, neighbours_due_.end()));
        std::erase_if(neighbours_due_, [&](const auto& key) { return !gateways.contains(key); });
        gateways_ = std::move(gateways);
        sweep_due_ = true;
    }
    if (has_work())
        wake(kAtOnce);
    return {};
}

ObserverCounters KernelObserver::Impl::counters() const {
    return {events_, overruns_, reader_.reads(), failures_};
}

void KernelObserver::Impl::wake(const timespec& when) const {
    const itimerspec setting{{0, 0}, when};
    // Fails only for a bad descriptor or a bad time.
    timerfd_settime(timer_.get(), 0, &setting, nullptr);
}

bool KernelObserver::Impl::was_put_off() const {
    std::uint64_t expirations = 0;
    return read(timer_.get(), &expirations, sizeof expirations) > 0;
}

// ---------------------------------------------------------------- events

void KernelObserver::Impl::drain(EventSocket& socket, const std::function<void(Message)>& visit,
                                 const std::function<void()>& overrun) {
    const auto outcome = socket.drain([&](Bytes message) {
        ++events_;
        visit(decode(message));
    });
    if (outcome == EventSocket::Outcome::overrun) {
        ++overruns_;
        overrun();
    }
}

Changes KernelObserver::Impl::settle(const InterfaceChange& change) {
    for (const std::uint32_t ifindex : change.shaken)
        routes_.mark_interface(ifindex);
    Changes changes;
    changes.links = change.links;
    changes.addresses = change.addresses;
    return changes;
}

Changes KernelObserver::Impl::drain_interfaces(core::Observation& observation) {
    InterfaceChange change;
    const auto visit = [&](const Message& message) {
        if (const auto* link = std::get_if<Link>(&message))
            change |= interfaces_.apply(observation.interfaces, *link);
        else if (const auto* gone_link = std::get_if<LinkGone>(&message))
            change |= interfaces_.apply(observation.interfaces, *gone_link);
        else if (const auto* addr = std::get_if<Addr>(&message))
            change |= interfaces_.apply(observation.interfaces, *addr);
        else if (const auto* gone = std::get_if<AddrGone>(&message)) {
            change |= interfaces_.apply(observation.interfaces, *gone);
            routes_.mark_address(gone->addr);
        }
    };
    drain(interface_events_, visit, [&] { interfaces_due_ = true; });
    return settle(change);
}

Changes KernelObserver::Impl::drain_neighbours(core::Observation& observation) {
    Changes changes;
    const auto set = [&](const core::NeighbourKey& key, core::NeighbourState state) {
        if (!gateways_.contains(key))
            return;
        const auto [entry, is_new] = observation.neighbours.try_emplace(key, state);
        changes.neighbours |= is_new || entry->second != state;
        entry->second = state;
    };
    const auto visit = [&](const Message& message) {
        if (const auto* neighbour = std::get_if<Neighbour>(&message))
            set(neighbour->key, neighbour->state);
        else if (const auto* gone = std::get_if<NeighbourGone>(&message))
            set(gone->key, core::NeighbourState::none);
    };
    drain(neighbour_events_, visit, [&] { neighbours_due_ = gateways_; });
    return changes;
}

Changes KernelObserver::Impl::drain_rules(core::Observation& observation) {
    Changes changes;
    const auto visit = [&](const Message& message) {
        if (const auto* added = std::get_if<Rule>(&message)) {
            insert_rule(observation.rules, added->rule);
            changes.rules = true;
        } else if (const auto* gone = std::get_if<RuleGone>(&message)) {
            const auto known = std::ranges::find(observation.rules, gone->rule.rule);
            if (known == observation.rules.end()) {
                rules_due_ = true;
                return;
            }
            observation.rules.erase(known);
            changes.rules = true;
        }
    };
    drain(rule_events_, visit, [&] { rules_due_ = true; });
    return changes;
}

void KernelObserver::Impl::drain_routes() {
    const auto visit = [&](const Message& message) {
        if (const auto* route = std::get_if<Route>(&message))
            routes_.mark(*route);
        else if (const auto* gone = std::get_if<RouteGone>(&message))
            routes_.mark(gone->route);
        else if (const auto* object = std::get_if<NexthopObject>(&message))
            routes_.mark_object(object->id);
        else if (const auto* gone_object = std::get_if<NexthopObjectGone>(&message))
            routes_.mark_object(gone_object->id);
    };
    drain(route_events_, visit, [&] { routes_.mark_all(); });
}

Changes KernelObserver::Impl::on_readable(core::Observation& observation) {
    const bool was_due = was_put_off();
    Changes changes = drain_interfaces(observation);
    changes |= drain_neighbours(observation);
    changes |= drain_rules(observation);
    drain_routes();
    if (!has_work())
        return changes;
    if ((changes.links || changes.addresses) && !was_due) {
        wake(kAtOnce);
        return changes;
    }
    changes |= work(observation);
    return changes;
}

// ---------------------------------------------------------------- reading

bool KernelObserver::Impl::has_work() const {
    return interfaces_due_ || rules_due_ || sweep_due_ || !neighbours_due_.empty() ||
           !routes_.dirty().empty();
}

bool KernelObserver::Impl::succeeded(const core::Result<void>& outcome) {
    if (outcome)
        return true;
    ++failures_;
    last_error_ = outcome.error();
    return false;
}

/// Does all that is due. What fails stays due and is tried again in a while.
Changes KernelObserver::Impl::work(core::Observation& observation) {
    Changes changes;
    bool all = true;
    if (interfaces_due_)
        all &= succeeded(read_interfaces(observation, changes));
    if (rules_due_)
        all &= succeeded(read_rules(observation, changes));
    all &= succeeded(read_neighbours(observation, changes));
    all &= succeeded(read_routes(observation, changes));
    sweep_due_ = false;
    if (all)
        last_error_.reset();
    if (has_work())
        wake(kRetry);
    return changes;
}

core::Result<void> KernelObserver::Impl::read_interfaces(core::Observation& observation,
                                                         Changes& changes) {
    auto found = reader_.interfaces();
    if (!found)
        return found.error();
    interfaces_due_ = false;
    changes |= settle(interfaces_.reread(observation.interfaces, found->links, found->addresses));
    // Events that were lost may have been about what silently takes routes away.
    routes_.mark_all();
    return {};
}

core::Result<void> KernelObserver::Impl::read_neighbours(core::Observation& observation,
                                                         Changes& changes) {
    changes.neighbours |= std::erase_if(observation.neighbours, [&](const auto& entry) {
                              return !gateways_.contains(entry.first);
                          }) > 0;
    while (!neighbours_due_.empty()) {
        const core::NeighbourKey key = *neighbours_due_.begin();
        const auto found = reader_.neighbour(key);
        if (!found)
            return found.error();
        neighbours_due_.erase(key);
        const auto state = *found ? (*found)->state : core::NeighbourState::none;
        const auto [entry, is_new] = observation.neighbours.try_emplace(key, state);
        changes.neighbours |= is_new || entry->second != state;
        entry->second = state;
    }
    return {};
}

core::Result<void> KernelObserver::Impl::read_rules(core::Observation& observation,
                                                    Changes& changes) {
    // An event must not be applied to a dump that already has its effect, since two equal rules are
    // legal: the dump counts only if no event came meanwhile.
    for (int attempt = 0; attempt < kRuleAttempts; ++attempt) {
        drain(
            rule_events_, [](const Message&) {}, [] {});
        auto found = reader_.rules();
        if (!found)
            return found.error();
        std::ranges::stable_sort(found.value(), {}, place_of);
        if (rule_events_.readable())
            continue;
        rules_due_ = false;
        changes.rules |= observation.rules != *found;
        observation.rules = std::move(found.value());
        return {};
    }
    return system_error("dump of rules, which change all the time", EAGAIN);
}

core::Result<void> KernelObserver::Impl::read_routes(core::Observation& observation,
                                                     Changes& changes) {
    bool changed = sweep_due_;
    core::Result<void> outcome;
    for (const RouteScope& scope : std::set<RouteScope>(routes_.dirty())) {
        auto found = reader_.routes(scope, [&](const Route& r) { return routes_.of_interest(r); });
        if (found)
            changed |= routes_.replace(scope, std::move(found.value()));
        else
            outcome = found.error();
    }
    if (changed) {
        auto routes = routes_.routes();
        changes.routes |= observation.routes != routes;
        observation.routes = std::move(routes);
    }
    return outcome;
}

core::Result<Changes> KernelObserver::Impl::resync(core::Observation& observation) {
    Changes changes = drain_interfaces(observation);
    changes |= drain_neighbours(observation);
    drain_routes();
    interfaces_due_ = true;
    rules_due_ = true;
    neighbours_due_ = gateways_;
    routes_.mark_all();
    const std::uint64_t failures = failures_;
    changes |= work(observation);
    if (failures_ != failures)
        return *last_error_;
    return changes;
}

core::Result<void> KernelObserver::Impl::resolve(const core::NeighbourKey& key) {
    const auto found = reader_.neighbour(key);
    if (!found)
        return found.error();
    if (*found && (*found)->hands_off)
        return {};
    for (const NeighbourPush push : pushes_to_resolve(*found ? (*found)->nud : std::uint16_t{0}))
        if (auto pushed = reader_.push(key, push); !pushed)
            return pushed;
    // The kernel does not announce that it has begun to ask.
    if (gateways_.contains(key)) {
        neighbours_due_.insert(key);
        wake(kAtOnce);
    }
    return {};
}

// ---------------------------------------------------------------- the outside

Changes& Changes::operator|=(const Changes& other) {
    links |= other.links;
    addresses |= other.addresses;
    neighbours |= other.neighbours;
    rules |= other.rules;
    routes |= other.routes;
    return *this;
}

KernelObserver::KernelObserver(core::Privileged privileged)
    : impl_(std::make_unique<Impl>(std::move(privileged))) {}
KernelObserver::~KernelObserver() = default;

core::Result<void> KernelObserver::open() {
    return impl_->open();
}
int KernelObserver::fd() const {
    return impl_->fd();
}
core::Result<void> KernelObserver::set_interest(std::set<std::uint32_t> tables,
                                                std::set<core::NeighbourKey> gateways) {
    return impl_->set_interest(std::move(tables), std::move(gateways));
}
core::Result<Changes> KernelObserver::resync(core::Observation& observation) {
    return impl_->resync(observation);
}
Changes KernelObserver::on_readable(core::Observation& observation) {
    return impl_->on_readable(observation);
}
core::Result<void> KernelObserver::resolve_neighbour(std::uint32_t ifindex,
                                                     const core::Address& address) {
    return impl_->resolve({ifindex, address});
}
ObserverCounters KernelObserver::counters() const {
    return impl_->counters();
}
const std::optional<core::Error>& KernelObserver::last_error() const {
    return impl_->last_error();
}

} // namespace multihomed::observe
