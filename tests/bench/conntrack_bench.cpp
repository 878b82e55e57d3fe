// SPDX-License-Identifier: GPL-2.0-or-later
//
// How long it takes to forget the flows of a failing line, half of a table of 10,000, 100,000 and
// 1,000,000 entries: our one message, our dump and delete, and conntrack(8), in the same run; and
// how long the thread that asked for it could do nothing else meanwhile.
//   conntrack_bench [--entries N[,N...]] [--runs N] [--buckets N]
//
// That thread does what the event loop does: it asks, and then sleeps in poll(2) for the completion
// or the next tick of a clock of 1 ms. "call" is the longest that one of its calls took, "late" the
// longest that it came too late for a tick; the line "nothing" has the latter with no work at all.
//
// Run as root. The entries live in a network namespace of the program's own, but limit and hash
// size are the whole machine's: the limit is raised while it runs if it must be, the hash size
// changed if asked. Every run is checked: afterwards exactly the other half is there. Medians, with
// the spread of the elapsed time; processor time says more when the machine has other work.
#include "apply/conntrack_applier.hpp"
#include "apply/file.hpp"

#include "../apply/conntrack_maker.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <optional>
#include <poll.h>
#include <sched.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace multihomed;

constexpr const char* kMax = "/proc/sys/net/netfilter/nf_conntrack_max";
constexpr const char* kBuckets = "/sys/module/nf_conntrack/parameters/hashsize";
constexpr const char* kCount = "/proc/sys/net/netfilter/nf_conntrack_count";
constexpr const char* kFailing = "192.0.2.50";
constexpr const char* kHealthy = "192.0.2.51";
constexpr std::uint32_t kMark = 0x01000000;
constexpr std::uint32_t kMask = 0x3f000000;

volatile std::sig_atomic_t interrupted = 0;

/// Unwinds, so that the settings are put back.
[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what);
}

std::size_t read_number(const char* path) {
    std::ifstream file(path);
    std::size_t value = 0;
    if (!(file >> value))
        fail(std::string("cannot read ") + path);
    return value;
}

/// A setting of the machine, put back at the end.
class Setting {
public:
    Setting(const char* path, std::size_t value)
        : file_(path, O_WRONLY), old_(read_number(path)), changed_(old_ != value) {
        if (!changed_)
            return;
        std::printf("# %s: %zu -> %zu for this run\n", path, old_, value);
        if (!write(value))
            fail(std::string("cannot set ") + path);
    }
    ~Setting() {
        if (changed_ && !write(old_))
            std::fprintf(stderr, "conntrack_bench: a setting was not put back to %zu\n", old_);
    }
    Setting(const Setting&) = delete;
    Setting& operator=(const Setting&) = delete;

private:
    bool write(std::size_t value) const {
        const std::string text = std::to_string(value);
        return pwrite(file_.fd(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
    }

    apply::File file_;
    std::size_t old_;
    bool changed_;
};

/// A network namespace of our own, left at the end: from within, the machine's settings are not
/// ours.
class Namespace {
public:
    Namespace() : outer_("/proc/self/ns/net", O_RDONLY) {
        if (outer_.fd() < 0 || unshare(CLONE_NEWNET) != 0)
            fail("no network namespace (needs root)");
    }
    ~Namespace() {
        if (setns(outer_.fd(), CLONE_NEWNET) != 0)
            std::perror("conntrack_bench: back to the machine's network namespace");
    }
    Namespace(const Namespace&) = delete;
    Namespace& operator=(const Namespace&) = delete;

private:
    apply::File outer_;
};

void fill(std::size_t flows, const char* translated_to) {
    const bool failing = std::strcmp(translated_to, kFailing) == 0;
    testing::FlowMaker maker;
    for (std::size_t i = 0; i < flows; ++i) {
        const auto byte = [&](unsigned int shift) { return std::to_string(i >> shift & 0xff); };
        testing::MadeFlow flow;
        flow.source = (failing ? "10." : "11.") + byte(16) + "." + byte(8) + "." + byte(0);
        flow.destination = "203.0.113." + std::to_string(i % 250 + 1);
        flow.source_port = static_cast<std::uint16_t>(1024 + i / 250 % 60000);
        flow.translated_to = translated_to;
        flow.mark = failing ? kMark : 2 * kMark;
        maker.add(flow);
        if (interrupted != 0)
            fail("interrupted");
    }
    maker.flush();
}

/// In milliseconds.
struct Cost {
    double elapsed = 0;
    double processor = 0;
    double call = NAN; ///< the longest
    double late = NAN;
};

double processor_milliseconds() {
    double sum = 0;
    for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage used{};
        getrusage(who, &used);
        for (const timeval& part : {used.ru_utime, used.ru_stime})
            sum += static_cast<double>(part.tv_sec) * 1e3 + static_cast<double>(part.tv_usec) / 1e3;
    }
    return sum;
}

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point began) {
    return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
}

