// SPDX-License-Identifier: GPL-2.0-or-later
//
// The codec against messages written by hand from RFC 1035, section 4.
#include "probe/dns_codec.hpp"

#include <gtest/gtest.h>

namespace multihomed::probe {
namespace {

using Message = std::vector<std::uint8_t>;

const DnsQuery kRoot{.id = 0x1234, .name = "", .type = DnsQuery::Type::ns};
const DnsQuery kExample{.id = 0xabcd, .name = "www.Example.org", .type = DnsQuery::Type::aaaa};

const Message kRootAsked{0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};
const Message kExampleAsked{0xab, 0xcd, 0x01, 0,   0,   1,   0,   0,   0,   0,   0,
                            0,    3,    'w',  'w', 'w', 7,   'E', 'x', 'a', 'm', 'p',
                            'l',  'e',  3,    'o', 'r', 'g', 0,   0,   28,  0,   1};

/// The query sent back as a response with this code, and `more` behind it.
Message answer(Message query, std::uint8_t code, const Message& more = {}) {
    query[2] = 0x81;
    query[3] = static_cast<std::uint8_t>(0x80 | code);
    query.insert(query.end(), more.begin(), more.end());
    return query;
}

TEST(DnsCodec, Queries) {
    EXPECT_EQ(encode_dns_query(kRoot), kRootAsked);
    EXPECT_EQ(encode_dns_query(kExample), kExampleAsked);
    DnsQuery dotted = kExample;
    dotted.name += ".";
    EXPECT_EQ(encode_dns_query(dotted), kExampleAsked);
    EXPECT_EQ(encode_dns_query({.id = 0x1234, .name = "."}), kRootAsked);
}

TEST(DnsCodec, WhatIsNoName) {
    const std::string label(63, 'a');
    for (const std::string& name :
         {std::string(".org"), std::string("a..b"), std::string(".."), std::string("a.."),
          label + "a.org", label + "." + label + "." + label + "." + label})
        EXPECT_FALSE(encode_dns_query({.id = 1, .name = name})) << name;
    // 255 bytes: lengths and root among them.
    const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'a');
    EXPECT_TRUE(encode_dns_query({.id = 1, .name = longest}));
    EXPECT_FALSE(encode_dns_query({.id = 1, .name = longest + "a"}));
}

TEST(DnsCodec, Responses) {
    EXPECT_EQ(decode_dns_response(kRoot, answer(kRootAsked, 0)), DnsCode::no_error);
    EXPECT_EQ(decode_dns_response(kRoot, answer(kRootAsked, 2)), DnsCode::server_failure);
    EXPECT_EQ(decode_dns_response(kExample, answer(kExampleAsked, 3, {0xc0, 12, 0, 28})),
              DnsCode::no_such_name)
        << "whatever follows the question";
    Message lower = answer(kExampleAsked, 0);
    lower[17] = 'e';
    EXPECT_EQ(decode_dns_response(kExample, lower), DnsCode::no_error) << "of either case";
}

TEST(DnsCodec, ErrorsWithoutTheQuestion) {
    Message bare = answer(kRootAsked, 5);
    bare.resize(12);
    bare[5] = 0;
    const auto refused = decode_dns_response(kRoot, bare);
    ASSERT_TRUE(refused);
    EXPECT_EQ(to_string(*refused), "REFUSED");
    bare[3] = 0x80;
    EXPECT_FALSE(decode_dns_response(kRoot, bare)) << "an answer to what?";
}

TEST(DnsCodec, WhatIsNoResponse) {
    const Message good = answer(kExampleAsked, 0);
    EXPECT_FALSE(decode_dns_response(kExample, kExampleAsked)) << "the query itself";
    EXPECT_FALSE(decode_dns_response(kRoot, good)) << "of another number";
    const auto altered = [&](std::size_t at, std::uint8_t value) {
        Message changed = good;
        changed[at] = value;
        return decode_dns_response(kExample, changed);
    };
    EXPECT_FALSE(altered(2, 0x89)) << "another opcode";
    EXPECT_FALSE(altered(5, 2)) << "two questions";
    EXPECT_FALSE(altered(4, 1)) << "257 questions";
    EXPECT_FALSE(altered(13, 'x')) << "another name";
    EXPECT_FALSE(altered(12, 4)) << "another label";
    EXPECT_FALSE(altered(good.size() - 3, 1)) << "another type";
    EXPECT_FALSE(altered(good.size() - 1, 3)) << "another class";
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_FALSE(decode_dns_response(kExample, std::span(good).first(size))) << size;
}

TEST(DnsCodec, Codes) {
    EXPECT_TRUE(is_good(DnsCode::no_error));
    EXPECT_TRUE(is_good(DnsCode::no_such_name));
    EXPECT_FALSE(is_good(DnsCode::server_failure));
    EXPECT_EQ(to_string(DnsCode::server_failure), "SERVFAIL");
    EXPECT_EQ(to_string(DnsCode::no_such_name), "NXDOMAIN");
    EXPECT_EQ(to_string(DnsCode(9)), "RCODE9");
}

} // namespace
} // namespace multihomed::probe
