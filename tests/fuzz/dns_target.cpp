// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz/targets.hpp"

#include "probe/dns_codec.hpp"

#include <cstdlib>
#include <string>

namespace multihomed::fuzz {

/// Up to the first zero byte a name that is asked for, the rest is the response.
void dns_target(Bytes input) {
    std::size_t end = 0;
    while (end < input.size() && input[end] != 0)
        ++end;
    const probe::DnsQuery query{.id = 0x1234,
                                .name = std::string(input.begin(), input.begin() + end),
                                .type = probe::DnsQuery::Type::a};
    const auto asked = probe::encode_dns_query(query);
    if (asked && (asked->size() < 17 || asked->size() > 12 + 255 + 4 ||
                  probe::decode_dns_response(query, *asked)))
        std::abort();
    if (end == input.size())
        return;
    const Bytes response = input.subspan(end + 1);
    const auto code = probe::decode_dns_response(query, response);
    if (code && is_good(*code) && (!asked || response.size() < asked->size()))
        std::abort();
    if (code && to_string(*code).empty())
        std::abort();
}

} // namespace multihomed::fuzz
