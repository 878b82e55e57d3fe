// SPDX-License-Identifier: GPL-2.0-or-later
//
// Lines that lose, delay and swallow probes in virtual time, the real prober, and the decisions
// that follow: what the daemon does, without a kernel. IPv4 only; every line asks a target of its
// own and, where told, one that all of them share.
#pragma once

#include "core/builders.hpp"
#include "probe/fake_network.hpp"
#include "sim/random.hpp"

#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace multihomed::sim {

/// How a line treats probes, for the time being.
struct Path {
    bool silent = false;
    unsigned loss = 0; ///< percent
    std::chrono::milliseconds delay{20};
    std::chrono::milliseconds jitter{0}; ///< is added, at random up to this
};

class LossyOffice {
public:
    LossyOffice(std::size_t lines, Random& random);

    core::Config& config() { return router_.config; }
    Path& path(std::size_t line) { return paths_[line]; }
    /// A target that all lines ask besides their own; silent or not.
    void share_target(bool silent) { shared_silent_ = silent; }
    void ask_shared_target();

    /// Begins, or takes in a changed configuration.
    void start();
    /// Lets time pass; looks and decides as often as the daemon would.
    void pass(std::chrono::milliseconds time);
    /// The process sleeps so long: answers arrive, and nobody reads them.
    void oversleep(std::chrono::milliseconds time) { network_.oversleep(time); }
    /// Nothing more happens until every line has waited for what it waits for.
    void wait_for_holds();

    core::State state(std::size_t line) const;
    const std::string& reason(std::size_t line) const;
    /// Of the line that carries; of the first one, if there are several; -1: none.
    int carrier() const;
    core::Time now() const { return network_.now; }
    std::size_t moves() const { return moves_; }
    /// Moves away from a line that was up.
    std::size_t willing_moves() const { return willing_moves_; }
    std::size_t decisions() const { return decisions_; }
    /// The first promise that was broken; empty: none.
    const std::string& wrong() const { return wrong_; }

private:
    void decide();
    void check(const core::Decision& before);
    using Told = std::tuple<core::Verdict::Kind, core::Fault, bool>;
    std::map<core::ProbeKey, Told> verdicts() const;
    std::vector<testing::FakeNetwork::Packet> fate(const core::ProbePlan& plan,
                                                   const core::Address& target,
                                                   const std::vector<std::uint8_t>& request);

    Random& random_;
    std::vector<Path> paths_;
    bool shared_silent_ = false;
    testing::FakeNetwork network_;
    std::unique_ptr<probe::Prober> prober_;
    test::Router router_;
    std::shared_ptr<const core::Config> decided_; ///< decisions point into it
    std::map<core::ProbeKey, Told> verdicts_;
    core::Time look_at_{};
    std::size_t moves_ = 0;
    std::size_t willing_moves_ = 0;
    std::size_t decisions_ = 0;
    std::string wrong_;
};

} // namespace multihomed::sim
