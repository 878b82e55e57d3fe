// SPDX-License-Identifier: GPL-2.0-or-later
//
// add_shared_sources() and bind_sources() against the plain definition, for generated prefixes.
#include "core/sources.hpp"
#include "core/builders.hpp"
#include "sim/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace multihomed::test {
namespace {

using namespace core;

struct Generated {
    std::vector<Uplink> uplinks;
    std::vector<Line> lines;
};

Prefix any_prefix(sim::Random& random) {
    const auto length = static_cast<std::uint8_t>(8 + random.below(25));
    return {ip("10.0.0." + std::to_string(random.below(256))), length};
}

Generated generate(sim::Random& random) {
    Generated all;
    const std::size_t count = 1 + random.below(5);
    for (std::size_t i = 0; i < count; ++i)
        all.uplinks.push_back(uplink("u" + std::to_string(i), "w" + std::to_string(i)));
    for (Uplink& each : all.uplinks) {
        Line& line = all.lines.emplace_back();
        line.uplink = &each;
        if (random.percent(30))
            line.blocked = Blocked{State::no_carrier, "no carrier"};
        for (std::size_t n = random.below(3); n > 0; --n)
            each.family[Family::v4].sources.push_back(any_prefix(random));
        line.assigned = each.family[Family::v4].sources;
        for (std::size_t n = random.below(3); n > 0; --n) {
            line.addresses.push_back(ip("10.0.0." + std::to_string(random.below(8))));
            line.sources.push_back(Prefix::host(line.addresses.back()));
            line.subnets.push_back(any_prefix(random));
        }
    }
    return all;
}

/// By the definition: a subnet is the line's unless another line has a subnet, no peer, or a
/// configured prefix that overlaps it.
bool is_shared(const Generated& all, const Line& line, const Prefix& subnet) {
    const auto overlaps = [&](const Prefix& other) { return other.overlaps(subnet); };
    return std::ranges::any_of(all.lines, [&](const Line& other) {
        if (&other == &line)
            return false;
        auto subnets = other.subnets;
        std::erase_if(subnets, [](const Prefix& each) { return each.length() == 32; });
        return std::ranges::any_of(subnets, overlaps) ||
               std::ranges::any_of(other.uplink->family[Family::v4].sources, overlaps);
    });
}

std::vector<Prefix> expected_sources(const Generated& all, const Line& line) {
    std::vector<Prefix> sources = line.uplink->family[Family::v4].sources;
    for (const Address& own : line.addresses)
        sources.push_back(Prefix::host(own));
    for (const Prefix& subnet : line.subnets)
        if (subnet.length() != 32 && !is_shared(all, line, subnet))
            sources.push_back(subnet);
    drop_covered(sources);
    return sources;
}

TEST(Sources, AreSharedOutAsDefined) {
    sim::Random random(1);
    std::size_t shared = 0;
    for (int i = 0; i < 300; ++i) {
        Generated all = generate(random);
        std::vector<std::vector<Prefix>> expected;
        for (const Line& line : all.lines)
            expected.push_back(expected_sources(all, line));
        add_shared_sources(all.lines);
        for (std::size_t n = 0; n < all.lines.size(); ++n) {
            EXPECT_EQ(texts(all.lines[n].sources), texts(expected[n])) << "generated case " << i;
            shared += all.lines[n].remarks.size();
        }
    }
    EXPECT_GT(shared, 50U);
}

TEST(Sources, AreBoundOnceToSomebodyWhoHasThem) {
    sim::Random random(2);
    for (int i = 0; i < 300; ++i) {
        Generated all = generate(random);
        add_shared_sources(all.lines);
        bind_sources(all.lines);
        std::map<Prefix, std::vector<const Line*>> holders;
        std::map<Prefix, std::vector<const Line*>> bound;
        for (const Line& line : all.lines) {
            for (const Prefix& source : line.sources)
                holders[source].push_back(&line);
            for (const Prefix& source : line.bound)
                bound[source].push_back(&line);
        }
        EXPECT_EQ(bound.size(), holders.size());
        for (const auto& [source, lines] : bound) {
            ASSERT_EQ(lines.size(), 1U) << source.to_string();
            const auto usable = [](const Line* line) { return !line->blocked; };
            if (lines[0]->blocked) {
                EXPECT_TRUE(std::ranges::none_of(holders.at(source), usable));
            }
        }
    }
}

} // namespace
} // namespace multihomed::test
