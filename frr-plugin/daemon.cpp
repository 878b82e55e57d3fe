// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon.hpp"

#include "glue.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace multihomed::frr {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Everything is compared with the kernel this often even if nothing seems to have happened.
constexpr auto kAudit = 10s;
/// Verdicts are looked at this often at least while probes are answered.
constexpr auto kVerdicts = 500ms;
/// With the integrated frr.conf the configuration comes through vtysh, some time after the start.
/// Until then what a predecessor left is in force and stays.
constexpr auto kConfigPatience = 30s;
/// A vtysh that dies while it sends a whole configuration says no more; what has come is then
/// taken.
constexpr auto kFilePatience = 10s;

void log_to_frr(runtime::Level level, const std::string& text) {
    switch (level) {
    case runtime::Level::debug:
        zlog_debug("%s", text.c_str());
        break;
    case runtime::Level::info:
        zlog_info("%s", text.c_str());
        break;
    case runtime::Level::notice:
        zlog_notice("%s", text.c_str());
        break;
    case runtime::Level::warning:
        zlog_warn("%s", text.c_str());
        break;
    case runtime::Level::error:
        zlog_err("%s", text.c_str());
        break;
    }
}

void with_privileges(const std::function<void()>& work) {
    mh_with_privs(
        [](void* arg) {
            const auto& inner = *static_cast<const std::function<void()>*>(arg);
            call_guarded(inner);
        },
        const_cast<std::function<void()>*>(&work));
}

void log_failure(const char* what, const core::Result<void>& result) {
    if (!result)
        zlog_err("%s: %s", what, result.error().what.c_str());
}

} // namespace

Daemon::Daemon(mh_loop* loop, Paths paths)
    : loop_(loop), paths_(std::move(paths)), observer_(with_privileges), prober_(with_privileges),
      zebra_(loop, mh_main_privs(), *this), routing_(loop,
                                                     [this] {
                                                         see_routing();
                                                         update();
                                                     }),
      bfd_(loop, std::string(mh_main_vty_directory()) + "/bfdd.vty", [this] { on_bfd(); }),
      nat_(with_privileges), nft_monitor_(with_privileges), flows_(with_privileges),
      sysctls_(with_privileges), table_names_(paths_.table_names), tunnels_(with_privileges),
      advertiser_(with_privileges,
                  [](const std::string& text) { log_to_frr(runtime::Level::warning, text); }),
      engine_({zebra_, nat_, flows_, sysctls_, table_names_, tunnels_}, sensors(), log_to_frr),
      traffic_(with_privileges),
      evidence_(traffic_,
                {.silent = [this](const auto& line, core::Time now) { prober_.burst(line, now); },
                 .answered = [this](const auto& line,
                                    core::Time now) { prober_.note_traffic(line, now); },
                 .guarded =
                     [this](const auto& line, core::Time now) {
                         if (engine_.reconciler().met_guard(line, now))
                             update_soon_.request();
                     }},
                [this](runtime::Level level, const std::string& text) {
                    if (level != runtime::Level::debug || debug_.probe)
                        log_to_frr(level, text);
                }),
      start_(loop, [this] { start(); }), update_soon_(loop, [this] { update(); }),
      deadline_(loop, [this] { update(); }), probe_deadline_(loop, [this] { on_probe(true); }),
      traffic_deadline_(loop, [this] { look_at_traffic(); }),
      advertise_deadline_(
          loop, [this] { advertise([this](core::Time now) { advertiser_.on_time(now); }); }),
      audit_(loop, [this] { audit(); }), config_patience_(loop, [this] { config_file_ends(); }),
      file_patience_(loop, [this] { config_file_ends(); }) {
    // The process may fork into the background before the loop runs: open nothing until then.
    start_.request();
}

Daemon::~Daemon() = default;

