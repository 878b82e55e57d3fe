// SPDX-License-Identifier: GPL-2.0-or-later
#include "core/validate.hpp"

#include "core/utf8.hpp"

#include <algorithm>
#include <array>

namespace multihomed::core {

namespace {

/// IFNAMSIZ - 1
constexpr std::size_t kMaxInterfaceName = 15;
constexpr std::uint32_t kRuleBaseLimit = 32766 - kRulePrioritySpan;

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name(const std::string& name) {
    const auto allowed = [](char c) {
        return is_alphanumeric(c) || c == '_' || c == '-' || c == '.';
    };
    return !name.empty() && name.size() <= kMaxUplinkName && is_alphanumeric(name.front()) &&
           std::ranges::all_of(name, allowed);
}

/// Printable ASCII without blanks. vtysh would take '|' for a pipe, and not read it back.
bool is_one_word(const std::string& text) {
    return std::ranges::none_of(text, [](char c) { return c <= ' ' || c > '~' || c == '|'; });
}

/// Neither a host's nor a router's address can be one of these.
bool is_unusable(const Address& address) {
    if (address.is_unspecified() || address.is_multicast() || address.is_loopback())
        return true;
    if (address.is_v6())
        return address.to_v6().is_v4_mapped();
    // 0.0.0.0/8 is of this host (RFC 1122, 3.2.1.3).
    return address.to_v4() == boost::asio::ip::address_v4::broadcast() ||
           address.to_v4().to_bytes()[0] == 0;
}

/// What iproute2 would read as the number of a table: decimal, octal or hexadecimal.
bool is_number(const std::string& name) {
    const bool hex = name.size() > 2 && name[0] == '0' && (name[1] == 'x' || name[1] == 'X');
    const char* digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
    return name.find_first_not_of(digits, hex ? 2 : 0) == std::string::npos;
}

/// Does the prefix hold an address that never leaves its link or host?
bool touches_unroutable(const Prefix& prefix) {
    constexpr std::array kUnroutable{"127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4",
                                     "::1/128",     "fe80::/10",      "ff00::/8"};
    return std::ranges::any_of(
        kUnroutable, [&](const char* text) { return Prefix::parse(text)->overlaps(prefix); });
}

std::optional<std::string> refuse_interface_name(const std::string& interface) {
    const auto bad = [](char c) { return c <= ' ' || c > '~' || c == '/' || c == '"' || c == ':'; };
    if (interface.empty() || interface.size() > kMaxInterfaceName ||
        std::ranges::any_of(interface, bad) || interface == "." || interface == "..")
        return quoted(interface) + " cannot be the name of an interface (1 to 15 characters)";
    return std::nullopt;
}

} // namespace

std::optional<std::string> refuse_uplink_name(const Config& config, const std::string& name) {
    if (name.empty() || name.size() > kMaxUplinkName)
        return "an uplink's name has 1 to " + std::to_string(kMaxUplinkName) + " characters";
    if (!is_name(name))
        return std::string("an uplink's name begins with a letter or digit and holds letters, "
                           "digits, '_', '-' and '.' only");
    // The name becomes the table's, and whoever says `table 254` to iproute2 gets the table that is
    // named so.
    for (const char* reserved : {"local", "main", "default", "unspec", "all", "cache"})
        if (name == reserved)
            return quoted(name) + " means a routing table of the kernel's";
    if (name == kTableOwnName)
        return quoted(name) + " means a routing table of multihomed's own";
    if (is_number(name))
        return quoted(name) + " would be taken for the number of a routing table";
    if (!find_uplink(config, name) && config.uplinks.size() >= kMaxUplinks)
        return "there are " + std::to_string(kMaxUplinks) + " uplinks already, the limit";
    return std::nullopt;
}

std::optional<std::string> refuse_interface(const Config& config, const std::string& uplink,
                                            const std::string& interface) {
    if (const auto refusal = refuse_interface_name(interface))
        return refusal;
    if (interface == "lo")
        return std::string("the loopback interface cannot be an uplink");
    for (const Uplink& other : config.uplinks)
        if (other.name != uplink && other.interface == interface)
            return "interface " + interface + " belongs to uplink " + other.name;
    if (find_advertise(config, interface))
        return interface + " is inside: 'ipv6 advertise " + interface + "' is configured";
    return std::nullopt;
}

std::optional<std::string> refuse_advertise(const Config& config, const std::string& interface) {
    if (const auto refusal = refuse_interface_name(interface))
        return refusal;
    if (interface == "lo")
        return std::string("the loopback interface has no hosts to advertise to");
    for (const Uplink& uplink : config.uplinks)
        if (uplink.interface == interface)
            return "interface " + interface + " belongs to uplink " + uplink.name +
                   ": nothing is advertised to a provider";
    if (config.advertise.size() >= kMaxAdvertise)
        return "there are " + std::to_string(kMaxAdvertise) + " interfaces already, the limit";
    return std::nullopt;
}

std::optional<std::string> refuse_table(const Config& config, const std::string& uplink,
                                        std::uint32_t table) {
    if (table == 0 || (table >= 252 && table <= 255))
        return "table " + std::to_string(table) + " is one of the kernel's own";
    if (table == kTableOwn)
        return "table " + std::to_string(table) + " is multihomed's own";
    for (const Uplink& other : config.uplinks)
        if (other.name != uplink && other.table == table)
            return "table " + std::to_string(table) + " belongs to uplink " + other.name;
    return std::nullopt;
}

std::optional<std::string> refuse_table_base(std::uint32_t base) {
    if (base < 256 || base > 0xffffffffU - 2 * kMaxUplinks)
        return std::string("the first table is between 256 and 4294966271");
    return std::nullopt;
}

std::optional<std::string> refuse_rule_base(std::uint32_t base) {
    if (base < 1 || base > kRuleBaseLimit)
        return "the first rule priority is between 1 and " + std::to_string(kRuleBaseLimit) +
               ", so that all " + std::to_string(kRulePrioritySpan) + " come before main's";
    return std::nullopt;
}

std::optional<std::string> refuse_gateway(const Address& gateway) {
    if (is_unusable(gateway))
        return gateway.to_string() + " cannot be a gateway";
    return std::nullopt;
}

std::optional<std::string> refuse_learning(const Config& config, std::uint32_t table) {
    if (table == 0 || table == 252 || table == kTableDefault || table == 255)
        return "table " + std::to_string(table) + " is one of the kernel's own";
    if (table == kTableOwn)
        return "table " + std::to_string(table) + " is multihomed's own";
    for (const Uplink& uplink : config.uplinks)
        if (uplink.table == table)
            return "table " + std::to_string(table) + " belongs to uplink " + uplink.name;
    return std::nullopt;
}

std::optional<std::string> refuse_source(const Config& config, const std::string& uplink,
                                         const Prefix& source) {
    if (source.is_any())
        return source.to_string() + " would take every source to this line";
    if (touches_unroutable(source))
        return source.to_string() + " cannot be a source prefix of a line";
    for (const Uplink& other : config.uplinks) {
        if (other.name == uplink)
            continue;
        for (const Prefix& taken : other.family[source.family()].sources)
            if (taken.overlaps(source))
                return source.to_string() + " overlaps " + taken.to_string() + " of uplink " +
                       other.name;
    }
    return std::nullopt;
}

std::optional<std::string> refuse_nat_prefix(const Prefix& outside) {
    if (outside.is_any() || touches_unroutable(outside))
        return outside.to_string() + " cannot be a prefix of a line";
    return std::nullopt;
}

std::optional<std::string> refuse_nat_range(const Address& first, const Address& last) {
    if (family_of(first) != family_of(last))
        return std::string("both ends of a pool are of one address family");
    for (const Address& end : {first, last})
        if (is_unusable(end) || is_link_local(end))
            return end.to_string() + " cannot be a source address";
    if (last < first)
        return "the pool ends before it begins: " + first.to_string() + " is above " +
               last.to_string();
    return std::nullopt;
}

std::optional<std::string> refuse_probe_target(const Address& target) {
    if (is_unusable(target))
        return target.to_string() + " cannot be probed";
    return std::nullopt;
}

std::optional<std::string> refuse_profile_name(const std::string& name) {
    if (!is_name(name))
        return "a profile's name has 1 to " + std::to_string(kMaxUplinkName) +
               " characters: letters, digits, '_', '-' and '.', a letter or digit first";
    return std::nullopt;
}

std::optional<std::string> refuse_bfd_profile(const std::string& name) {
    if (name.empty() || name.size() > kMaxBfdProfile || !is_one_word(name))
        return quoted(name) + " is not the name of a BFD profile: up to " +
               std::to_string(kMaxBfdProfile) + " printable ASCII characters without '|'";
    return std::nullopt;
}

std::optional<std::string> refuse_host_name(const std::string& name) {
    constexpr std::size_t kMaxName = 253;
    constexpr std::size_t kMaxLabel = 63;
    std::size_t label = 0;
    bool good = !name.empty() && name.size() <= kMaxName && name.front() != '.';
    for (const char c : name) {
        label = c == '.' ? 0 : label + 1;
        good =
            good && label <= kMaxLabel && (is_alphanumeric(c) || c == '-' || c == '_' || c == '.');
    }
    if (good && name.find("..") == std::string::npos)
        return std::nullopt;
    return quoted(name) + " is not the name of a host";
}

std::optional<std::string> refuse_path(const std::string& path) {
    constexpr std::size_t kMaxPath = 200;
    if (path.empty() || path.front() != '/' || path.size() > kMaxPath ||
        path.find('#') != std::string::npos || !is_one_word(path))
        return quoted(path) + " is not a path: it begins with '/' and has at most " +
               std::to_string(kMaxPath) + " printable ASCII characters, no '#' among them";
    return std::nullopt;
}

std::optional<std::string> refuse_internal(const Prefix& prefix) {
    if (prefix.is_any())
        return prefix.to_string() + " would make the whole Internet internal";
    if (prefix.address().is_multicast() || is_link_local(prefix.address()))
        return prefix.to_string() + " cannot be an internal prefix";
    return std::nullopt;
}

} // namespace multihomed::core
