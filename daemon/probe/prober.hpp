// SPDX-License-Identifier: GPL-2.0-or-later
//
// The prober sends echo requests by every line to all its targets, in parallel, and keeps the
// windows from which the lines are judged. Each target has its own schedule, spread over the
// interval and jittered by a tenth so that targets and lines never fall into step; what falls due
// within ten milliseconds goes out together, so that many lines do not mean as many wake-ups.
// It knows no event loop: the owner watches fd(), and calls on_time() when next_deadline() has
// come. Before it judges a probe lost it looks whether the reply waits unread, so an owner that was
// busy elsewhere sees no losses of its own making. One thread.
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

    /// In the order of the plan. Takes in what has arrived first; the next on_readable() or
    /// on_time() tells if there was news in it.
    std::map<core::ProbeKey, std::vector<core::TargetFigures>> figures(Time now);

private:
    struct Target {
        core::ProbeTarget probe;
        ProbeWindow window;
        Time next_send{};
        std::optional<Time> next_loss;
        std::string send_error;        ///< of the last probe
        std::string complaint;         ///< what came back instead of a reply
        std::uint32_t lost_in_row = 0; ///< when last looked
        bool answered = false;
    };
    struct Line {
        core::ProbePlan plan;
        /// Null: could not be opened, tried again with each send.
        std::unique_ptr<ProbeSocket> socket;
        std::string socket_error;
        std::uint16_t next_sequence = 0;
        std::vector<Target> targets;
    };

    void open(Line& line);
    void add_targets(Line& line, std::vector<Target> kept, Time now);
    void send(Line& line, Target& target, Time now);
    bool drain(Time now);
    bool receive(Line& line, Time now);
    bool take_reply(Line& line, const Echo& echo, const Arrival& arrival, Time now);
    void take_error(Line& line, const EchoError& error, const core::Address& from) const;
    static bool look(Target& target, Time now);
    Time jittered(Time from, core::Milliseconds interval);

    ProbeSocketFactory sockets_;
    int epoll_ = -1;
    std::map<core::ProbeKey, Line> lines_;
    EchoIdentity identity_;
    std::minstd_rand random_;
    bool untold_news_ = false;
};

} // namespace multihomed::probe
