// SPDX-License-Identifier: GPL-2.0-or-later
//
// The prober sends echo requests by every line to all its targets, in parallel, and keeps the
// windows from which the lines are judged. Each target has its own schedule, spread over the
// interval and jittered by a tenth so that targets and lines never fall into step. It knows no
// event loop: the owner watches fd(), and calls on_time() when next_deadline() has come. One
// thread.
#pragma once

#include "core/desired.hpp"
#include "core/observation.hpp"
#include "core/privileges.hpp"
#include "probe/icmp_codec.hpp"
#include "probe/probe_socket.hpp"
#include "probe/probe_window.hpp"

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace multihomed::probe {

class Prober {
public:
    explicit Prober(core::Privileged privileged);
    explicit Prober(ProbeSocketFactory sockets);
    ~Prober();
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

    /// Lines and targets that stay keep their windows; a line whose source or device changed begins
    /// with empty ones, since the old figures are of another path.
    void set_plan(const std::vector<core::ProbePlan>& plans, Time now);

    /// Readable when a reply has arrived.
    int fd() const { return epoll_; }
    /// on_readable() and on_time() tell whether a target has begun to answer, lost a probe, or
    /// recovered: whether a verdict may be another than before. Steady answers are nothing new.
    bool on_readable(Time now);
    /// When the next probe is to be sent, or the next one becomes lost.
    std::optional<Time> next_deadline() const;
    bool on_time(Time now);

    std::map<core::ProbeKey, std::vector<core::TargetFigures>> figures(Time now) const;

private:
    struct Target {
        core::Address address;
        ProbeWindow window;
        Time next_send{};
        std::optional<Time> next_loss;
        std::string last_error;
        std::uint32_t lost_in_row = 0; ///< when last looked
        bool answered = false;
    };
    struct Line {
        core::ProbePlan plan;
        std::unique_ptr<ProbeSocket>
            socket; ///< null: could not be opened, tried again with each send
        std::string socket_error;
        std::uint16_t next_sequence = 0;
        std::vector<Target> targets;
    };

    void open(Line& line);
    void add_targets(Line& line, std::vector<Target> kept, Time now);
    void send(Line& line, std::size_t target, Time now);
    bool receive(Line& line, Time now);
    static bool look(Target& target, Time now);
    Time jittered(Time from, core::Milliseconds interval);

    ProbeSocketFactory sockets_;
    int epoll_ = -1;
    std::map<core::ProbeKey, Line> lines_;
    std::uint16_t identifier_;
    Cookie cookie_;
    std::minstd_rand random_;
};

} // namespace multihomed::probe
