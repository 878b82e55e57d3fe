// SPDX-License-Identifier: GPL-2.0-or-later
//
// The composition: one Daemon owns the engine and every edge, and wires their descriptors to
// libfrr's loop. Wiring only; decisions are the engine's. Configuration commands edit config() and
// call config_changed(); the change is put in force once, at the end of the turn of the loop, or at
// the end of a whole file.
#pragma once

#include "apply/conntrack_applier.hpp"
#include "apply/line_traffic.hpp"
#include "apply/nft_applier.hpp"
#include "apply/ra_sender.hpp"
#include "apply/sysctl_applier.hpp"
#include "apply/table_names_file.hpp"
#include "apply/tunnel_applier.hpp"
#include "bfd_sessions.hpp"
#include "commanded.hpp"
#include "event_loop.hpp"
#include "observe/kernel_observer.hpp"
#include "probe/prober.hpp"
#include "runtime/engine.hpp"
#include "runtime/evidence.hpp"
#include "runtime/snapshot.hpp"
#include "zebra_client.hpp"
#include "zebra_routing.hpp"

#include <memory>
#include <string>

namespace multihomed::frr {

/// What the daemon finds outside itself.
struct Paths {
    std::string snapshot;
    std::string table_names;
};

class Daemon : public Commanded, private ZebraEvents {
public:
    Daemon(mh_loop* loop, Paths paths);
    ~Daemon() override;

    core::Config& config() override { return config_; }
    void config_changed() override;
    void config_file_begins() override;
    void config_file_ends() override;

    runtime::Engine& engine() override { return engine_; }
    apply::NatApplier& nat() override { return nat_; }
    apply::FlowApplier& flows() override { return flows_; }
    const apply::Advertiser& advertiser() const override { return advertiser_; }
    DebugFlags& debug() override { return debug_; }

    /// Puts a line through evaluation anew, with empty statistics.
    void restart_line(const std::string& uplink) override;
    void reconsider() override { update_soon_.request(); }
    /// Compares everything with the kernel again.
    void audit();
    /// Removes everything of ours; calls mh_main_stopped() when it is gone.
    void stop();

private:
    void start();
    void open_edges();
    void update();
    void on_kernel();
    void on_nft();
    void on_flows();
    void on_probe(bool timer);
    void see_bfd();
    void on_bfd();
    void look_at_traffic();
    void advertise(const std::function<void(core::Time)>& work);
    void restore();
    void save();
    runtime::Sensors sensors();
    void finish_stop();

    void on_session(struct zclient* zclient) override;
    void on_session_end() override { routing_.ended(); }
    void on_redistributed(bool added, const struct zapi_route& route) override {
        routing_.on_route(added, route);
    }
    void on_nexthop(const struct prefix& router, const struct zapi_route& way) override {
        routing_.on_nexthop(router, way);
    }
    void see_routing();
    void on_dataplane(const core::Dataplane& dataplane) override;
    void on_route(const core::Route::Key& route, apply::Note note,
                  const std::string& error) override;
    void on_rule(const core::Rule& rule, apply::Note note, const std::string& error) override;

    mh_loop* loop_;
    Paths paths_;
    core::Config config_;
    DebugFlags debug_;
    bool reading_file_ = false;
    bool started_ = false;
    bool configured_ = false; ///< a configuration has come, or will not come any more
    bool stopping_ = false;
    bool leaving_ = false; ///< zebra has been told
    core::Time verdicts_due_{};

    observe::KernelObserver observer_;
    probe::Prober prober_;
    ZebraClient zebra_;
    ZebraRouting routing_;
    BfdSessions bfd_; ///< ends before zebra_
    apply::NftablesNatApplier nat_;
    apply::NftMonitor nft_monitor_;
    apply::ConntrackFlowApplier flows_;
    apply::ProcSysctlApplier sysctls_;
    apply::TableNamesFile table_names_;
    apply::NetlinkTunnelApplier tunnels_;
    apply::RaSender advertiser_;
    runtime::Engine engine_;
    apply::NftLineTrafficReader traffic_;
    runtime::Evidence evidence_;
    runtime::Saved saved_;

    Soon start_;
    Soon update_soon_;
    Timer deadline_;
    Timer probe_deadline_;
    Timer traffic_deadline_;
    Timer advertise_deadline_;
    Timer audit_;
    Timer config_patience_;
    Timer file_patience_;
    std::unique_ptr<ReadWatch> kernel_watch_;
    std::unique_ptr<ReadWatch> probe_watch_;
    std::unique_ptr<ReadWatch> nft_watch_;
    std::unique_ptr<ReadWatch> flow_watch_;
    std::unique_ptr<ReadWatch> advertise_watch_; ///< from the first advertisement on
};

/// The one daemon of this process; null before mh_glue_init() and after mh_glue_fini().
Daemon* daemon();

} // namespace multihomed::frr