/// The event loop in small: calls, and ticks to be late for.
class Loop {
public:
    template <class Call>
    auto call(Call what) {
        const auto began = Clock::now();
        auto result = what();
        longest_ = std::max(longest_, milliseconds_since(began));
        return result;
    }
    /// Until the descriptor is readable or a tick is due.
    void turn(int fd) {
        pollfd ready{fd, POLLIN, 0};
        const auto left = std::chrono::nanoseconds(tick_ - Clock::now()).count();
        const timespec rest{0, std::max<std::int64_t>(left, 0)};
        (void)ppoll(&ready, 1, &rest, nullptr);
        if (Clock::now() < tick_)
            return;
        late_ = std::max(late_, milliseconds_since(tick_));
        tick_ = Clock::now() + std::chrono::milliseconds(1);
    }
    double longest_call() const { return longest_; }
    double late() const { return late_; }

private:
    Clock::time_point tick_ = Clock::now() + std::chrono::milliseconds(1);
    double longest_ = 0;
    double late_ = 0;
};

/// What `work` costs; it may use the loop.
Cost cost_of(const std::function<void(Loop&)>& work) {
    const double processor = processor_milliseconds();
    const auto began = Clock::now();
    Loop loop;
    work(loop);
    return {milliseconds_since(began), processor_milliseconds() - processor,
            loop.longest_call() > 0 ? loop.longest_call() : NAN,
            loop.late() > 0 ? loop.late() : NAN};
}

struct Spread {
    double least, median, most;
};

Spread spread_of(std::vector<Cost> costs, double Cost::*figure) {
    std::ranges::sort(costs, {}, figure);
    return {costs.front().*figure, costs[costs.size() / 2].*figure, costs.back().*figure};
}

void print(std::size_t entries, const char* name, const std::vector<Cost>& costs) {
    std::printf("%9zu  %-26s %9.1f", entries, name, spread_of(costs, &Cost::processor).median);
    for (const auto figure : {&Cost::elapsed, &Cost::call, &Cost::late}) {
        const Spread spread = spread_of(costs, figure);
        const int digits = figure == &Cost::call ? 3 : 1;
        if (std::isnan(spread.median))
            std::printf("  %24s", "-");
        else
            std::printf("  %8.*f (%.*f-%.*f)", digits, spread.median, digits, spread.least, digits,
                        spread.most);
    }
    std::printf("\n");
    std::fflush(stdout);
}

apply::ForgetReport forget(apply::ConntrackFlowApplier& applier, const core::FlowSelector& selector,
                           Loop& loop) {
    const apply::Ticket ticket = loop.call([&] { return applier.forget(selector); });
    while (true) {
        loop.turn(applier.fd());
        for (const auto& done : loop.call([&] { return applier.completed(); })) {
            if (!done.result)
                fail(done.result.error().what);
            if (done.ticket == ticket)
                return *done.result;
        }
    }
}

core::FlowSelector translated_to(const char* address) {
    core::FlowSelector selector;
    selector.first = selector.last = core::parse_address(address).value();
    return selector;
}

core::FlowSelector marked(std::uint8_t protocol) {
    core::FlowSelector selector;
    selector.kind = core::FlowSelector::Kind::marked;
    selector.mark = kMark;
    selector.mask = kMask;
    selector.protocol = protocol;
    selector.destination_port = protocol != 0 ? 443 : 0;
    return selector;
}

core::FlowSelector nobody() {
    core::FlowSelector selector;
    selector.kind = core::FlowSelector::Kind::untranslated;
    selector.sources = {core::Prefix::parse("172.16.0.0/12").value()};
    return selector;
}

struct Contestant {
    const char* name;
    std::function<void(Loop&)> forget;
    bool finds_them = true;
};

