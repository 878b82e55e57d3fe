// SPDX-License-Identifier: GPL-2.0-or-later
//
// The prober sends probes by every line to all its targets, in parallel, and keeps the windows from
// which the lines are judged. Each target has its own schedule, spread over the interval and
// jittered by a tenth so that targets and lines never fall into step; what falls due within ten
// milliseconds goes out together, so that many lines do not mean as many wake-ups.
//
// A burst decides quickly whether a line works: probes to all its targets in quick succession,
// whose timeouts follow from the round-trip times that are known. The owner asks for one when it
// has a suspicion; the prober itself when a probe is lost of a target that is asked only now and
// then. The other way round, a plan may let traffic that comes back stand for probes
// (note_traffic).
//
// It knows no event loop: the owner watches fd(), and calls on_time() when next_deadline() has
// come. Before it judges a probe lost it looks whether the reply waits unread, so an owner that was
// busy elsewhere sees no losses of its own making. One thread.
#pragma once

#include "core/desired.hpp"
#include "core/observation.hpp"
#include "core/privileges.hpp"
#include "probe/probe_socket.hpp"
#include "probe/probe_window.hpp"

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace multihomed::probe {

class Prober {
public:
    explicit Prober(core::Privileged privileged);
    /// `seed` is of the jitter.
    explicit Prober(ProbeSocketFactory sockets, std::uint64_t seed = std::random_device{}());
    ~Prober();
    Prober(const Prober&) = delete;
    Prober& operator=(const Prober&) = delete;

    /// Lines and targets that stay keep their windows; a line whose source or device changed begins
    /// with empty ones, since the old figures are of another path.
    void set_plan(const std::vector<core::ProbePlan>& plans, Time now);

    /// Probes every target of the line `fail_after` times (at most ten), 15 ms apart, from now on,
    /// beside the regular probes. They time out after twice the average round-trip time and four
    /// times its deviation, or twice the newest if that is more, but not before 50 ms (250 ms when
    /// the prober itself began, for both families of an uplink, because of the first lost probe of
    /// a target that is seldom asked). A target that answers one needs no more of them. Web servers
    /// are asked one thing at a time, each as soon as the last is lost. Nothing happens while the
    /// last burst is under way, that is, undecided. Other lines of the family send their next probe
    /// now, unless one is under way or they spare them: it may be the targets that fail.
    /// next_deadline() is another afterwards, at once.
    void burst(const core::ProbeKey& key, Time now);
    /// Traffic comes back by the line. If the plan spares probes, those of its targets that answer
    /// are asked again one interval from now, not before.
    void note_traffic(const core::ProbeKey& key, Time now);

    /// Readable when a reply has arrived. Where replies come thick, those that come within the
    /// next 5 ms make it so no more: next_deadline() is then soon.
    int fd() const { return wakes_; }
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
    struct Burst {
        std::uint32_t left = 0; ///< probes yet to be sent
        Time next{};
        std::optional<std::uint16_t> first; ///< sequence number, once one is out
        Microseconds patience{};
    };
    struct Target {
        core::ProbeTarget probe;
        ProbeWindow window;
        Time next_send{};
        std::optional<Time> next_loss = {};
        std::string send_error = {};   ///< of the last probe
        std::string complaint = {};    ///< what came back instead of a reply
        Time complained{};             ///< when it did
        std::uint32_t lost_in_row = 0; ///< when last looked
        bool answered = false;
        bool asked = false;
        Burst burst = {};
    };
    struct Line;
    /// All probes of one kind.
    struct Channel {
        Line* line = nullptr;
        core::ProbeTarget::Kind kind{};
        /// Null: could not be opened, tried again with each send.
        std::unique_ptr<ProbeSocket> socket = {};
        std::string error = {};
    };
    struct Line {
        core::ProbePlan plan;
        std::map<core::ProbeTarget::Kind, Channel> channels;
        std::uint16_t next_sequence = 0;
        std::vector<Target> targets;
        Time burst_until{}; ///< all probes of the last burst are decided then
        /// When something is to be done for this line; computed again when `changed`.
        mutable std::optional<Time> deadline;
        mutable bool changed = true;
    };
    static std::optional<Time> deadline_of(const Line& line);
    static std::optional<Time> next_of(const Line& line);

    Channel& open(Line& line, core::ProbeTarget::Kind kind);
    static void close_unused(Line& line);
    void add_targets(Line& line, std::vector<Target> kept, Time now);
    void send(Line& line, Target& target, Time now, Microseconds patience);
    void send_regular(Line& line, Target& target, Time now);
    void send_of_burst(Line& line, Target& target, Time now);
    static void start_burst(Line& line, Time now, core::Milliseconds least_patience);
    bool send_due(Line& line, Target& target, Time now);
    bool drain(Time now);
    void pace(bool took, Time now);
    void watch(bool on) const;
    bool take(Channel& channel, const Outcome& outcome, Time now);
    static void complain(Target& target, const Outcome& outcome, Time now);
    static std::string error_of(const Line& line, const Target& target, Time now);
    bool take_answer(Line& line, Target& target, const Outcome& outcome, Time now);
    bool look(Line& line, Target& target, Time now);
    void make_sure(const core::ProbeKey& key, Time from);
    bool find_losses(Line& line, Time now);
    Time jittered(Time from, core::Milliseconds interval);

    ProbeSocketFactory sockets_;
    int epoll_ = -1; ///< of the sockets
    int wakes_ = -1; ///< of epoll_, which is taken out while the prober rests
    Time took_{};    ///< when replies were last taken in
    std::optional<Time> rests_until_;
    bool converses_ = false; ///< with web servers, which wait for us at every step
    std::map<core::ProbeKey, std::unique_ptr<Line>> lines_;
    std::minstd_rand random_;
    bool untold_news_ = false;
};

} // namespace multihomed::probe
