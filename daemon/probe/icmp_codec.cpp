// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/icmp_codec.hpp"

#include <algorithm>

namespace multihomed::probe {

namespace {

using Bytes = std::span<const std::uint8_t>;

struct EchoTypes {
    std::uint8_t request;
    std::uint8_t reply;
};

constexpr core::PerFamily<EchoTypes> kTypes{{EchoTypes{8, 0}, EchoTypes{128, 129}}};
constexpr std::size_t kHeaderBytes = 8;

std::uint16_t get16(Bytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

void put16(std::span<std::uint8_t> bytes, std::size_t at, std::uint16_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8U);
    bytes[at + 1] = static_cast<std::uint8_t>(value & 0xffU);
}

/// RFC 1071; 0 over a message that bears its right checksum.
std::uint16_t internet_checksum(Bytes bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
        sum += get16(bytes, i);
    if (bytes.size() % 2 != 0)
        sum += static_cast<std::uint32_t>(bytes.back()) << 8U;
    while (sum >> 16U != 0)
        sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum & 0xffffU);
}

/// What follows the IPv4 header; empty if there is no whole one of protocol ICMP.
Bytes without_ipv4_header(Bytes packet) {
    if (packet.size() < 20 || packet[0] >> 4U != 4 || packet[9] != 1)
        return {};
    const std::size_t length = (packet[0] & 0x0fU) * 4U;
    if (length < 20 || packet.size() < length)
        return {};
    return packet.subspan(length);
}

/// The packet that an error is about, as far as it came back.
struct Returned {
    core::Address target;
    Bytes message; ///< at least the eight bytes of an ICMP header
};

std::optional<Returned> returned_request(core::Family family, Bytes packet) {
    Bytes message;
    std::size_t target_at = 16;
    if (family == core::Family::v4) {
        message = without_ipv4_header(packet);
    } else if (packet.size() >= 40 && packet[0] >> 4U == 6 && packet[6] == 58) {
        message = packet.subspan(40);
        target_at = 24;
    }
    if (message.size() < kHeaderBytes)
        return std::nullopt;
    return Returned{core::address_from_bytes(family, packet.data() + target_at), message};
}

/// Empty for messages that are not about delivery.
std::string complaint(core::Family family, std::uint8_t type, std::uint8_t code) {
    const bool v4 = family == core::Family::v4;
    if (type == (v4 ? 11 : 3))
        return "routing loop (hop limit exceeded)";
    if (type != (v4 ? 3 : 1))
        return {};
    switch (code) {
    case 0:
        return "network unreachable";
    case 1:
        return v4 ? "host unreachable" : "administratively prohibited";
    case 3:
        return v4 ? "port unreachable" : "host unreachable";
    case 9:
    case 10:
    case 13:
        return "administratively prohibited";
    default:
        return "unreachable (code " + std::to_string(code) + ")";
    }
}

} // namespace

std::array<std::uint8_t, kEchoBytes> encode_echo_request(core::Family family, const Echo& echo) {
    std::array<std::uint8_t, kEchoBytes> bytes{};
    bytes[0] = kTypes[family].request;
    put16(bytes, 4, echo.identity.identifier);
    put16(bytes, 6, echo.sequence);
    std::ranges::copy(echo.identity.cookie, bytes.begin() + kHeaderBytes);
    if (family == core::Family::v4)
        put16(bytes, 2, internet_checksum(bytes));
    return bytes;
}

std::optional<Echo> decode_echo_reply(core::Family family, Bytes packet) {
    const Bytes message = family == core::Family::v4 ? without_ipv4_header(packet) : packet;
    if (message.size() < kEchoBytes || message[0] != kTypes[family].reply || message[1] != 0)
        return std::nullopt;
    if (family == core::Family::v4 && internet_checksum(message) != 0)
        return std::nullopt;
    Echo echo{.identity = {get16(message, 4), {}}, .sequence = get16(message, 6)};
    Cookie& cookie = echo.identity.cookie;
    std::copy_n(message.begin() + kHeaderBytes, cookie.size(), cookie.begin());
    return echo;
}

std::optional<EchoError> decode_echo_error(core::Family family, Bytes packet) {
    const Bytes message = family == core::Family::v4 ? without_ipv4_header(packet) : packet;
    if (message.size() < kHeaderBytes)
        return std::nullopt;
    std::string text = complaint(family, message[0], message[1]);
    const auto request = returned_request(family, message.subspan(kHeaderBytes));
    if (text.empty() || !request || request->message[0] != kTypes[family].request)
        return std::nullopt;
    return EchoError{get16(request->message, 4), get16(request->message, 6), request->target,
                     std::move(text)};
}

} // namespace multihomed::probe
