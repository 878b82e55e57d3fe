// SPDX-License-Identifier: GPL-2.0-or-later
//
// The messages that tests/data/record_netlink.py recorded from real kernels, by name.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace multihomed::testing {

using Recorded = std::map<std::string, std::vector<std::uint8_t>>;

inline std::vector<std::uint8_t> from_hex(const std::string& hex) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    return bytes;
}

/// Empty when the file is missing.
inline Recorded load_recorded(const std::string& path) {
    Recorded recorded;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string name;
        std::string hex;
        if (line.starts_with('#') || !(words >> name >> hex))
            continue;
        recorded[name] = from_hex(hex);
    }
    return recorded;
}

} // namespace multihomed::testing
