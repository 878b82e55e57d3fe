// SPDX-License-Identifier: GPL-2.0-or-later
//
// As much of DNS messages (RFC 1035, section 4) as asking a resolver whether it lives needs: one
// question, and of the response its header and the question repeated. Pure; any bytes may come in.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace multihomed::probe {

struct DnsQuery {
    enum class Type : std::uint16_t { a = 1, ns = 2, aaaa = 28 };

    std::uint16_t id = 0;
    std::string name; ///< with or without a dot at the end; empty: the root
    Type type = Type::ns;
};

/// RFC 1035 section 4.1.1, RFC 6895
enum class DnsCode : std::uint8_t { no_error = 0, server_failure = 2, no_such_name = 3 };

/// Recursion desired. Nothing if the name is none.
std::optional<std::vector<std::uint8_t>> encode_dns_query(const DnsQuery& query);

/// The code of the response to this query; nothing if it is no response to it. An error may come
/// without the question: some servers answer so to what they do not want to read.
std::optional<DnsCode> decode_dns_response(const DnsQuery& query,
                                           std::span<const std::uint8_t> message);

/// Did the server do its work? That there is no such name is as good an answer as any.
bool is_good(DnsCode code);
/// "SERVFAIL"
std::string to_string(DnsCode code);

} // namespace multihomed::probe