runtime::Sensors Daemon::sensors() {
    return {
        .set_probes =
            [this](const auto& plans, core::Time now) {
                prober_.set_plan(plans, now);
                probe_deadline_.set(prober_.next_deadline());
            },
        .probe_figures = [this](core::Time now) { return prober_.figures(now); },
        .set_interest =
            [this](const auto& tables, const auto& gateways) {
                log_failure("watching the kernel",
                            observer_.set_interest(tables, {gateways.begin(), gateways.end()}));
            },
        .resolve =
            [this](const core::NeighbourKey& gateway) {
                log_failure("resolving a gateway",
                            observer_.resolve_neighbour(gateway.ifindex, gateway.address));
            },
        .set_bfd =
            [this](const auto& plans) {
                bfd_.want(plans);
                see_bfd();
            },
        .set_routers = [this](const auto& routers) { routing_.want_routers(routers); },
        .set_advertise =
            [this](const auto& plans, core::Time) {
                advertise([&](core::Time now) { advertiser_.want(plans, now); });
            },
    };
}

void Daemon::start() {
    started_ = true;
    restore();
    open_edges();
    zebra_.start();
    configured_ = configured_ || config_.enabled;
    if (!configured_)
        config_patience_.set(Clock::now() + kConfigPatience);
    audit();
}

void Daemon::restore() {
    const auto loaded = runtime::load(paths_.snapshot);
    if (!loaded) {
        zlog_warn("%s: %s", paths_.snapshot.c_str(), loaded.error().what.c_str());
        return;
    }
    if (!*loaded)
        return;
    saved_ = **loaded;
    engine_.restore(saved_.engine, Clock::now());
    sysctls_.adopt(saved_.sysctls);
}

/// Nothing is left to remember once everything has been put back.
void Daemon::save() {
    runtime::Saved now{engine_.snapshot(), sysctls_.originals()};
    if (now == saved_)
        return;
    const auto written = runtime::save(paths_.snapshot, now);
    if (!written)
        zlog_warn("%s: %s", paths_.snapshot.c_str(), written.error().what.c_str());
    saved_ = std::move(now);
}

void Daemon::open_edges() {
    nat_.open();
    if (const auto opened = observer_.open(); !opened) {
        zlog_err("cannot watch the kernel: %s", opened.error().what.c_str());
    } else {
        kernel_watch_ = std::make_unique<ReadWatch>(loop_, observer_.fd(), [this] { on_kernel(); });
    }
    if (const auto opened = nft_monitor_.open(); !opened)
        zlog_warn("cannot watch nftables: %s", opened.error().what.c_str());
    else
        nft_watch_ = std::make_unique<ReadWatch>(loop_, nft_monitor_.fd(), [this] { on_nft(); });
    look_at_traffic();
    if (flows_.fd() < 0)
        zlog_err("cannot hear of forgotten flows at once: %s", strerror(errno));
    else
        flow_watch_ = std::make_unique<ReadWatch>(loop_, flows_.fd(), [this] { on_flows(); });
    probe_watch_ = std::make_unique<ReadWatch>(loop_, prober_.fd(), [this] { on_probe(false); });
}

void Daemon::config_changed() {
    if (reading_file_) {
        file_patience_.set(Clock::now() + kFilePatience);
        return;
    }
    configured_ = true;
    update_soon_.request();
}

void Daemon::config_file_begins() {
    reading_file_ = true;
    file_patience_.set(Clock::now() + kFilePatience);
}

void Daemon::config_file_ends() {
    file_patience_.cancel();
    reading_file_ = false;
    configured_ = true;
    update_soon_.request();
}

void Daemon::update() {
    if (!started_ || (!configured_ && !stopping_))
        return;
    config_patience_.cancel();
    if (!reading_file_ && !(engine_.config() == config_)) {
        engine_.configure(config_);
        routing_.want_protocols(core::protocols_to_learn(config_));
        see_routing();
    }
    engine_.update(Clock::now());
    save();
    deadline_.set(engine_.next_deadline());
    if (stopping_ && engine_.stopped())
        finish_stop();
}

void Daemon::finish_stop() {
    if (std::exchange(leaving_, true))
        return;
    zebra_.stop([] { mh_main_stopped(); });
}

void Daemon::on_kernel() {
    const auto changes = observer_.on_readable(engine_.observation());
    if (debug_.kernel && changes)
        zlog_debug("kernel: changed:%s%s%s%s%s", changes.links ? " links" : "",
                   changes.addresses ? " addresses" : "", changes.neighbours ? " neighbours" : "",
                   changes.rules ? " rules" : "", changes.routes ? " routes" : "");
    if (changes.links || changes.addresses)
        engine_.reconciler().suspect_tunnels();
    if (changes.links)
        see_routing(); // which interfaces are lines'
    if (changes)
        update();
}

