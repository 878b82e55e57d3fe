// SPDX-License-Identifier: GPL-2.0-or-later
//
// When a router advertisement is due on one interface (RFC 4861, sections 6.2.4 and 6.2.6). Pure:
// time and chance are handed in.
//
//   nobody asks         to all, at random times between a third of the interval and all of it
//   somebody asks       to that host alone, within half a second; to all if it has no address yet
//   the truth changes   to all at once, and twice more, 3 to 4 s apart
//
// Advertisements to all are 3 s apart (MIN_DELAY_BETWEEN_RAS). A changed truth does not wait for
// that, since hosts would go on choosing a dead line's addresses meanwhile; but it may spend in
// advance what silence has saved up: kSaved advertisements, one regained every 3 s. So a line that
// comes and goes cannot make more of them in the long run than the RFC allows.
#pragma once

#include "core/observation.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace multihomed::apply {

using core::Time;

class RaSchedule {
public:
    /// From 0 to less than 1, evenly.
    using Random = std::function<double()>;

    static constexpr std::chrono::milliseconds kMinDelay{3'000};
    static constexpr std::chrono::milliseconds kMaxAnswerDelay{500};
    static constexpr int kRepeats = 3; ///< MAX_INITIAL_RTR_ADVERTISEMENTS
    static constexpr int kSaved = 4;
    static constexpr std::size_t kMaxAsking = 32; ///< hosts; when there are more, all are told
    static constexpr std::chrono::milliseconds kTryAgain{1'000};

    explicit RaSchedule(Random random) : random_(std::move(random)) {}

    /// The longest time between two that nobody asked for.
    void set_interval(std::chrono::seconds longest) { longest_ = longest; }
    /// What is told has changed.
    void change(Time now);
    /// What is told is that we are no router any more: at once, whatever has been spent, because
    /// who says so may not be there much longer (section 6.2.5).
    void farewell(Time now);
    /// `host` may be unspecified.
    void solicit(const core::Address& host, Time now);
    /// Nothing more is due.
    void end();

    struct Due {
        bool to_all = false;
        std::vector<core::Address> to; ///< empty if to_all
    };
    /// What is due now; it counts as sent.
    Due take(Time now);
    /// What was taken could not be sent.
    void failed(Time now);

    std::optional<Time> next() const;
    std::optional<Time> next_to_all() const { return to_all_; }
    /// The truth has been told as often as a change demands.
    bool told() const { return repeats_ == 0; }

private:
    Time earliest_change(Time now) const;
    std::chrono::milliseconds pause();
    std::chrono::milliseconds some_of(std::chrono::milliseconds most) {
        return std::chrono::milliseconds(static_cast<std::chrono::milliseconds::rep>(
            static_cast<double>(most.count()) * random_()));
    }

    Random random_;
    std::chrono::milliseconds longest_{600'000};
    int repeats_ = 0; ///< yet to come
    std::optional<Time> to_all_;
    std::optional<Time> last_to_all_;
    /// When everything sent so far would have been sent, had it been kMinDelay apart.
    Time paid_until_{};
    std::map<core::Address, Time> asking_;
};

} // namespace multihomed::apply
