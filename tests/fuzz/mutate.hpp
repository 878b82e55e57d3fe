// SPDX-License-Identifier: GPL-2.0-or-later
//
// Random changes to messages that were good: what makes parsers stumble are wrong lengths, cut
// ends, and parts of one message inside another.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace multihomed::fuzz {

using Input = std::vector<std::uint8_t>;

class Mutator {
public:
    Mutator(std::vector<Input> seeds, unsigned seed) : seeds_(std::move(seeds)), random_(seed) {}

    /// One to eight changes to one of the seeds.
    Input next() {
        Input input = pick();
        for (std::size_t changes = 1 + below(8); changes > 0; --changes)
            change(input);
        return input;
    }

private:
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }
    const Input& pick() { return seeds_[below(seeds_.size())]; }

    void change(Input& input) {
        static constexpr std::uint8_t kOdd[] = {0,  1,  3,  4,   5,   7,   8,
                                                15, 16, 32, 127, 128, 254, 255};
        if (input.empty())
            input.push_back(0);
        const std::size_t at = below(input.size());
        switch (below(7)) {
        case 0:
            input[at] = static_cast<std::uint8_t>(input[at] ^ 1U << below(8));
            break;
        case 1:
            input[at] = kOdd[below(sizeof kOdd)];
            break;
        case 2:
            input[at] = static_cast<std::uint8_t>(random_());
            break;
        case 3:
            input.resize(at);
            break;
        case 4:
            input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), 1 + below(8),
                         kOdd[below(sizeof kOdd)]);
            break;
        case 5:
            splice(input, at);
            break;
        default: // lengths stand at even places, in the order of this machine or of the network
            input[at & ~std::size_t{1}] = kOdd[below(sizeof kOdd)];
            break;
        }
    }
    void splice(Input& input, std::size_t at) {
        const Input& other = pick();
        const std::size_t from = below(other.size());
        const std::size_t size = std::min(other.size() - from, std::size_t{1024});
        input.resize(at);
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from),
                     other.begin() + static_cast<std::ptrdiff_t>(from + size));
    }

    std::vector<Input> seeds_;
    std::minstd_rand random_;
};

} // namespace multihomed::fuzz
