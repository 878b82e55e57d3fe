// SPDX-License-Identifier: GPL-2.0-or-later
//
// A small generator whose sequence depends on the seed alone (splitmix64), not on the library.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace multihomed::sim {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 1) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }
    /// 0 to limit - 1
    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(next() % limit); }
    bool percent(unsigned chance) { return below(100) < chance; }
    std::chrono::milliseconds between(int least_ms, int most_ms) {
        return std::chrono::milliseconds(
            least_ms + static_cast<int>(below(static_cast<std::size_t>(most_ms - least_ms + 1))));
    }
    template <class Container>
    auto& pick(Container& from) {
        return from[below(from.size())];
    }

private:
    std::uint64_t state_;
};

} // namespace multihomed::sim