void Daemon::on_nft() {
    if (!nft_monitor_.on_readable())
        return;
    engine_.reconciler().suspect_nat();
    update_soon_.request();
}

/// What has been completed is taken even if the engine rests, lest the descriptor stay readable.
void Daemon::on_flows() {
    engine_.reconciler().collect_flows(Clock::now());
    update();
}

void Daemon::on_probe(bool timer) {
    const auto now = Clock::now();
    const bool news = timer ? prober_.on_time(now) : prober_.on_readable(now);
    probe_deadline_.set(prober_.next_deadline());
    // Loss and latency change with answers that are no news.
    if (!news && now < verdicts_due_)
        return;
    verdicts_due_ = now + kVerdicts;
    if (engine_.verdicts_changed(now))
        update();
}

void Daemon::see_bfd() {
    engine_.observation().bfd = bfd_.states();
    engine_.observation().lacks_bfdd = bfd_.lacks_bfdd();
}

void Daemon::see_routing() {
    core::Observation& seen = engine_.observation();
    seen.routers = routing_.routers();
    seen.taught = {};
    if (!engine_.config().learn.empty())
        seen.taught = core::summarize(routing_.routes(), engine_.config(), seen);
}

void Daemon::on_session(struct zclient* zclient) {
    bfd_.connected(zclient);
    routing_.connected(zclient);
}

void Daemon::on_bfd() {
    see_bfd();
    update_soon_.request();
}

void Daemon::look_at_traffic() {
    const auto now = Clock::now();
    const std::size_t lines = engine_.decision().desired.probes.size();
    traffic_deadline_.set(now + runtime::look_at_traffic_every(lines));
    if (lines == 0)
        return;
    evidence_.look(engine_.observation(), now);
    probe_deadline_.set(prober_.next_deadline());
}

void Daemon::advertise(const std::function<void(core::Time)>& work) {
    work(Clock::now());
    advertise_deadline_.set(advertiser_.next_deadline());
    if (!advertise_watch_ && advertiser_.fd() >= 0)
        advertise_watch_ = std::make_unique<ReadWatch>(loop_, advertiser_.fd(), [this] {
            advertise([this](core::Time now) { advertiser_.on_readable(now); });
        });
}

void Daemon::audit() {
    audit_.set(Clock::now() + kAudit);
    if (const auto seen = observer_.resync(engine_.observation()); !seen)
        zlog_warn("reading the kernel's state: %s", seen.error().what.c_str());
    engine_.reconciler().suspect_nat();
    engine_.reconciler().suspect_sysctls();
    engine_.reconciler().suspect_tunnels();
    update();
}

void Daemon::restart_line(const std::string& uplink) {
    engine_.restart_line(uplink);
    // A plan without the line empties its windows, the next one begins anew.
    auto plans = engine_.decision().desired.probes;
    std::erase_if(plans, [&](const core::ProbePlan& plan) { return plan.key.uplink == uplink; });
    prober_.set_plan(plans, Clock::now());
    update_soon_.request();
}

void Daemon::stop() {
    stopping_ = true;
    engine_.stop();
    update();
    if (!started_)
        finish_stop();
}

void Daemon::on_dataplane(const core::Dataplane& dataplane) {
    const auto before = engine_.observation().dataplane;
    engine_.observation().dataplane = dataplane;
    if (dataplane.known && !(before == dataplane)) {
        zlog_notice("zebra: %s", dataplane.module
                                     ? ("module multihome " + dataplane.module_version).c_str()
                                     : "without the module multihome; see docs");
        engine_.reconciler().forget_sent();
    }
    update_soon_.request();
}

void Daemon::on_route(const core::Route::Key& route, apply::Note note, const std::string& error) {
    engine_.reconciler().note(route, note, error);
    if (note == apply::Note::failed || note == apply::Note::outranked)
        update_soon_.request();
}

void Daemon::on_rule(const core::Rule& rule, apply::Note note, const std::string& error) {
    engine_.reconciler().note(rule, note, error);
    if (note == apply::Note::failed)
        update_soon_.request();
}

} // namespace multihomed::frr
