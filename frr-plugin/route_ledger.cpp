// SPDX-License-Identifier: GPL-2.0-or-later
#include "route_ledger.hpp"

#include <algorithm>

namespace multihomed::frr {

namespace {

using Key = core::Route::Key;

/// The route of least distance that has not been refused, else that of least distance.
std::map<std::uint8_t, bool>::iterator likely(std::map<std::uint8_t, bool>& refused) {
    const auto found = std::find_if(refused.begin(), refused.end(),
                                    [](const auto& entry) { return !entry.second; });
    return found == refused.end() ? refused.begin() : found;
}

} // namespace

bool RouteLedger::added(const Key& key) {
    const auto [place, is_first] = places_.try_emplace({key.table, key.destination});
    place->second.refused[key.distance] = false;
    place->second.removing.erase(key.distance);
    return is_first;
}

void RouteLedger::removing(const Key& key) {
    Routes& routes = places_[{key.table, key.destination}];
    routes.refused.erase(key.distance);
    routes.removing.insert(key.distance);
}

void RouteLedger::clear() {
    places_.clear();
}

std::optional<Key> RouteLedger::installed(std::uint32_t table, const core::Prefix& to) {
    const auto place = places_.find({table, to});
    if (place == places_.end() || place->second.refused.empty())
        return std::nullopt;
    place->second.removing.clear(); // replaced, which zebra does not tell
    const auto route = likely(place->second.refused);
    route->second = false;
    return Key{table, to, route->first};
}

std::optional<Key> RouteLedger::failed(std::uint32_t table, const core::Prefix& to) {
    const auto place = places_.find({table, to});
    if (place == places_.end() || place->second.refused.empty())
        return std::nullopt;
    const auto route = likely(place->second.refused);
    route->second = true;
    return Key{table, to, route->first};
}

std::optional<Key> RouteLedger::removed(std::uint32_t table, const core::Prefix& to) {
    const auto place = places_.find({table, to});
    if (place == places_.end() || place->second.removing.empty())
        return std::nullopt;
    const Key key{table, to, *place->second.removing.begin()};
    place->second.removing.clear(); // those in its shadow get no answer of their own
    if (place->second.refused.empty())
        places_.erase(place);
    return key;
}

std::optional<Key> RouteLedger::outranked(std::uint32_t table, const core::Prefix& to) const {
    const auto place = places_.find({table, to});
    if (place == places_.end() || place->second.refused.empty())
        return std::nullopt;
    return Key{table, to, place->second.refused.begin()->first};
}

} // namespace multihomed::frr
