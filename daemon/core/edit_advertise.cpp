// SPDX-License-Identifier: GPL-2.0-or-later
//
// The commands about router advertisements.
#include "core/edit.hpp"
#include "core/edit_parts.hpp"

namespace multihomed::core {

namespace {

/// Calls change(advertise) for the interface; the empty one stands for one that was refused.
template <class Change>
Refusal with_advertise(Config& config, const std::string& interface, Change change) {
    const auto found = std::ranges::find(config.advertise, interface, &Advertise::interface);
    if (found == config.advertise.end())
        return interface.empty() ? "the interface was refused"
                                 : "there is no " + quoted("ipv6 advertise " + interface);
    return change(*found);
}

/// Adds to or takes from a list in the order typed.
template <class Item>
Refusal edit_list(std::vector<Item>& list, const Item& item, const std::string& text,
                  std::size_t most, bool present) {
    const auto place = std::ranges::find(list, item);
    if (!present && place == list.end())
        return text + " is not configured";
    if (!present)
        list.erase(place);
    else if (place == list.end() && list.size() >= most)
        return "there are " + std::to_string(most) + " already, the limit";
    else if (place == list.end())
        list.push_back(item);
    return std::nullopt;
}

Refusal refuse_resolver(const std::string& text, const std::optional<Address>& address) {
    if (!address || !address->is_v6())
        return quoted(text) + " is not an IPv6 address";
    if (address->is_unspecified() || address->is_multicast() || address->is_loopback())
        return address->to_string() + " cannot be a DNS server";
    return std::nullopt;
}

} // namespace

Refusal edit_advertise(Config& config, const std::string& interface, bool present) {
    const auto found = std::ranges::find(config.advertise, interface, &Advertise::interface);
    if (!present && found == config.advertise.end())
        return "there is no " + quoted("ipv6 advertise " + interface);
    if (!present) {
        config.advertise.erase(found);
        return std::nullopt;
    }
    if (found != config.advertise.end())
        return std::nullopt;
    if (const auto refusal = refuse_advertise(config, interface))
        return refusal;
    config.advertise.emplace_back().interface = interface;
    return std::nullopt;
}

Refusal edit_advertise_number(Config& config, const std::string& interface, AdvertiseNumber number,
                              std::optional<std::uint32_t> value) {
    return with_advertise(config, interface, [&](Advertise& found) -> Refusal {
        const AdvertiseRange& range = range_of(number);
        if (value)
            if (const auto refusal = refuse_number(range.what, *value, range.least, range.most))
                return refusal;
        found.numbers[static_cast<std::size_t>(number)] = value;
        return std::nullopt;
    });
}

Refusal edit_advertise_flag(Config& config, const std::string& interface, AdvertiseFlag flag,
                            bool present) {
    return with_advertise(config, interface, [&](Advertise& found) -> Refusal {
        found.flags[static_cast<std::size_t>(flag)] = present;
        return std::nullopt;
    });
}

Refusal edit_router_preference(Config& config, const std::string& interface,
                               const std::optional<std::string>& preference) {
    return with_advertise(config, interface, [&](Advertise& found) -> Refusal {
        for (const RouterPreference each :
             {RouterPreference::medium, RouterPreference::high, RouterPreference::low})
            if (preference.value_or("medium") == to_string(each)) {
                found.preference = each;
                return std::nullopt;
            }
        return quoted(*preference) + " is none of 'high', 'low' and 'medium'";
    });
}

Refusal edit_rdnss(Config& config, const std::string& interface, const std::string& address,
                   const std::optional<std::string>& uplink, bool present) {
    return with_advertise(config, interface, [&](Advertise& found) -> Refusal {
        const auto typed = parse_address(address);
        if (const auto refusal = refuse_resolver(address, typed))
            return refusal;
        if (uplink && present)
            if (const auto refusal = refuse_profile_name(*uplink))
                return quoted(*uplink) + " cannot be the name of an uplink";
        const auto place = std::ranges::find(found.resolvers, *typed, &Resolver::address);
        if (present && place != found.resolvers.end()) {
            place->uplink = uplink.value_or("");
            return std::nullopt;
        }
        const Resolver resolver =
            place == found.resolvers.end() ? Resolver{*typed, uplink.value_or("")} : *place;
        return edit_list(found.resolvers, resolver, typed->to_string(), kMaxResolvers, present);
    });
}

Refusal edit_dnssl(Config& config, const std::string& interface, const std::string& name,
                   bool present) {
    return with_advertise(config, interface, [&](Advertise& found) -> Refusal {
        if (present) {
            if (const auto refusal = refuse_host_name(name))
                return refusal;
            if (name.size() > kMaxSearchDomainText)
                return "a search domain has at most " + std::to_string(kMaxSearchDomainText) +
                       " characters";
        }
        return edit_list(found.domains, name, quoted(name), kMaxSearchDomains, present);
    });
}

} // namespace multihomed::core
