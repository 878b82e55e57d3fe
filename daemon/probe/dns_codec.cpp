// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/dns_codec.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace multihomed::probe {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxName = 255; ///< with the length bytes and the root's
constexpr std::uint16_t kClassInternet = 1;
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kOpcode = 0x7800;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kCode = 0x000f;

std::uint16_t get16(Bytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8U | bytes[at + 1]);
}

void put16(std::vector<std::uint8_t>& bytes, std::uint16_t value) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8U));
    bytes.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

/// False if it is no name.
bool put_name(std::vector<std::uint8_t>& bytes, std::string_view name) {
    const std::size_t begin = bytes.size();
    if (name.ends_with('.'))
        name.remove_suffix(1);
    while (!name.empty()) {
        const std::size_t dot = std::min(name.find('.'), name.size());
        if (dot == 0 || dot > kMaxLabel || dot + 1 == name.size())
            return false;
        bytes.push_back(static_cast<std::uint8_t>(dot));
        bytes.insert(bytes.end(), name.begin(), name.begin() + static_cast<std::ptrdiff_t>(dot));
        name.remove_prefix(std::min(dot + 1, name.size()));
    }
    bytes.push_back(0);
    return bytes.size() - begin <= kMaxName;
}

/// Letters of either case are the same; the lengths before labels are none.
std::uint8_t folded(std::uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte + ('a' - 'A')) : byte;
}

} // namespace

std::optional<std::vector<std::uint8_t>> encode_dns_query(const DnsQuery& query) {
    std::vector<std::uint8_t> bytes;
    for (const std::uint16_t field : {query.id, kRecursionDesired, std::uint16_t{1},
                                      std::uint16_t{0}, std::uint16_t{0}, std::uint16_t{0}})
        put16(bytes, field);
    if (!put_name(bytes, query.name))
        return std::nullopt;
    put16(bytes, static_cast<std::uint16_t>(query.type));
    put16(bytes, kClassInternet);
    return bytes;
}

std::optional<DnsCode> decode_dns_response(const DnsQuery& query, Bytes message) {
    if (message.size() < kHeaderBytes || get16(message, 0) != query.id)
        return std::nullopt;
    const std::uint16_t flags = get16(message, 2);
    if ((flags & kResponse) == 0 || (flags & kOpcode) != 0)
        return std::nullopt;
    const auto code = static_cast<DnsCode>(flags & kCode);
    const std::uint16_t questions = get16(message, 4);
    if (questions == 0 && !is_good(code))
        return code;
    const auto asked = encode_dns_query(query);
    if (!asked || questions != 1 || message.size() < asked->size())
        return std::nullopt;
    const Bytes question = Bytes(*asked).subspan(kHeaderBytes);
    const Bytes repeated = message.subspan(kHeaderBytes, question.size());
    if (!std::ranges::equal(question, repeated, {}, folded, folded))
        return std::nullopt;
    return code;
}

bool is_good(DnsCode code) {
    return code == DnsCode::no_error || code == DnsCode::no_such_name;
}

std::string to_string(DnsCode code) {
    static constexpr std::array kNames{"NOERROR",  "FORMERR", "SERVFAIL",
                                       "NXDOMAIN", "NOTIMP",  "REFUSED"};
    const auto number = static_cast<std::size_t>(code);
    return number < kNames.size() ? kNames[number] : "RCODE" + std::to_string(number);
}

} // namespace multihomed::probe
