// SPDX-License-Identifier: GPL-2.0-or-later
//
// A daemon for the commands to work on: an engine on fakes, which takes a configuration over as the
// real one does, at the end of a turn (end_turn) or of a file.
#pragma once

#include "commanded.hpp"
#include "fakes/world.hpp"

#include <string>
#include <vector>

namespace multihomed::test {

/// Has sent nothing.
class FakeAdvertiser final : public apply::Advertiser {
public:
    std::map<std::string, apply::AdvertiserState> states() const override { return {}; }
};

class FakeDaemon final : public frr::Commanded {
public:
    World world;
    int changes = 0; ///< calls of config_changed()
    std::vector<std::string> restarted;

    FakeDaemon();
    ~FakeDaemon() override;

    /// Puts what was typed in force.
    void end_turn();

    core::Config& config() override { return typed_; }
    void config_changed() override { ++changes; }
    void config_file_begins() override { reading_ = true; }
    void config_file_ends() override;
    runtime::Engine& engine() override { return world.engine; }
    apply::NatApplier& nat() override { return world.nat; }
    apply::FlowApplier& flows() override { return world.flows; }
    const apply::Advertiser& advertiser() const override { return advertiser_; }
    frr::DebugFlags& debug() override { return debug_; }
    void restart_line(const std::string& uplink) override { restarted.push_back(uplink); }
    void reconsider() override {}
    core::Time now() const override { return world.now; }

private:
    core::Config typed_;
    FakeAdvertiser advertiser_;
    frr::DebugFlags debug_;
    bool reading_ = false;
};

/// Makes the daemon that the commands find; null takes it away.
void use(frr::Commanded* daemon);

} // namespace multihomed::test
