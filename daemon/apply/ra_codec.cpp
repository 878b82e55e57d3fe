// SPDX-License-Identifier: GPL-2.0-or-later
#include "apply/ra_codec.hpp"

#include <algorithm>
#include <iterator>

namespace multihomed::apply {

namespace {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

constexpr std::uint8_t kSolicitation = 133;
constexpr std::uint8_t kAdvertisement = 134;
constexpr std::size_t kSolicitationBytes = 8;
constexpr std::size_t kAdvertisementBytes = 16;
constexpr int kHopLimit = 255; ///< it cannot have come from another link

enum Option : std::uint8_t {
    kSourceLinkLayerAddress = 1,
    kPrefixInformation = 3,
    kMtu = 5,
    kRouteInformation = 24,
    kRecursiveDnsServer = 25,
    kDnsSearchList = 31,
};
constexpr std::size_t kUnit = 8; ///< of the length of an option
constexpr std::uint8_t kManaged = 0x80;
constexpr std::uint8_t kOther = 0x40;
constexpr std::uint8_t kOnLink = 0x80;
constexpr std::uint8_t kAutonomous = 0x40;
constexpr std::uint8_t kAutonomousLength = 64;
constexpr std::size_t kPrefixUnits = 4;

template <class Number>
void put(Bytes& bytes, Number number) {
    for (std::size_t i = sizeof number; i-- > 0;)
        bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
}

std::uint32_t get32(View bytes, std::size_t at) {
    return std::uint32_t{bytes[at]} << 24U | std::uint32_t{bytes[at + 1]} << 16U |
           std::uint32_t{bytes[at + 2]} << 8U | bytes[at + 3];
}

void put_address(Bytes& bytes, const core::Address& address, std::size_t size = 16) {
    const auto whole = core::address_bytes(address);
    bytes.insert(bytes.end(), whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
}

/// RFC 4191, section 2.1
std::uint8_t preference_bits(core::RouterPreference preference) {
    switch (preference) {
    case core::RouterPreference::high:
        return 0x08;
    case core::RouterPreference::low:
        return 0x18;
    case core::RouterPreference::medium:
        break;
    }
    return 0;
}

void put_header(Bytes& bytes, const core::RouterAdvertisement& content) {
    bytes.insert(bytes.end(), {kAdvertisement, 0, 0, 0, content.hop_limit});
    // Who is no default router says medium (RFC 4191, section 2.2).
    const std::uint8_t preference =
        content.lifetime_s == 0 ? std::uint8_t{0} : preference_bits(content.preference);
    bytes.push_back(static_cast<std::uint8_t>((content.managed ? kManaged : 0) |
                                              (content.other ? kOther : 0) | preference));
    put(bytes, content.lifetime_s);
    put(bytes, content.reachable_ms);
    put(bytes, content.retrans_ms);
}

void put_prefix(Bytes& bytes, const core::AdvertisedPrefix& told) {
    const bool autonomous = told.prefix.length() == kAutonomousLength;
    bytes.insert(bytes.end(),
                 {kPrefixInformation, kPrefixUnits, told.prefix.length(),
                  static_cast<std::uint8_t>(kOnLink | (autonomous ? kAutonomous : 0))});
    put(bytes, told.valid_s);
    put(bytes, told.preferred_s);
    put(bytes, std::uint32_t{0});
    put_address(bytes, told.prefix.address());
}

void put_route(Bytes& bytes, const core::AdvertisedRoute& told) {
    const std::size_t size = told.prefix.length() == 0 ? 0 : told.prefix.length() <= 64 ? 8 : 16;
    bytes.insert(bytes.end(), {kRouteInformation, static_cast<std::uint8_t>(1 + size / kUnit),
                               told.prefix.length(), 0});
    put(bytes, told.lifetime_s);
    put_address(bytes, told.prefix.address(), size);
}

void put_resolver(Bytes& bytes, const core::AdvertisedResolver& told) {
    bytes.insert(bytes.end(), {kRecursiveDnsServer, 3, 0, 0});
    put(bytes, told.lifetime_s);
    put_address(bytes, told.address);
}

/// RFC 1035, section 3.1: labels, each behind its length, and an empty one at the end.
void put_domain(Bytes& bytes, const std::string& domain) {
    std::size_t begin = 0;
    while (begin < domain.size()) {
        const std::size_t end = std::min(domain.find('.', begin), domain.size());
        bytes.push_back(static_cast<std::uint8_t>(end - begin));
        bytes.insert(bytes.end(), domain.begin() + static_cast<std::ptrdiff_t>(begin),
                     domain.begin() + static_cast<std::ptrdiff_t>(end));
        begin = end + 1;
    }
    bytes.push_back(0);
}

void put_domains(Bytes& bytes, const core::RouterAdvertisement& content) {
    Bytes names;
    for (const std::string& domain : content.domains)
        put_domain(names, domain);
    names.resize((names.size() + kUnit - 1) / kUnit * kUnit);
    bytes.insert(bytes.end(),
                 {kDnsSearchList, static_cast<std::uint8_t>(1 + names.size() / kUnit), 0, 0});
    put(bytes, content.domains_s);
    bytes.insert(bytes.end(), names.begin(), names.end());
}

/// Calls each(type, whole option); false if the options are not what fills the message.
template <class Each>
bool for_each_option(View options, Each each) {
    while (!options.empty()) {
        if (options.size() < 2 || options[1] == 0 || options[1] * kUnit > options.size())
            return false;
        const std::size_t size = options[1] * kUnit;
        each(options[0], options.first(size));
        options = options.subspan(size);
    }
    return true;
}

bool is_message(const IcmpMessage& message, std::uint8_t type, std::size_t least) {
    return message.hop_limit == kHopLimit && message.bytes.size() >= least &&
           message.bytes[0] == type && message.bytes[1] == 0;
}

void take_prefix(HeardAdvertisement& heard, View option) {
    if (option.size() != kPrefixUnits * kUnit || option[2] > core::address_bits(core::Family::v6))
        return;
    const core::Prefix prefix(
        core::address_from_bytes(core::Family::v6, option.data() + kAdvertisementBytes), option[2]);
    if (!core::is_link_local(prefix.address()))
        heard.prefixes.push_back({prefix, get32(option, 4), get32(option, 8)});
}

} // namespace

std::vector<std::uint8_t> encode_advertisement(const core::RouterAdvertisement& content,
                                               const std::optional<MacAddress>& ours) {
    Bytes bytes;
    put_header(bytes, content);
    if (ours) {
        bytes.insert(bytes.end(), {kSourceLinkLayerAddress, 1});
        bytes.insert(bytes.end(), ours->begin(), ours->end());
    }
    if (content.mtu != 0) {
        bytes.insert(bytes.end(), {kMtu, 1, 0, 0});
        put(bytes, content.mtu);
    }
    for (const core::AdvertisedPrefix& told : content.prefixes)
        put_prefix(bytes, told);
    for (const core::AdvertisedRoute& told : content.routes)
        put_route(bytes, told);
    for (const core::AdvertisedResolver& told : content.resolvers)
        put_resolver(bytes, told);
    if (!content.domains.empty())
        put_domains(bytes, content);
    return bytes;
}

bool is_solicitation(const IcmpMessage& message) {
    if (!is_message(message, kSolicitation, kSolicitationBytes))
        return false;
    bool says_address = false;
    const bool whole =
        for_each_option(message.bytes.subspan(kSolicitationBytes), [&](std::uint8_t type, View) {
            says_address |= type == kSourceLinkLayerAddress;
        });
    return whole && !(says_address && message.source.is_unspecified());
}

std::optional<HeardAdvertisement> decode_advertisement(const IcmpMessage& message) {
    if (!is_message(message, kAdvertisement, kAdvertisementBytes) || !message.source.is_v6() ||
        !core::is_link_local(message.source))
        return std::nullopt;
    HeardAdvertisement heard;
    heard.lifetime_s = static_cast<std::uint16_t>(message.bytes[6] << 8U | message.bytes[7]);
    const bool whole = for_each_option(message.bytes.subspan(kAdvertisementBytes),
                                       [&](std::uint8_t type, View option) {
                                           if (type == kPrefixInformation)
                                               take_prefix(heard, option);
                                           if (type == kRecursiveDnsServer)
                                               heard.resolvers += (option.size() - kUnit) / 16;
                                       });
    return whole ? std::optional(heard) : std::nullopt;
}

} // namespace multihomed::apply
