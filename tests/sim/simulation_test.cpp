// SPDX-License-Identifier: GPL-2.0-or-later
//
// Thousands of generated histories in virtual time: from one thing that happens to the next, never
// waiting. A failure names its seed; MULTIHOME_SIM_SEED=<seed> runs that history alone with its
// log, MULTIHOME_SIM_HISTORIES=<n> as many as one has time for. Built twice: into the unit tests,
// where sanitizers watch a few histories, and without them, where there is time for thousands.
#include "core/builders.hpp"
#include "sim/router.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

namespace multihomed::sim {
namespace {

using namespace core;
using namespace std::chrono_literals;

constexpr std::size_t kMovesPerEvent = 2;
constexpr std::size_t kMovesPerLine = 2;
struct Length {
    std::size_t histories;
    std::size_t steps;
};

struct Totals {
    std::size_t updates = 0;
    std::size_t moves = 0;
    std::size_t most_moves = 0; ///< in one history, of 100 events
    std::size_t flows = 0;
    std::size_t forgotten = 0;
};

class History {
public:
    History(std::uint64_t seed, bool verbose)
        : random_(seed), verbose_(verbose), world_(random_, now_), router_(world_, random_) {}

    /// What was found wrong, or nothing.
    std::string run(std::size_t steps) {
        update(Cause::event, "start");
        for (std::size_t i = 0; i < steps && wrong_.empty(); ++i) {
            pass(random_.percent(20) ? 0ms
                                     : random_.between(1, random_.percent(50) ? 900 : 12'000));
            step();
        }
        settle();
        return wrong_;
    }
    void count(Totals& totals) const {
        totals.updates += updates_;
        totals.moves += router_.moves();
        totals.most_moves = std::max(totals.most_moves, 100 * router_.moves() / (happened_ + 2));
        totals.flows += router_.flows_seen();
        totals.forgotten += router_.flows_forgotten();
    }

private:
    void step() {
        if (!wrong_.empty())
            return;
        if (random_.percent(3)) {
            const bool with_snapshot = random_.percent(50);
            router_.restart(with_snapshot, now_);
            ++happened_;
            update(Cause::restart, with_snapshot ? "restart with a snapshot" : "restart");
            return;
        }
        std::string what;
        for (std::size_t n = random_.percent(25) ? 3 : 1; n > 0; --n) {
            what += (what.empty() ? "" : "; ") + world_.happen(now_);
            ++happened_;
        }
        update(Cause::event, what);
    }

    /// Lets time pass, stopping wherever something changes by itself.
    void pass(std::chrono::milliseconds duration) {
        const Time end = now_ + duration;
        while (wrong_.empty()) {
            auto next = world_.next_change(now_);
            if (const auto own = router_.next_change(); own && (!next || *own < *next))
                next = own;
            if (!next || *next > end)
                break;
            now_ = std::max(now_, *next);
            update(Cause::time, "time");
        }
        now_ = end;
    }

    void update(Cause cause, const std::string& what) {
        ++updates_;
        wrong_ = router_.update(now_, cause);
        if (verbose_)
            log(what);
        if (!wrong_.empty())
            wrong_ += "  (after: " + what + ")";
    }

    void log(const std::string& what) const {
        std::cout << (now_ - test::at(0ms)).count() / 1'000'000 << " ms: " << what << "\n";
        for (const Transition& each : router_.decision().transitions)
            std::cout << "    " << each.line.uplink << " " << to_string(each.line.family) << ": "
                      << (each.from ? to_string(*each.from) : "new") << " -> "
                      << (each.to ? to_string(*each.to) : "gone") << ": " << each.reason << "\n";
    }

    /// Everything works and nothing happens: what is owed is paid and the default comes to rest.
    void settle() {
        if (!wrong_.empty())
            return;
        world_.mend(now_);
        update(Cause::event, "all is mended");
        const std::size_t before = router_.moves();
        pass(30s);
        for (int i = 0; i < 30 && wrong_.empty(); ++i) { // the kernel may refuse for a while
            if (i > 0 && router_.check_settled(now_).empty())
                break;
            now_ += 1s;
            update(Cause::time, "once more");
        }
        if (wrong_.empty())
            wrong_ = router_.check_settled(now_);
        check_moves(router_.moves() - before);
    }

    /// What happens to a line moves the default at most twice, off it and back; and at most three
    /// things happen at once.
    void check_moves(std::size_t after_mending) {
        if (!wrong_.empty())
            return;
        if (after_mending > kMovesPerLine * world_.config.uplinks.size())
            wrong_ = "after all was mended the default moved " + std::to_string(after_mending) +
                     " times";
        if (router_.moves() > kMovesPerEvent * (happened_ + 2))
            wrong_ = std::to_string(router_.moves()) + " moves for " + std::to_string(happened_) +
                     " events";
    }

    Random random_;
    bool verbose_;
    Time now_ = test::at(0ms);
    World world_;
    SimRouter router_;
    std::string wrong_;
    std::size_t updates_ = 0;
    std::size_t happened_ = 0;
};

std::optional<std::uint64_t> from_environment(const char* name) {
    const char* text = std::getenv(name);
    return text ? std::optional<std::uint64_t>(std::strtoull(text, nullptr, 0)) : std::nullopt;
}

#ifdef __SANITIZE_ADDRESS__ // thirty times as slow
constexpr Length kShort{60, 10};
constexpr Length kLong{2, 150};
#else
constexpr Length kShort{2000, 10};
constexpr Length kLong{30, 300};
#endif

class Simulation : public ::testing::TestWithParam<Length> {};

TEST_P(Simulation, PromisesHold) {
    if (const auto seed = from_environment("MULTIHOME_SIM_SEED")) {
        EXPECT_EQ(History(*seed, true).run(GetParam().steps), "");
        return;
    }
    Totals totals;
    const auto histories =
        from_environment("MULTIHOME_SIM_HISTORIES").value_or(GetParam().histories);
    for (std::uint64_t seed = 1; seed <= histories; ++seed) {
        History history(seed, false);
        const std::string wrong = history.run(GetParam().steps);
        ASSERT_EQ(wrong, "") << "seed " << seed;
        history.count(totals);
    }
    std::cout << histories << " histories, " << totals.updates << " decisions, " << totals.moves
              << " moves (at most " << totals.most_moves << " for 100 events), " << totals.flows
              << " flows, " << totals.forgotten << " forgotten\n";
    EXPECT_GT(totals.moves, histories) << "nothing much happens in these histories";
    EXPECT_GT(totals.forgotten, histories / 2);
}

INSTANTIATE_TEST_SUITE_P(Short, Simulation, ::testing::Values(kShort));
INSTANTIATE_TEST_SUITE_P(Long, Simulation, ::testing::Values(kLong));

} // namespace
} // namespace multihomed::sim