std::vector<Contestant> contestants() {
    using Applier = apply::ConntrackFlowApplier;
    const auto by = [](const core::FlowSelector& selector, Applier::Mode mode) {
        return [=](Loop& loop) {
            Applier applier([](const std::function<void()>& call) { call(); }, mode);
            forget(applier, selector, loop);
        };
    };
    const auto can = Applier::Mode::automatic;
    const auto cannot = Applier::Mode::dump_and_delete;
    return {{"nothing",
             [](Loop& loop) {
                 const auto began = Clock::now();
                 while (milliseconds_since(began) < 1000)
                     loop.turn(-1);
             },
             false},
            {"one message, address", by(translated_to(kFailing), can)},
            {"one message, mark", by(marked(0), can)},
            {"one message, mark and port", by(marked(IPPROTO_UDP), can)},
            {"dump and delete", by(translated_to(kFailing), cannot)},
            {"dump and find nothing", by(nobody(), cannot), false},
            {"conntrack -D --reply-dst", [](Loop&) {
                 const std::string command =
                     std::string("conntrack -D --reply-dst ") + kFailing + " >/dev/null 2>&1";
                 if (std::system(command.c_str()) != 0) // NOLINT
                     fail("conntrack(8) failed");
             }}};
}

bool kernel_selects() {
    apply::ConntrackFlowApplier applier([](const std::function<void()>& call) { call(); });
    Loop loop;
    return forget(applier, translated_to(kFailing), loop).method ==
           apply::ForgetReport::Method::one_message;
}

void bench(std::size_t entries, std::size_t runs) {
    const std::size_t half = entries / 2;
    fill(half, kHealthy);
    std::size_t failing = 0;
    for (const Contestant& contestant : contestants()) {
        std::vector<Cost> costs;
        for (std::size_t run = 0; run < runs; ++run) {
            fill(half - failing, kFailing);
            costs.push_back(cost_of(contestant.forget));
            failing = contestant.finds_them ? 0 : half;
            if (const std::size_t left = read_number(kCount); left != half + failing)
                fail(std::string(contestant.name) + " left " + std::to_string(left) + " of " +
                     std::to_string(half + failing));
        }
        print(2 * half, contestant.name, costs);
    }
    apply::ConntrackFlowApplier applier([](const std::function<void()>& call) { call(); });
    Loop loop;
    forget(applier, translated_to(kHealthy), loop);
}

struct Options {
    std::vector<std::size_t> entries{10'000, 100'000, 1'000'000};
    std::size_t runs = 5;
    std::size_t buckets = 0;
};

Options parse(int count, char** arguments) {
    Options options;
    for (int i = 1; i + 1 < count; i += 2) {
        const std::string name = arguments[i];
        std::istringstream values(arguments[i + 1]);
        std::vector<std::size_t> numbers;
        for (std::string value; std::getline(values, value, ',');)
            numbers.push_back(std::strtoul(value.c_str(), nullptr, 10));
        if (numbers.empty() || std::ranges::count(numbers, 0U) != 0)
            fail("a number is expected after " + name);
        if (name == "--entries")
            options.entries = numbers;
        else if (name == "--runs")
            options.runs = numbers[0];
        else if (name == "--buckets")
            options.buckets = numbers[0];
        else
            fail("unknown option " + name);
    }
    if (count % 2 == 0)
        fail("options come in pairs");
    return options;
}

} // namespace

int main(int count, char** arguments) {
    try {
        const Options options = parse(count, arguments);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP})
            std::signal(signal, [](int) { interrupted = 1; });
        const std::size_t needed = std::ranges::max(options.entries) + 1000;
        const Setting limit(kMax, std::max(needed, read_number(kMax)));
        const Setting buckets(kBuckets,
                              options.buckets != 0 ? options.buckets : read_number(kBuckets));
        const Namespace own;
        std::printf("# hash buckets: %zu; the kernel %s flows for deletion by itself\n",
                    read_number(kBuckets), kernel_selects() ? "selects" : "cannot select");
        std::printf("  entries  half of them forgotten by     cpu ms  elapsed ms (range)     "
                    "longest call ms (range)  late for a tick ms (range)\n");
        for (const std::size_t entries : options.entries)
            bench(entries, options.runs);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "conntrack_bench: %s\n", error.what());
        return 1;
    }
    return 0;
}
