// SPDX-License-Identifier: GPL-2.0-or-later
//
// Rules and routes in the words of iproute2, for logs and `show`.
#pragma once

#include "core/desired.hpp"

#include <optional>
#include <string>

namespace multihomed::core {

/// "0x3f000000", always eight digits
std::string hex_text(std::uint32_t value);
/// "tcp"; the number where there is no name. parse_protocol() takes both.
std::string protocol_name(std::uint8_t protocol);
std::optional<std::uint8_t> parse_protocol(const std::string& text);
/// Of its header: tcp, udp, sctp, dccp, udplite.
bool has_ports(std::uint8_t protocol);
/// "10100: from 192.0.2.0/24 lookup 1001"
std::string to_string(const Rule& rule);
/// "default via 192.0.2.1 dev eth1 table 1001"
std::string to_string(const Route& route);

} // namespace multihomed::core
