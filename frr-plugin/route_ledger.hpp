// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which route is zebra talking about? Its answers name table and destination but no distance, while
// a default and the unreachable route behind it differ in nothing else. So an answer is given to
// the route it most likely means: zebra installs the usable one of least distance, and a refusal is
// about the first that has not been refused yet.
#pragma once

#include "core/desired.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>

namespace multihomed::frr {

class RouteLedger {
public:
    /// True for the first route to its destination in its table.
    bool added(const core::Route::Key& key);
    void removing(const core::Route::Key& key);
    void clear();

    /// Empty: it is about no route we know of.
    std::optional<core::Route::Key> installed(std::uint32_t table, const core::Prefix& to);
    std::optional<core::Route::Key> failed(std::uint32_t table, const core::Prefix& to);
    std::optional<core::Route::Key> removed(std::uint32_t table, const core::Prefix& to);
    std::optional<core::Route::Key> outranked(std::uint32_t table, const core::Prefix& to) const;

private:
    struct Routes {
        std::map<std::uint8_t, bool> refused; ///< by distance
        std::set<std::uint8_t> removing;
    };
    using Place = std::pair<std::uint32_t, core::Prefix>;

    std::map<Place, Routes> places_;
};

} // namespace multihomed::frr
