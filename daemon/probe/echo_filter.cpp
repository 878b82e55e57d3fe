// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe/echo_filter.hpp"

#include <cstdint>

namespace multihomed::probe {

namespace {

/// Where things are, counted from the ICMP header of a packet as the filter sees it.
struct Layout {
    std::uint8_t reply;
    std::uint8_t request;
    std::uint32_t inner_protocol; ///< in the request's IP header, which comes back in an error
    std::uint8_t icmp;
    std::uint32_t inner_message; ///< our requests have no IP options, no extension headers
};
constexpr core::PerFamily<Layout> kLayouts{{
    Layout{0, 8, 8 + 9, 1, 8 + 20},
    Layout{129, 128, 8 + 6, 58, 8 + 40},
}};

constexpr std::uint32_t kPass = 0xffffffffU;

class Program {
public:
    void add(unsigned code, std::uint32_t k) {
        code_.push_back(sock_filter{static_cast<std::uint16_t>(code), 0, 0, k});
    }
    /// Drops the packet unless the accumulator equals k.
    void require(std::uint32_t k) {
        code_.push_back(sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, k});
        add(BPF_RET | BPF_K, 0);
    }
    void load8(std::uint32_t at) { add(BPF_LD | BPF_B | BPF_IND, at); }
    void load16(std::uint32_t at) { add(BPF_LD | BPF_H | BPF_IND, at); }
    void load32(std::uint32_t at) { add(BPF_LD | BPF_W | BPF_IND, at); }
    void pass() { add(BPF_RET | BPF_K, kPass); }
    /// Skips `other` unless the accumulator equals k, then runs it.
    void when_equal(std::uint32_t k, const Program& other) {
        const auto size = static_cast<std::uint8_t>(other.code_.size());
        code_.push_back(sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, size, k});
        code_.insert(code_.end(), other.code_.begin(), other.code_.end());
    }
    std::vector<sock_filter> finish() && { return std::move(code_); }

private:
    std::vector<sock_filter> code_;
};

std::uint32_t word(const Cookie& cookie, std::size_t at) {
    return static_cast<std::uint32_t>(cookie[at]) << 24U |
           static_cast<std::uint32_t>(cookie[at + 1]) << 16U |
           static_cast<std::uint32_t>(cookie[at + 2]) << 8U | cookie[at + 3];
}

} // namespace

std::vector<sock_filter> echo_filter(core::Family family, const EchoIdentity& identity) {
    const Layout& layout = kLayouts[family];
    Program reply;
    reply.load16(4);
    reply.require(identity.identifier);
    reply.load32(8);
    reply.require(word(identity.cookie, 0));
    reply.load32(12);
    reply.require(word(identity.cookie, 4));
    reply.pass();

    Program program;
    // X: where the ICMP header begins. IPv4 packets come with their IP header.
    if (family == core::Family::v4)
        program.add(BPF_LDX | BPF_B | BPF_MSH, 0);
    else
        program.add(BPF_LDX | BPF_IMM, 0);
    program.load8(0);
    program.when_equal(layout.reply, reply);
    program.load8(layout.inner_protocol);
    program.require(layout.icmp);
    program.load8(layout.inner_message);
    program.require(layout.request);
    program.load16(layout.inner_message + 4);
    program.require(identity.identifier);
    program.pass();
    return std::move(program).finish();
}

} // namespace multihomed::probe
