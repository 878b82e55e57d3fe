// SPDX-License-Identifier: GPL-2.0-or-later
//
// A Prober in virtual time, on a network that does what the test tells it.
#pragma once

#include "probe/fake_network.hpp"
#include "probe/prober.hpp"

#include <gtest/gtest.h>

namespace multihomed::probe {

using namespace std::chrono_literals;
using core::Family;
using Request = std::vector<std::uint8_t>;
using Packets = std::vector<testing::FakeNetwork::Packet>;

inline core::Address address(const std::string& text) {
    return core::parse_address(text).value();
}

inline core::ProbePlan plan(const std::string& uplink, std::vector<std::string> targets,
                            Family family = Family::v4) {
    core::ProbePlan made;
    made.key = {uplink, family};
    made.interface = uplink + "0";
    made.ifindex = 10;
    made.source = address(family == Family::v4 ? "192.0.2.1" : "2001:db8::1");
    for (const std::string& target : targets)
        made.targets.push_back({.address = address(target)});
    made.interval = 200ms;
    made.timeout = 400ms;
    return made;
}

class ProberTest : public ::testing::Test {
protected:
    core::TargetFigures figures(const char* uplink = "charter", std::size_t target = 0,
                                Family family = Family::v4) {
        return prober_.figures(network_.now).at({uplink, family}).at(target);
    }
    void set(const std::vector<core::ProbePlan>& plans) { prober_.set_plan(plans, network_.now); }
    bool advance(std::chrono::milliseconds time) { return network_.advance(prober_, time); }
    /// From now on nothing comes back.
    void silence() {
        network_.fate = [](const auto&, const auto&, const auto&) { return Packets{}; };
    }
    /// From now on every reply is altered like this.
    void forge(const std::function<void(testing::FakeNetwork::Packet&)>& alter) {
        network_.fate = [this, alter](const auto& line, const auto& target, const auto& request) {
            auto packet = network_.reply(line, target, request, 20ms);
            alter(packet);
            return Packets{packet};
        };
    }

    testing::FakeNetwork network_;
    Prober prober_{network_.factory(), 1};
};

} // namespace multihomed::probe
