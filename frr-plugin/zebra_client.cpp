// SPDX-License-Identifier: GPL-2.0-or-later
//
// Routes and rules through zebra; see zebra_client.hpp. Central: tick(), which keeps both sessions
// up, and on_rule_note(), which turns zebra's answers back into rules.
//
// zebra finds a rule again by a number of its client's (`unique`), whichever client asks: ours
// begin where pbrd's and bgpd's do not reach, at a point that differs from process to process, so
// that the rules of a daemon just killed are not taken for its successor's.
#include "zebra_client.hpp"

#include <cerrno>
#include <cstring>
#include <net/if.h>
#include <random>
#include <utility>

#include "rule_descriptor.h"

namespace multihomed::frr {

namespace {

using namespace std::chrono_literals;

/// Between two looks at the sessions.
constexpr auto kTick = 250ms;
constexpr auto kStopTime = 2s;
/// Time for an answer to the handshake before it is repeated.
constexpr auto kHelloTime = 2s;

constexpr std::uint32_t kUniqueHello = 0x4d470001;
constexpr std::uint32_t kUniqueComplete = 0x4d470002;
constexpr std::uint32_t kUniqueFirst = 0x4d480000;
constexpr std::uint32_t kUniqueSpread = 0x20000000;

/// zebra's "infinite": no route in use has it.
constexpr std::uint8_t kNoDistance = 255;

/// Where stock zebra puts the handshake for a moment: after everything, and on an interface that
/// cannot exist.
constexpr std::uint32_t kHelloPriority = 4'294'967'000;

core::Time now() {
    return std::chrono::steady_clock::now();
}

std::uint32_t first_unique() {
    std::random_device random;
    return kUniqueFirst + random() % kUniqueSpread;
}

/// A message that is no rule: only its descriptor counts.
struct mh_zapi_rule signal_message(const char* descriptor, std::uint32_t unique) {
    struct mh_zapi_rule message;
    std::memset(&message, 0, sizeof(message));
    message.family = AF_INET;
    message.unique = unique;
    message.priority = kHelloPriority;
    message.table = core::kTableMain;
    std::strncpy(message.ifname, descriptor, sizeof(message.ifname) - 1);
    return message;
}

void warn_of_dialect(const struct mh_descriptor& module) {
    zlog_warn("zebra's multihome module %s speaks dialect %u, this daemon %u: not used",
              module.version, module.dialect, MH_DIALECT);
}

std::string describe(int error) {
    std::string text = safe_strerror(error);
    if (error == EEXIST)
        text += ": another program's equal rule stands";
    if (error == ENODEV)
        text += ": the ingress interface does not exist";
    if (error == EOPNOTSUPP)
        text += " by zebra without the multihome module";
    return text;
}

} // namespace

ZebraClient::ZebraClient(mh_loop* loop, struct zebra_privs_t* privs, ZebraEvents& events)
    : events_(events), public_(loop, privs, ZEBRA_ROUTE_OPENFABRIC, *this),
      private_(loop, privs, ZEBRA_ROUTE_SHARP, *this), next_unique_(first_unique()),
      tick_(loop, [this] { tick(); }), refuse_soon_(loop, [this] { answer_refused(); }) {}

// --- sessions ------------------------------------------------------------------------------------

void ZebraClient::start() {
    tick_.set(now());
}

void ZebraClient::tick() {
    tick_.set(now() + kTick);
    if (stopping_) {
        check_stopped();
        return;
    }
    const bool is_up = public_.is_up() && private_.is_up();
    if (dataplane_.connected && !is_up) {
        // The next tick reconnects. zebra must have seen the end of the old session by then: it
        // would take a successor that comes too early for a second client of the same type.
        end_session();
    } else if (!is_up) {
        public_.poll();
        private_.poll();
    } else if (!dataplane_.known && now() - hello_sent_ > kHelloTime) {
        say_hello();
    }
}

void ZebraClient::on_connected(ZebraConnection& connection) {
    connection.announce_restart(kStaleSeconds);
    if (&connection == &public_)
        events_.on_session(public_.zclient());
    if (public_.is_up() && private_.is_up())
        begin_session();
}

void ZebraClient::begin_session() {
    zlog_info("zebra: connected");
    core::Dataplane dataplane;
    dataplane.connected = true;
    publish(dataplane);
    say_hello();
}

void ZebraClient::end_session() {
    zlog_info("zebra: connection ended");
    events_.on_session_end();
    public_.drop();
    private_.drop();
    routes_.clear();
    rules_.clear();
    by_unique_.clear();
    refused_.clear();
    publish({});
}

void ZebraClient::publish(const core::Dataplane& dataplane) {
    if (dataplane == dataplane_)
        return;
    dataplane_ = dataplane;
    events_.on_dataplane(dataplane_);
}

void ZebraClient::say_hello() {
    const struct mh_zapi_rule hello = signal_message(MH_DESCRIPTOR_HELLO, kUniqueHello);
    hello_sent_ = now();
    private_.send_rule(true, hello);
    private_.send_rule(false, hello); // stock zebra has installed a rule
}

void ZebraClient::on_hello(RuleNote note, std::string_view ifname) {
    if (dataplane_.known || (note != RuleNote::installed && note != RuleNote::failed))
        return;
    const struct mh_descriptor answer = mh_descriptor_get(ifname.data(), ifname.size());
    core::Dataplane dataplane = dataplane_;
    dataplane.known = true;
    if (answer.kind == MH_KIND_MODULE) {
        dataplane.module = answer.dialect == MH_DIALECT;
        dataplane.module_version = answer.version;
        if (!dataplane.module)
            warn_of_dialect(answer);
    }
    publish(dataplane);
}

void ZebraClient::stop(std::function<void()> done) {
    stopping_ = std::move(done);
    stop_deadline_ = now() + kStopTime;
    public_left_ = private_left_ = false;
    for (ZebraConnection* connection : {&private_, &public_}) {
        if (!connection->is_up())
            continue;
        // zebra drops what it finds in a socket together with its end, so the end has to wait
        connection->withdraw_restart();
        connection->ping();
    }
    tick_.set(now());
}

void ZebraClient::on_pong(ZebraConnection& connection) {
    (&connection == &public_ ? public_left_ : private_left_) = true;
    tick_.set(now()); // the session cannot end from within its own callback
}

void ZebraClient::check_stopped() {
    const bool has_left =
        (public_left_ || !public_.is_up()) && (private_left_ || !private_.is_up());
    if (!has_left && now() < stop_deadline_)
        return;
    if (!has_left)
        zlog_warn("zebra does not answer; it keeps our routes for %u s", kStaleSeconds);
    tick_.cancel();
    const auto done = std::move(*stopping_);
    stopping_.reset();
    end_session();
    if (done)
        done();
}

// --- routes --------------------------------------------------------------------------------------

ZebraConnection& ZebraClient::connection_of(std::uint32_t table) {
    return core::holds_defaults(table) ? public_ : private_;
}

void ZebraClient::add(const core::Route& route) {
    if (!connected())
        return;
    ZebraConnection& connection = connection_of(route.table);
    connection.send_route(true, route);
    if (routes_.added(route.key())) {
        // If zebra was restarted and told to keep its old routes for a while (-K), it holds one
        // that it found in the kernel. It would delete that later, and ours with it. No route of
        // ours matches a deletion of this distance, while one found in the kernel matches any.
        connection.send_route(false, {route.destination, route.table, kNoDistance, {}});
    }
}

void ZebraClient::remove(const core::Route& route) {
    if (!connected())
        return;
    routes_.removing(route.key());
    connection_of(route.table).send_route(false, route);
}

void ZebraClient::on_route_note(std::uint32_t table, const core::Prefix& to, RouteNote note) {
    switch (note) {
    case RouteNote::installed:
        if (const auto route = routes_.installed(table, to))
            events_.on_route(*route, apply::Note::installed, "");
        break;
    case RouteNote::failed:
        if (const auto route = routes_.failed(table, to))
            events_.on_route(*route, apply::Note::failed,
                             "refused by the kernel, or no next hop is usable");
        break;
    case RouteNote::better_won:
        if (const auto route = routes_.outranked(table, to))
            events_.on_route(*route, apply::Note::outranked, "");
        break;
    case RouteNote::removed:
        if (const auto route = routes_.removed(table, to))
            events_.on_route(*route, apply::Note::removed, "");
        break;
    case RouteNote::remove_failed:
        if (const auto route = routes_.removed(table, to))
            events_.on_route(*route, apply::Note::failed, "cannot be removed");
        break;
    }
}

void ZebraClient::rules_complete() {
    if (!connected())
        return;
    if (dataplane_.module) {
        const struct mh_zapi_rule message = signal_message(MH_DESCRIPTOR_COMPLETE, kUniqueComplete);
        private_.send_rule(true, message);
        private_.send_rule(false, message);
    }
    private_.update_complete();
    public_.update_complete();
}

// --- rules ---------------------------------------------------------------------------------------

int ZebraClient::encode_module(const core::Rule& rule, struct mh_zapi_rule& message) const {
    struct mh_descriptor descriptor;
    std::memset(&descriptor, 0, sizeof(descriptor));
    descriptor.is_goto = rule.goto_priority != 0;
    descriptor.mask = rule.mask;
    if (rule.suppress_prefix_length) {
        descriptor.has_suppress = true;
        descriptor.suppress = *rule.suppress_prefix_length;
    }
    if (!rule.iif.empty()) {
        descriptor.ingress = if_nametoindex(rule.iif.c_str());
        if (descriptor.ingress == 0)
            return ENODEV;
    }
    char name[MH_DESCRIPTOR_SIZE];
    if (!mh_descriptor_put_rule(name, &descriptor))
        return EINVAL;
    std::memcpy(message.ifname, name, sizeof(name));
    if (descriptor.is_goto)
        message.table = rule.goto_priority;
    return 0;
}

int ZebraClient::encode(const core::Rule& rule, struct mh_zapi_rule& message) const {
    std::memset(&message, 0, sizeof(message));
    message.family = rule.family == core::Family::v4 ? AF_INET : AF_INET6;
    message.priority = rule.priority;
    message.table = rule.table;
    message.fwmark = rule.mark;
    if (rule.source)
        message.src = to_frr(*rule.source);
    if (rule.destination)
        message.dst = to_frr(*rule.destination);
    if (!dataplane_.known)
        return ENOTCONN;
    if (dataplane_.module)
        return encode_module(rule, message);
    const bool is_exact_mark = rule.mask == 0 || (rule.mask == UINT32_MAX && rule.mark != 0);
    if (rule.iif.empty() || rule.goto_priority || rule.suppress_prefix_length || !is_exact_mark)
        return EOPNOTSUPP;
    if (rule.iif.size() >= IFNAMSIZ)
        return EINVAL;
    std::memcpy(message.ifname, rule.iif.c_str(), rule.iif.size());
    return 0;
}

void ZebraClient::add(const core::Rule& rule) {
    if (!connected())
        return;
    struct mh_zapi_rule message;
    if (const int error = encode(rule, message)) {
        refused_.push_back({rule, error});
        refuse_soon_.request();
        return;
    }
    const auto found = rules_.find(rule);
    if (found != rules_.end()) {
        send_again(rule, found->second, message);
        return;
    }
    message.unique = next_unique_++;
    by_unique_.emplace(message.unique, rule);
    rules_.emplace(rule, SentRule{message, true});
    private_.send_rule(true, message);
}

void ZebraClient::send_again(const core::Rule& rule, SentRule& sent,
                             const struct mh_zapi_rule& message) {
    sent.wanted = true;
    if (std::memcmp(sent.message.ifname, message.ifname, sizeof(message.ifname)) != 0) {
        // the ingress interface has another index now: the new one first, then the old one
        const struct mh_zapi_rule old = sent.message;
        sent.message = message;
        sent.message.unique = next_unique_++;
        by_unique_.erase(old.unique);
        by_unique_.emplace(sent.message.unique, rule);
        private_.send_rule(true, sent.message);
        private_.send_rule(false, old);
        return;
    }
    // stock zebra updates an equal rule by adding it twice and deleting one, if it has not gone
    if (!dataplane_.module)
        private_.send_rule(false, sent.message);
    private_.send_rule(true, sent.message);
}

void ZebraClient::remove(const core::Rule& rule) {
    if (!connected())
        return;
    auto found = rules_.find(rule);
    if (found == rules_.end()) {
        struct mh_zapi_rule message;
        if (const int error = encode(rule, message)) {
            refused_.push_back({rule, error});
            refuse_soon_.request();
            return;
        }
        message.unique = next_unique_++;
        by_unique_.emplace(message.unique, rule);
        found = rules_.emplace(rule, SentRule{message, false}).first;
    }
    found->second.wanted = false;
    private_.send_rule(false, found->second.message);
}

void ZebraClient::on_rule_note(std::uint32_t unique, RuleNote note, std::string_view ifname) {
    if (unique == kUniqueHello) {
        on_hello(note, ifname);
        return;
    }
    const auto known = by_unique_.find(unique);
    if (known == by_unique_.end())
        return;
    const core::Rule rule = known->second;
    const auto sent = rules_.find(rule);
    const bool is_removal = note == RuleNote::removed || note == RuleNote::remove_failed;
    if (sent == rules_.end() || sent->second.wanted == is_removal)
        return; // the opposite has been asked for meanwhile, and will be answered
    if (is_removal) {
        rules_.erase(sent);
        by_unique_.erase(known);
    }
    if (note == RuleNote::installed || note == RuleNote::removed) {
        events_.on_rule(rule, is_removal ? apply::Note::removed : apply::Note::installed, "");
        return;
    }
    const struct mh_descriptor answer = mh_descriptor_get(ifname.data(), ifname.size());
    events_.on_rule(rule, apply::Note::failed,
                    answer.kind == MH_KIND_FAILURE ? describe(answer.error)
                                                   : "refused; zebra's log may say why");
}

void ZebraClient::answer_refused() {
    const std::vector<Answer> refused = std::exchange(refused_, {});
    for (const Answer& answer : refused)
        events_.on_rule(answer.rule, apply::Note::failed, describe(answer.error));
}

} // namespace multihomed::frr
