// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/socket_filter.hpp"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstddef>

namespace multihomed::observe {

namespace {

constexpr std::uint32_t kPass = 0xffffffffU;
constexpr std::uint32_t kDrop = 0;
constexpr std::uint32_t kTypeOffset = offsetof(nlmsghdr, nlmsg_type);
constexpr std::uint32_t kBody = NLMSG_HDRLEN;

class Program {
public:
    void add(unsigned code, std::uint32_t k) {
        code_.push_back(sock_filter{static_cast<std::uint16_t>(code), 0, 0, k});
    }
    /// Runs the next instruction only if the accumulator equals k.
    void if_equal(std::uint32_t k) {
        code_.push_back(sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k});
    }
    void pass() { add(BPF_RET | BPF_K, kPass); }
    void drop() { add(BPF_RET | BPF_K, kDrop); }
    void load_byte(std::uint32_t offset) { add(BPF_LD | BPF_B | BPF_ABS, offset); }
    void load_half(std::uint32_t offset) { add(BPF_LD | BPF_H | BPF_ABS, offset); }
    /// Loads the 32-bit word at `inside` the payload of an attribute; drops when there is none.
    void load_attribute(std::uint32_t first_attribute, std::uint32_t type, std::uint32_t inside) {
        add(BPF_LD | BPF_IMM, first_attribute);
        add(BPF_LDX | BPF_IMM, type);
        add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_NLATTR));
        if_equal(0);
        drop();
        add(BPF_MISC | BPF_TAX, 0);
        add(BPF_LD | BPF_W | BPF_IND, static_cast<std::uint32_t>(sizeof(nlattr)) + inside);
    }
    void pass_any_of(const std::set<std::uint32_t>& words) {
        for (const std::uint32_t word : words) {
            if_equal(word);
            pass();
        }
    }
    /// Conditional jumps reach 255 instructions, this one everything.
    void jump_over(const Program& other) {
        add(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(other.code_.size()));
    }
    void append(const Program& other) {
        code_.insert(code_.end(), other.code_.begin(), other.code_.end());
    }
    SocketFilter finish() && {
        if (code_.size() <= BPF_MAXINSNS)
            return std::move(code_);
        return {sock_filter{BPF_RET | BPF_K, 0, 0, kPass}};
    }

private:
    SocketFilter code_;
};

/// The last 32 bits of an address, as a BPF load sees them.
std::uint32_t last_word(const core::Address& address) {
    const auto bytes = core::address_bytes(address);
    const std::size_t begin = core::address_bits(core::family_of(address)) / 8U - 4;
    std::uint32_t word = 0;
    for (std::size_t i = begin; i < begin + 4; ++i)
        word = word << 8U | bytes[i];
    return word;
}

Program neighbours_of_family(const std::set<core::NeighbourKey>& neighbours, core::Family family) {
    std::set<std::uint32_t> words;
    for (const core::NeighbourKey& key : neighbours)
        if (core::family_of(key.address) == family)
            words.insert(last_word(key.address));
    Program program;
    program.load_attribute(kBody + NLMSG_ALIGN(sizeof(ndmsg)), NDA_DST,
                           core::address_bits(family) / 8U - 4U);
    program.pass_any_of(words);
    program.drop();
    return program;
}

} // namespace

SocketFilter neighbour_filter(const std::set<core::NeighbourKey>& neighbours) {
    const Program v4 = neighbours_of_family(neighbours, core::Family::v4);
    const Program v6 = neighbours_of_family(neighbours, core::Family::v6);
    Program program;
    program.load_byte(kBody + offsetof(ndmsg, ndm_family));
    program.if_equal(AF_INET6);
    program.jump_over(v4);
    program.append(v4);
    program.append(v6);
    return std::move(program).finish();
}

SocketFilter route_filter(const std::set<std::uint32_t>& tables) {
    // Loads are big-endian, netlink is in host order.
    std::set<std::uint32_t> words;
    for (const std::uint32_t table : tables)
        words.insert(htonl(table));
    Program routes;
    routes.load_byte(kBody + offsetof(rtmsg, rtm_dst_len));
    routes.if_equal(0);
    routes.pass();
    // what core::shows_delegation(), and little else
    Program if_unreachable;
    if_unreachable.load_byte(kBody + offsetof(rtmsg, rtm_protocol));
    if_unreachable.if_equal(RTPROT_DHCP);
    if_unreachable.pass();
    routes.load_byte(kBody + offsetof(rtmsg, rtm_type));
    Program skip;
    skip.jump_over(if_unreachable);
    routes.if_equal(RTN_UNREACHABLE);
    routes.jump_over(skip);
    routes.append(skip);
    routes.append(if_unreachable);
    routes.load_attribute(kBody + NLMSG_ALIGN(sizeof(rtmsg)), RTA_TABLE, 0);
    routes.pass_any_of(words);
    routes.drop();

    Program other_types;
    other_types.pass();
    Program if_deleted;
    if_deleted.if_equal(htons(RTM_DELROUTE));
    if_deleted.jump_over(other_types);
    if_deleted.append(other_types);

    Program program;
    program.load_half(kTypeOffset);
    program.if_equal(htons(RTM_NEWROUTE));
    program.jump_over(if_deleted);
    program.append(if_deleted);
    program.append(routes);
    return std::move(program).finish();
}

} // namespace multihomed::observe
